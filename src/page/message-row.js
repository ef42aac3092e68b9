// A row of the message list: a message or a notice, below the date if it is the first of a day, and below a
// divider if it is the first unread or the first encrypted one. Rows whose props are unchanged are not rendered again.

import { Avatar, Component, html, Icon, names, User } from "./html.js";
import { lazy } from "./loading.js";
import { mentions, singleLine } from "./markup.js";
import { titleOf } from "./names.js";
import { isKeyMessage } from "./room.js";
import { formatDay, formatFull, formatTime, isSameDay, localizeTimes } from "./time-format.js";

const MessageText = lazy("message-text", "MessageText", {
  meanwhile: ({ text }) => html`<div class="text" dir="auto">${text.slice(0, MEANWHILE_CHARS)}</div>`,
});
const MessageToolbar = lazy("message-toolbar", "MessageToolbar");

const CallRow = lazy("call-row", "CallRow");

const MEANWHILE_CHARS = 2_000; // shown of a text before its formatting is known

const UNREADABLE = {
  "no-key": "This device does not have the key to this message",
  damaged: "This message was altered in transit, or does not belong here",
  forged: "This message is not from the user that it names",
  repeated: "The server delivered this message twice",
};

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
      ${entry.notice === "call" ? html`<${CallRow} entry=${entry} me=${props.me} actions=${props.actions} />` : entry.notice ? notice(entry) : isKeyMessage(entry) ? keyMessage(entry) : message(props, grouped)}
    </div>`;
  }
}

const isMention = ({ entry, me }) => entry.user !== me && !entry.deleted && entry.text && mentions(entry.text, me);

const REACTIONS_SHOWN = 12;

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
      ${entry.replyTo !== undefined && !deleted && quote(props)}
      ${deleted ? html`<p class="text placeholder" dir="auto">Message deleted${note && `: ${note}`}</p>` : body(props)}
      ${!deleted && reactions(props)}
      ${state === "failed" && failed(props)}
    </div>
    <span class="message-status">
      ${!deleted && encryptionMark(entry, props.encrypted)}
      ${edited && !deleted && html`<span class="edited" title=${formatFull(edited)}>edited</span>`}
      ${state === "waiting" && html`<span class="tick" role="img" aria-label="Waiting to be sent" title="Waiting to be sent"><${Icon} name="wait" /></span>`}
      ${receipts && tick(receipts, () => actions.receipts(entry), active)}
    </span>
    ${active && entry.seq !== undefined && !deleted && html`<${MessageToolbar} ...${props} />`}`;
}

function body({ entry: { seq, text, data, cipher, opened }, me, actions }) {
  if (data) return html`<p class="text">${text} <button type="button" class="quiet" onClick=${() => save(data, `message-${seq}.bin`)}>Save</button></p>`;
  if (cipher && !opened && !text) return html`<p class="text placeholder">Decrypting…</p>`;
  if (opened?.state === "unreadable") return html`<p class="text placeholder"><${Icon} name="lock" /> ${UNREADABLE[opened.reason]}</p>`;
  return html`<${MessageText} text=${text} me=${me} onResize=${actions.resized} />`;
}

// Has the browser save bytes as a file.
function save(data, name) {
  const href = URL.createObjectURL(new Blob([data], { type: "application/octet-stream" }));
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // the browser reads it later
}

// How the message was encrypted, and by whom.
function encryptionMark({ opened, seq, cipher }, encrypted) {
  const [level, label] =
    opened?.state === "verified" ? ["verified", "Encrypted, from a verified device"]
    : opened?.state === "encrypted" && opened.device.trust === "new" ? ["doubtful", "Encrypted, but from a new device: compare its safety number"]
    : opened?.state === "encrypted" && opened.late ? ["doubtful", "Encrypted with a key that had been replaced"]
    : opened?.state === "encrypted" ? ["encrypted", "Encrypted"]
    : encrypted && !cipher && seq !== undefined ? ["plain", "Not encrypted"]
    : [];
  if (!level) return undefined;
  return html`<span class="encryption-mark" data-level=${level} role="img" aria-label=${label} title=${label}>${level === "plain" ? "not encrypted" : html`<${Icon} name="lock" />`}</span>`;
}

function failed({ entry, actions }) {
  return html`<p class="failed">Not sent: ${localizeTimes(entry.reason)}.
    <button type="button" class="quiet" onClick=${() => actions.retry(entry)}>Try again</button>
    <button type="button" class="quiet" onClick=${() => actions.discard(entry)}>Remove</button></p>`;
}

function tick(receipts, onClick, active) {
  const [state, text] = receipts.split("|");
  const [level, count] = state.split(" "); // of those who have read it, if not all have
  const label = text.charAt(0).toUpperCase() + text.slice(1);
  return html`<button type="button" class="tick" data-level=${level} aria-label=${label} title=${label} tabindex=${active ? 0 : -1} onClick=${onClick}>
    ${count}<${Icon} name=${level === "sent" ? "tick" : "ticks"} /></button>`;
}

// The message that this one replies to; a click scrolls to it.
function quote({ entry: { replyTo }, repliedTo, actions }) {
  return html`<button type="button" class="quote" onClick=${() => actions.show(replyTo)}>
    ${repliedTo ? html`<${User} of=${repliedTo.user} /> <span dir="auto">${repliedTo.deleted ? "Message deleted" : singleLine(repliedTo.text, 160)}</span>` : "An earlier message"}</button>`;
}

// The reactions: each emoji once, with the users.
function reactions({ entry, reactions, me, actions }) {
  if (!reactions?.size) return undefined;
  const byEmoji = new Map();
  for (const { user, text } of reactions.values()) if (text) byEmoji.set(text, [...(byEmoji.get(text) ?? []), user]);
  return html`<p class="reactions">${[...byEmoji].slice(0, REACTIONS_SHOWN).map(([emoji, users]) => {
    const label = `${emoji} ${users.length}, by ${users.slice(0, 5).map(titleOf).join(", ")}${users.length > 5 ? ` and ${users.length - 5} more` : ""}`;
    return html`<button type="button" key=${emoji} aria-pressed=${users.includes(me)} aria-label=${label} title=${label} onClick=${() => actions.react(entry, emoji)}>
      <bdi>${singleLine(emoji, 16)}</bdi> ${users.length}</button>`;
  })}</p>`;
}

function keyMessage({ user, at, opened }) {
  const what = !opened.rekey ? " can now read encrypted messages here" : opened.rekey.adopted ? " changed the key" : " changed the key, but this device did not receive the new one";
  return html`<p class="notice-text"><${User} of=${user} />${what} ${noticeTime(at)}</p>`;
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

const noticeTime = (at) => html`<time datetime=${at} title=${formatFull(at)}>${formatTime(at)}</time>`;
