// The panel beside the messages that lists the members of the room.

import { Avatar, html, IconButton, Name } from "./html.js";
import { short, whole } from "./time-format.js";

const MEMBERS_SHOWN = 200;
const RANK = { online: 0, away: 1, offline: 2 };

export function Members({ chat, room, ui }) {
  // Cut before sorting: a crowd that comes and goes must not stop the page.
  const members = [...room.members.values()].slice(0, MEMBERS_SHOWN)
    .sort((a, b) => (RANK[a.status] ?? 3) - (RANK[b.status] ?? 3) || a.user.localeCompare(b.user));
  const more = room.count - members.length;
  return html`<aside class="side" aria-label="Members">
    <header><h2>Members <span class="quantity">${room.count || ""}</span></h2><${IconButton} icon="close" label="Close members" onClick=${() => ui.side()} /></header>
    <ul class="members">${members.map((member) => html`<li key=${member.user}>${memberRow(member, chat, ui)}</li>`)}</ul>
    ${more > 0 && html`<p class="hint">and ${more.toLocaleString()} more</p>`}
  </aside>`;
}

function memberRow({ user, status, note, lastSeen }, chat, ui) {
  const state = status === "online" ? "" : note || (lastSeen ? `${status} since ${short(lastSeen)}` : status);
  const inside = html`<${Avatar} of=${user} status=${status} />
    <span class="what"><${Name} of=${user} />${user === chat.me && html`<small> you</small>`}<small class="note" title=${lastSeen && whole(lastSeen)}>${state}</small></span>`;
  if (user === chat.me) return html`<span class="member">${inside}</span>`;
  return html`<button type="button" class="member" title=${`Write to ${user} privately`} onClick=${() => ui.turn(chat.open("private", user))}>${inside}</button>`;
}
