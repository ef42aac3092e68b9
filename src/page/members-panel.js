// The panel beside the messages that lists the members of the room. A member leads to what one may do with them.

import { Avatar, Component, html, IconButton, User } from "./html.js";
import { memberState } from "./member-actions.js";
import { formatFull, formatShort } from "./time-format.js";

const MEMBERS_SHOWN = 200;
const STATUS_ORDER = { online: 0, away: 1, offline: 2 };

export class MembersPanel extends Component {
  componentDidMount() {
    this.#load();
  }

  componentDidUpdate({ room }) {
    if (room !== this.props.room) this.#load();
  }

  // Who owns and moderates the room, and, for a moderator, who is muted.
  #load() {
    const { chat, room } = this.props;
    chat.moderation.then((moderation) => moderation.load(room)).catch(() => {}); // the list is shown without it
  }

  render({ chat, room, ui }) {
    // Cut before sorting, so that a crowd that comes and goes does not block the page.
    const members = [...room.members.values()].slice(0, MEMBERS_SHOWN)
      .sort((a, b) => (STATUS_ORDER[a.status] ?? 3) - (STATUS_ORDER[b.status] ?? 3) || a.user.localeCompare(b.user));
    const more = room.count - members.length;
    return html`<aside class="panel" aria-label="Members">
      <header><h2>Members <span class="member-count">${room.count || ""}</span></h2><${IconButton} icon="close" label="Close members" onClick=${() => ui.togglePanel()} /></header>
      <ul class="members">${members.map((member) => html`<li key=${member.user}>${memberItem(member, room, chat, ui)}</li>`)}</ul>
      <p class="hint"><button type="button" class="quiet" onClick=${() => ui.dialog("invite")}>Invite people…</button></p>
      ${more > 0 && html`<p class="hint">and ${more.toLocaleString()} more</p>`}
    </aside>`;
  }
}

function memberItem({ user, status, note, lastSeen }, room, chat, ui) {
  const presence = status === "online" ? "" : note || (lastSeen ? `${status} since ${formatShort(lastSeen)}` : status);
  const state = [memberState(room, user), presence].filter((part) => part && part !== "member").join(", ");
  const content = html`<${Avatar} of=${user} status=${status} />
    <span class="summary"><${User} of=${user} />${user === chat.me && html`<small> you</small>`}<small class="note" title=${lastSeen && formatFull(lastSeen)}>${state}</small></span>`;
  if (user === chat.me) return html`<span class="member">${content}</span>`;
  return html`<button type="button" class="member" aria-haspopup="dialog" onClick=${() => ui.dialog("member", { user })}>${content}</button>`;
}
