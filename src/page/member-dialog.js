// The dialog of a member of a room: who they are, and what one may do with them.

import { Dialog } from "./dialog.js";
import { Avatar, html, User } from "./html.js";
import { MemberActions, memberState } from "./member-actions.js";
import { titleOf } from "./names.js";

export function MemberDialog({ chat, room, user, ui, onClose }) {
  const { status, note } = room.members.get(user) ?? {};
  const message = () => {
    onClose();
    ui.select(chat.open("private", user));
  };
  return html`<${Dialog} title=${titleOf(user)} onClose=${onClose}>
    <p class="profile"><${Avatar} of=${user} status=${status} /> <span><${User} of=${user} /><small>${[memberState(room, user), status, note].filter(Boolean).join(", ")}</small></span></p>
    <${MemberActions} chat=${chat} room=${room} user=${user} ui=${ui} onMessage=${message} />
  </${Dialog}>`;
}
