// The parts of a message that most messages do not have: what it answers, reactions, bytes, and how it was encrypted.

import { html, Icon, User } from "./html.js";
import { singleLine } from "./markup.js";
import { noticeTime } from "./message-row.js";
import { titleOf } from "./names.js";
import { localizeTimes } from "./time-format.js";

const REACTIONS_SHOWN = 12;

const UNREADABLE = {
  "no-key": "This device does not have the key to this message",
  damaged: "This message was altered in transit, or does not belong here",
  forged: "This message is not from the user that it names",
  repeated: "The server delivered this message twice",
};

export function Unreadable({ reason }) {
  return html`<p class="text placeholder"><${Icon} name="lock" /> ${UNREADABLE[reason]}</p>`;
}

export function Data({ seq, text, data }) {
  return html`<p class="text">${text} <button type="button" class="quiet" onClick=${() => save(data, `message-${seq}.bin`)}>Save</button></p>`;
}

// Has the browser save bytes as a file.
function save(data, name) {
  const href = URL.createObjectURL(new Blob([data], { type: "application/octet-stream" }));
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // the browser reads it later
}

// How the message was encrypted, and by whom.
export function EncryptionMark({ entry: { opened, seq, cipher }, encrypted }) {
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

export function Failure({ entry, actions }) {
  return html`<p class="failed">Not sent: ${localizeTimes(entry.reason)}.
    <button type="button" class="quiet" onClick=${() => actions.retry(entry)}>Try again</button>
    <button type="button" class="quiet" onClick=${() => actions.discard(entry)}>Remove</button></p>`;
}

// The message that this one replies to; a click scrolls to it.
export function Quote({ entry: { replyTo }, repliedTo, actions }) {
  return html`<button type="button" class="quote" onClick=${() => actions.show(replyTo)}>
    ${repliedTo ? html`<${User} of=${repliedTo.user} /> <span dir="auto">${repliedTo.deleted ? "Message deleted" : singleLine(repliedTo.text, 160)}</span>` : "An earlier message"}</button>`;
}

// The reactions: each emoji once, with the users.
export function Reactions({ entry, reactions, me, actions }) {
  const byEmoji = new Map();
  for (const { user, text } of reactions.values()) if (text) byEmoji.set(text, [...(byEmoji.get(text) ?? []), user]);
  return html`<p class="reactions">${[...byEmoji].slice(0, REACTIONS_SHOWN).map(([emoji, users]) => {
    const label = `${emoji} ${users.length}, by ${users.slice(0, 5).map(titleOf).join(", ")}${users.length > 5 ? ` and ${users.length - 5} more` : ""}`;
    return html`<button type="button" key=${emoji} aria-pressed=${users.includes(me)} aria-label=${label} title=${label} onClick=${() => actions.react(entry, emoji)}>
      <bdi>${singleLine(emoji, 16)}</bdi> ${users.length}</button>`;
  })}</p>`;
}

// A device has the key now, or has made another.
export function KeyNotice({ entry: { user, at, opened } }) {
  const what = !opened.rekey ? " can now read encrypted messages here" : opened.rekey.adopted ? " changed the key" : " changed the key, but this device did not receive the new one";
  return html`<p class="notice-text"><${User} of=${user} />${what} ${noticeTime(at)}</p>`;
}
