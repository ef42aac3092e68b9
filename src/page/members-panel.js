// The panel beside the messages that lists the members of the room.

import { Avatar, html, IconButton, Name } from "./html.js";
import { formatFull, formatShort } from "./time-format.js";

const MEMBERS_SHOWN = 200;
const STATUS_ORDER = { online: 0, away: 1, offline: 2 };

export function MembersPanel({ chat, room, ui }) {
  // Cut before sorting, so that a crowd that comes and goes does not block the page.
  const members = [...room.members.values()].slice(0, MEMBERS_SHOWN)
    .sort((a, b) => (STATUS_ORDER[a.status] ?? 3) - (STATUS_ORDER[b.status] ?? 3) || a.user.localeCompare(b.user));
  const more = room.count - members.length;
  return html`<aside class="panel" aria-label="Members">
    <header><h2>Members <span class="member-count">${room.count || ""}</span></h2><${IconButton} icon="close" label="Close members" onClick=${() => ui.togglePanel()} /></header>
    <ul class="members">${members.map((member) => html`<li key=${member.user}>${memberItem(member, chat, ui)}</li>`)}</ul>
    ${more > 0 && html`<p class="hint">and ${more.toLocaleString()} more</p>`}
  </aside>`;
}

function memberItem({ user, status, note, lastSeen }, chat, ui) {
  const state = status === "online" ? "" : note || (lastSeen ? `${status} since ${formatShort(lastSeen)}` : status);
  const content = html`<${Avatar} of=${user} status=${status} />
    <span class="summary"><${Name} of=${user} />${user === chat.me && html`<small> you</small>`}<small class="note" title=${lastSeen && formatFull(lastSeen)}>${state}</small></span>`;
  if (user === chat.me) return html`<span class="member">${content}</span>`;
  return html`<button type="button" class="member" title=${`Message ${user} privately`} onClick=${() => ui.select(chat.open("private", user))}>${content}</button>`;
}
