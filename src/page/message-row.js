// A row of the message list: a message or a notice, below the date if it is the first of a day, and below a
// divider if it is the first unread or the first encrypted one. Rows whose props are unchanged are not rendered again.

import { Avatar, Component, html, Icon, names, User } from "./html.js";
import { lazy } from "./loading.js";
import { mentions } from "./markup.js";
import { isKeyMessage } from "./room.js";
import { formatDay, formatFull, formatTime, isSameDay } from "./time-format.js";

const MessageText = lazy("message-text", "MessageText", {
  meanwhile: ({ text }) => html`<div class="text" dir="auto">${text.slice(0, MEANWHILE_CHARS)}</div>`,
});
const MessageToolbar = lazy("message-toolbar", "MessageToolbar");

const CallRow = lazy("call-row", "CallRow");
const Data = lazy("message-parts", "Data");
const EncryptionMark = lazy("message-parts", "EncryptionMark");
const Failure = lazy("message-parts", "Failure");
const KeyNotice = lazy("message-parts", "KeyNotice");
const Quote = lazy("message-parts", "Quote");
const Reactions = lazy("message-parts", "Reactions");
const Unreadable = lazy("message-parts", "Unreadable");

const MEANWHILE_CHARS = 2_000; // shown of a text before its formatting is known

const GROUP_MS = 5 * 60_000; // messages of one user that are closer together than this are grouped

export class MessageRow extends Component {
  shouldComponentUpdate(next) {
    return COMPARED.some((key) => next[key] !== this.props[key]);
  }

  render(props) {
    const { entry, before, isFirstUnread, isFirstEncrypted, active, target } = props;
    const newDay = !before || !isSameDay(before.at, entry.at);
    const grouped = !newDay && !isFirstUnread && !isFirstEncrypted && isSameGroup(entry, before);
    const classes = ["message-row", entry.notice || isKeyMessage(entry) ? "notice" : "message", grouped && "grouped", active && "active", isMention(props) && "mentioned", target && "target"];
    return html`<div class=${classes.filter(Boolean).join(" ")} role="listitem" tabindex="-1" data-id=${entry.id} data-seq=${entry.seq} data-state=${entry.state}>
      ${newDay && html`<p class="day"><span>${formatDay(entry.at)}</span></p>`}
      ${isFirstEncrypted && html`<p class="day"><span>Messages before this are not encrypted</span></p>`}
      ${isFirstUnread && html`<p class="divider"><span>New</span></p>`}
      ${entry.notice === "call" ? html`<${CallRow} entry=${entry} me=${props.me} actions=${props.actions} />` : entry.notice ? notice(entry) : isKeyMessage(entry) ? html`<${KeyNotice} entry=${entry} onResize=${props.actions.resized} />` : message(props, grouped)}
    </div>`;
  }
}

const isMention = ({ entry, me }) => entry.user !== me && !entry.deleted && entry.text && mentions(entry.text, me);

const COMPARED = ["called", "reactions", "repliedTo", "entry", "before", "encrypted", "isFirstUnread", "isFirstEncrypted", "active", "target", "receipts", "me", "room", "canModerate"];

function isSameGroup(entry, before) {
  const isMessage = (each) => !each.notice && !isKeyMessage(each);
  return before.user === entry.user && isMessage(entry) && isMessage(before) && Date.parse(entry.at) - Date.parse(before.at) < GROUP_MS;
}

function message(props, grouped) {
  const { entry, me, receipts, active, actions } = props;
  const { user, at, state, edited, deleted, note } = entry;
  return html`
    ${grouped ? html`<span class="grouped-time" aria-hidden="true"><time datetime=${at} title=${formatFull(at)}>${formatTime(at)}</time></span>` : html`<${Avatar} of=${user} />`}
    <div class="message-body" data-own=${user === me || undefined}>
      <p class=${grouped ? "visually-hidden" : "head"}><${User} of=${user} /> <time datetime=${at} title=${formatFull(at)}>${formatTime(at)}</time></p>
      ${entry.replyTo !== undefined && !deleted && html`<${Quote} ...${props} onResize=${actions.resized} />`}
      ${deleted ? html`<p class="text placeholder" dir="auto">Message deleted${note && `: ${note}`}</p>` : body(props)}
      ${!deleted && props.reactions?.size > 0 && html`<${Reactions} ...${props} onResize=${actions.resized} />`}
      ${state === "failed" && html`<${Failure} ...${props} onResize=${actions.resized} />`}
    </div>
    <span class="message-status">
      ${!deleted && (entry.opened || props.encrypted) && html`<${EncryptionMark} ...${props} />`}
      ${edited && !deleted && html`<span class="edited" title=${formatFull(edited)}>edited</span>`}
      ${state === "waiting" && html`<span class="tick" role="img" aria-label="Waiting to be sent" title="Waiting to be sent"><${Icon} name="wait" /></span>`}
      ${receipts && tick(receipts, () => actions.receipts(entry), active)}
    </span>
    ${active && entry.seq !== undefined && !deleted && html`<${MessageToolbar} ...${props} />`}`;
}

function body({ entry: { seq, text, data, cipher, opened }, me, actions }) {
  if (data) return html`<${Data} seq=${seq} text=${text} data=${data} onResize=${actions.resized} />`;
  if (cipher && !opened && !text) return html`<p class="text placeholder">Decrypting…</p>`;
  if (opened?.state === "unreadable") return html`<${Unreadable} reason=${opened.reason} onResize=${actions.resized} />`;
  return html`<${MessageText} text=${text} me=${me} onResize=${actions.resized} />`;
}

function tick(receipts, onClick, active) {
  const [state, text] = receipts.split("|");
  const [level, count] = state.split(" "); // of those who have read it, if not all have
  const label = text.charAt(0).toUpperCase() + text.slice(1);
  return html`<button type="button" class="tick" data-level=${level} aria-label=${label} title=${label} tabindex=${active ? 0 : -1} onClick=${onClick}>
    ${count}<${Icon} name=${level === "sent" ? "tick" : "ticks"} /></button>`;
}

function notice(entry) {
  if (entry.notice === "text") return html`<p class="notice-text">${entry.text}. ${noticeTime(entry.at)}</p>`;
  const groups = new Map();
  for (const [user, { first, last }] of entry.changes) {
    const what = first === last ? { join: "joined", leave: "left" }[last] : { join: "left and came back", leave: "joined and left" }[last];
    groups.set(what, [...(groups.get(what) ?? []), user]);
  }
  const sentences = [...groups].flatMap(([what, users], i) => [i > 0 ? "; " : "", ...names(users), ` ${what}`]);
  return html`<p class="notice-text">${sentences} ${noticeTime(entry.at)}</p>`;
}

export const noticeTime = (at) => html`<time datetime=${at} title=${formatFull(at)}>${formatTime(at)}</time>`;
