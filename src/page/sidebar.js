// The sidebar: the open rooms and private conversations, each with its last message and unread count.

import { Avatar, html, Icon, IconButton, Name, RoomSign, User } from "./html.js";
import { singleLine } from "./markup.js";
import { displayNames } from "./names.js";
import { formatShort } from "./time-format.js";
import { NARROW } from "./viewport.js";

const UNREAD_SHOWN = 99;

// In place of a conversation, and in one column of the list.
export function NoConversation({ ui }) {
  return html`<div class="empty"><p>No conversation is open.</p><button type="button" class="primary" onClick=${() => ui.dialog("rooms")}>Open a room</button></div>`;
}

export function Sidebar({ chat, ui, inert }) {
  const all = [...chat.rooms.values()];
  return html`<nav class="sidebar" aria-label="Conversations" inert=${inert}>
    <header>
      <h1 class="brand"><svg viewBox="0 0 32 32" aria-hidden="true"><path class="bubble" d="M6 4h20a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4H15l-7 6v-6H6a4 4 0 0 1-4-4V8a4 4 0 0 1 4-4z" /><path class="lines" d="M9 11h14M9 17h9" /></svg>roomd</h1>
      <${IconButton} icon="plus" label="Open or create a room" onClick=${() => ui.dialog("rooms")} />
    </header>
    <div class="conversations">
      ${all.length === 0 && NARROW.matches && html`<${NoConversation} ui=${ui} />`}
      ${list("Rooms", all.filter(({ kind }) => kind === "room"), chat, ui)}
      ${list("Private", all.filter(({ kind }) => kind === "private"), chat, ui)}
    </div>
    <footer>
      <button type="button" class="me" onClick=${() => ui.dialog("settings")}>
        <${Avatar} of=${chat.me} status=${chat.connection.phase !== "online" ? "offline" : chat.away ? "away" : "online"} />
        <span><${User} of=${chat.me} /><small>${chat.away && chat.connection.phase === "online" ? "Away" : PHASES[chat.connection.phase]}</small></span>
        <span class="visually-hidden">: your settings</span>
      </button>
    </footer>
  </nav>`;
}

const PHASES = { idle: "Connecting…", connecting: "Connecting…", online: "Online", waiting: "Offline", closed: "Offline" };

function list(title, rooms, chat, ui) {
  if (rooms.length === 0) return undefined;
  return html`<h2 id=${`list-${title}`}>${title}</h2>
    <ul aria-labelledby=${`list-${title}`}>${rooms.map((room) => item(room, chat, ui))}</ul>`;
}

function item(room, chat, ui) {
  const { last, unread, mentioned } = room;
  const level = chat.levelOf(room);
  const isQuiet = level !== "all";
  const preview = room.draft && room !== chat.active ? ["Draft: ", singleLine(room.draft)] : last ? previewOfLast(last, room, chat.me) : [];
  return html`<li key=${room.key} data-unread=${unread > 0 || undefined}>
    <button type="button" class="conversation" aria-current=${room === chat.active ? "true" : undefined} onClick=${() => ui.select(room)} onContextMenu=${(event) => ui.menu(event, room)}>
      ${room.kind === "room" ? html`<${RoomSign} isPrivate=${room.isPrivate} />` : html`<${Avatar} of=${room.name} status=${chat.statusOf(room.name)} />`}
      <span class="summary">
        <span class="top">${room.kind === "room" ? html`<${Name} of=${room.name} />` : html`<${User} of=${room.name} />`} ${chat.isEncrypted(room) && html`<span class="encryption-mark" role="img" aria-label="Encrypted"><${Icon} name="lock" /></span>`} ${level === "nothing" && html`<span class="encryption-mark" role="img" aria-label="Notifies you of nothing" title="Notifies you of nothing"><${Icon} name="bell" /></span>`} ${last && html`<time datetime=${last.at}>${formatShort(last.at)}</time>`}</span>
        <span class="bottom"><span class="last">${preview}</span>
          ${mentioned > 0 && html`<span class=${level === "nothing" ? "count quiet-count" : "count"}><span aria-hidden="true">@</span>${mentioned}<span class="visually-hidden"> ${mentioned === 1 ? "mention" : "mentions"}</span></span>`}
          ${unread > 0 && html`<span class=${isQuiet || mentioned > 0 ? "count quiet-count" : "count"}>${unread > UNREAD_SHOWN ? `${UNREAD_SHOWN}+` : unread}<span class="visually-hidden"> unread</span></span>`}</span>
      </span>
    </button>
  </li>`;
}

function previewOfLast(last, room, me) {
  const text = last.cipher && !last.text ? "Encrypted message" : singleLine(last.text);
  if (last.user === me) return ["You: ", text];
  return room.kind === "room" ? [html`<${Name} of=${displayNames.get(last.user) ?? last.user} />`, ": ", text] : [text];
}
