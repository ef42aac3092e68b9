// One line of the log: a message, or a notice, with what stands above it (a new day, the first that is
// not read). It compares what it shows, so that a burst of messages costs what is new alone.

import { Avatar, Component, html, Icon, IconButton, Name, names } from "./html.js";
import { late } from "./lazy.js";
import { lineOf, partsOf, previewOf } from "./markup.js";
import { isKeyWork } from "./room.js";
import { clock, day, inZone, isSameDay, whole } from "./time-format.js";

const Toolbar = late(() => import("./message-toolbar.js"), "Toolbar");

const UNREADABLE = {
  "no-key": "This device has no key for this message",
  damaged: "This message was changed on its way, or does not belong here",
  forged: "This message is not from whom it claims",
  repeated: "The server has shown this message before",
};

const GROUP_MS = 5 * 60_000; // messages of one user that are nearer than this stand together

export class Line extends Component {
  state = { whole: false };

  shouldComponentUpdate(next, state) {
    return state !== this.state || COMPARED.some((key) => next[key] !== this.props[key]);
  }

  render(props, state) {
    const { entry, before, divided, active, target } = props;
    const newDay = !before || !isSameDay(before.at, entry.at);
    const grouped = !newDay && !divided && belongs(entry, before);
    const classes = ["line", entry.notice || isKeyWork(entry) ? "notice" : "message", grouped && "grouped", active && "active", target && "target"];
    return html`<div class=${classes.filter(Boolean).join(" ")} role="listitem" tabindex="-1" data-id=${entry.id} data-seq=${entry.seq} data-state=${entry.state}>
      ${newDay && html`<p class="day"><span>${day(entry.at)}</span></p>`}
      ${divided && html`<p class="divider"><span>New</span></p>`}
      ${entry.notice ? notice(entry) : isKeyWork(entry) ? keyWork(entry) : message(props, grouped, state.whole, () => this.setState({ whole: true }))}
    </div>`;
  }
}

const SIGNS_SHOWN = 12;

const COMPARED = ["reactions", "about", "entry", "before", "secret", "divided", "active", "target", "receipts", "me", "room", "rules"];

function belongs(entry, before) {
  const person = (each) => !each.notice && !isKeyWork(each);
  return before.user === entry.user && person(entry) && person(before) && Date.parse(entry.at) - Date.parse(before.at) < GROUP_MS;
}

function message(props, grouped, isWhole, showAll) {
  const { entry, me, receipts, active, actions } = props;
  const { user, at, state, edited, deleted } = entry;
  return html`
    ${grouped ? html`<span class="gutter"><time datetime=${at} title=${whole(at)}>${clock(at)}</time></span>` : html`<${Avatar} of=${user} />`}
    <div class="said" data-own=${user === me || undefined}>
      <p class=${grouped ? "unseen" : "head"}><${Name} of=${user} /> <time datetime=${at} title=${whole(at)}>${clock(at)}</time></p>
      ${entry.replyTo !== undefined && !deleted && quote(props)}
      ${deleted ? html`<p class="text gone">Message deleted</p>` : body(entry, isWhole, showAll)}
      ${!deleted && signs(props)}
      ${state === "failed" && failed(props)}
    </div>
    <span class="marks">
      ${!deleted && sealMark(entry, props.secret)}
      ${edited && !deleted && html`<span class="edited" title=${whole(edited)}>edited</span>`}
      ${state === "waiting" && html`<span class="tick" role="img" aria-label="Waiting to be sent" title="Waiting to be sent"><${Icon} name="wait" /></span>`}
      ${receipts && tick(receipts, () => actions.receipts(entry), active)}
    </span>
    ${active && entry.seq !== undefined && !deleted && html`<${Toolbar} ...${props} />`}`;
}

function body({ text, cipher, seal }, isWhole, showAll) {
  if (cipher && !seal && !text) return html`<p class="text gone">Decrypting…</p>`;
  if (seal?.state === "unreadable") return html`<p class="text gone"><${Icon} name="lock" /> ${UNREADABLE[seal.reason]}</p>`;
  const preview = isWhole ? undefined : previewOf(text);
  return html`<div class="text" dir="auto">${parts(preview ?? text)}${preview !== undefined && "…"}</div>
    ${preview !== undefined && html`<button type="button" class="quiet" onClick=${showAll}>Show all ${text.length.toLocaleString()} characters</button>`}`;
}

// How a message was kept from others, as one can see it.
function sealMark({ seal, seq, cipher }, secret) {
  const [level, words] =
    seal?.state === "verified" ? ["verified", "Encrypted, from a verified device"]
    : seal?.state === "encrypted" && seal.device.trust === "new" ? ["doubtful", "Encrypted, but from a new device: compare its safety number"]
    : seal?.state === "encrypted" && seal.late ? ["doubtful", "Encrypted with a key that was replaced before"]
    : seal?.state === "encrypted" ? ["encrypted", "Encrypted"]
    : secret && !cipher && seq !== undefined ? ["plain", "Not encrypted"]
    : [];
  if (!level) return undefined;
  return html`<span class="seal" data-level=${level} role="img" aria-label=${words} title=${words}>${level === "plain" ? "not encrypted" : html`<${Icon} name="lock" />`}</span>`;
}

function parts(text) {
  return partsOf(text).map(({ kind, text, href }) => {
    if (kind === "link") return html`<a href=${href} target="_blank" rel="noopener noreferrer nofollow">${text}</a>`;
    if (kind === "code") return html`<code>${text}</code>`;
    if (kind === "block") return html`<pre><code>${text}</code></pre>`;
    return text;
  });
}

function failed({ entry, actions }) {
  return html`<p class="failed">Not sent: ${inZone(entry.reason)}.
    <button type="button" class="quiet" onClick=${() => actions.again(entry)}>Try again</button>
    <button type="button" class="quiet" onClick=${() => actions.retract(entry)}>Remove</button></p>`;
}

function tick(receipts, onClick, active) {
  const [level, words] = receipts.split("|");
  const label = words.charAt(0).toUpperCase() + words.slice(1);
  return html`<button type="button" class="tick" data-level=${level} aria-label=${label} title=${label} tabindex=${active ? 0 : -1} onClick=${onClick}>
    <${Icon} name=${level === "sent" ? "tick" : "ticks"} /></button>`;
}

// The beginning of the message that this one answers; it leads there.
function quote({ entry: { replyTo }, about, actions }) {
  return html`<button type="button" class="quote" onClick=${() => actions.show(replyTo)}>
    ${about ? html`<${Name} of=${about.user} /> <span dir="auto">${about.deleted ? "Message deleted" : lineOf(about.text, 160)}</span>` : "An earlier message"}</button>`;
}

// What others put to the message: each sign once, with how many and who.
function signs({ entry, reactions, me, actions }) {
  if (!reactions?.size) return undefined;
  const who = new Map();
  for (const { user, text } of reactions.values()) if (text) who.set(text, [...(who.get(text) ?? []), user]);
  return html`<p class="signs">${[...who].slice(0, SIGNS_SHOWN).map(([sign, users]) => {
    const label = `${sign} ${users.length}, by ${users.slice(0, 5).join(", ")}${users.length > 5 ? ` and ${users.length - 5} more` : ""}`;
    return html`<button type="button" key=${sign} aria-pressed=${users.includes(me)} aria-label=${label} title=${label} onClick=${() => actions.react(entry, sign)}>
      <bdi>${lineOf(sign, 16)}</bdi> ${users.length}</button>`;
  })}</p>`;
}

function keyWork({ user, at, seal }) {
  const what = !seal.rekey ? " can read here now" : seal.rekey.adopted ? " changed the key" : " changed the key, and this device did not get the new one";
  return html`<p class="notice-text"><${Name} of=${user} />${what} <time datetime=${at} title=${whole(at)}>${clock(at)}</time></p>`;
}

function notice(entry) {
  if (entry.notice === "note") return html`<p class="notice-text">${entry.text}.</p>`;
  const groups = new Map();
  for (const [user, { first, last }] of entry.moves) {
    const what = first === last ? { join: "joined", leave: "left" }[last] : { join: "left and came back", leave: "joined and left" }[last];
    groups.set(what, [...(groups.get(what) ?? []), user]);
  }
  const sentences = [...groups].flatMap(([what, users], i) => [i > 0 ? "; " : "", ...names(users), ` ${what}`]);
  return html`<p class="notice-text">${sentences} <time datetime=${entry.at} title=${whole(entry.at)}>${clock(entry.at)}</time></p>`;
}
