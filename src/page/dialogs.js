// The smaller dialogs: opening a room, the settings, the receipts of a message, and confirmations.

import { enterSends } from "./composer.js";
import { Dialog } from "./dialog.js";
import { DisplayNameForm } from "./display-name-form.js";
import { Avatar, Component, createRef, html, Name, RoomSign, User } from "./html.js";
import { addressOfRoom, roomName, titleOf } from "./names.js";
import { singleLine } from "./markup.js";
import { NotificationLevel } from "./notification-level.js";
import { formatFull, formatShort } from "./time-format.js";

const ROOMS_SHOWN = 200;
const PEOPLE_SHOWN = 8;

export class RoomsDialog extends Component {
  state = { filter: "", private: false, encrypted: false, waiting: false, problem: undefined };
  field = createRef();
  #closed = false;

  componentDidMount() {
    this.props.chat.loadRooms();
    this.field.current.focus();
  }

  componentWillUnmount() {
    this.#closed = true;
  }

  #submit = async (event) => {
    event.preventDefault();
    const { chat } = this.props;
    const { private: isPrivate, encrypted } = this.state;
    const name = roomName(this.field.current.value);
    if (!name) return this.#refuse(problemOf(this.field.current.value));
    const isNew = isPrivate || !isListed(chat, name);
    try {
      if (isNew) {
        this.setState({ waiting: true, problem: undefined });
        await chat.online(); // only the server can create it
        if (encrypted) await (await chat.encryption).engine(); // before there is a room without it
        this.setState({ waiting: false });
        if (this.#closed) return;
        await chat.client.request({ type: "create", room: name, private: isPrivate });
      }
    } catch ({ code, message }) {
      // Somebody else created it before: open it all the same.
      if (isPrivate || encrypted || code !== "name_taken") return this.#refuse(`${message}.`);
    }
    const room = this.#open(name);
    if (isNew && encrypted) await this.#encrypt(room);
  };

  // The dialog shows the link with the new key.
  async #encrypt(room) {
    const { chat, ui } = this.props;
    await chat.encryption.then((encryption) => encryption.create(room)).catch(({ message }) => chat.showProblem(`The room is not encrypted: ${message}.`));
    ui.dialog("encryption", { room });
  }

  #refuse(problem) {
    this.setState({ waiting: false, problem });
    this.field.current.focus();
  }

  #open(name, kind = "room") {
    const { chat, ui, onClose } = this.props;
    const room = chat.open(kind, name);
    onClose();
    ui.select(room);
    if (kind === "private") chat.subscribe(room);
    return room;
  }

  render({ chat, onClose }, { filter, private: isPrivate, encrypted, waiting, problem }) {
    const shown = chat.publicRooms.filter(({ room }) => room.toLowerCase().includes(filter.toLowerCase())).slice(0, ROOMS_SHOWN);
    const people = filter ? peopleWith(chat, filter) : [];
    const isNew = filter && (isPrivate || !isListed(chat, roomName(filter)));
    const outcome = !isNew ? "" : isPrivate ? "Enter creates a private room of this name." : "There is no room of this name: Enter creates it, and it is public.";
    return html`<${Dialog} title="Rooms and people" onClose=${onClose}>
      <form class="row" onSubmit=${this.#submit}>
        <input ref=${this.field} aria-label="Room name" placeholder="Room name" autocomplete="off" autocapitalize="off" spellcheck="false"
          aria-describedby="room-problem" aria-invalid=${problem ? "true" : undefined}
          onInput=${({ target }) => this.setState({ filter: target.value.trim(), problem: target.value.trim() && problemOf(target.value) })} />
        <button class="primary" disabled=${waiting}>${isNew ? "Create" : "Open"}</button>
      </form>
      <label class="check"><input type="checkbox" checked=${isPrivate} onChange=${({ target }) => this.setState({ private: target.checked })} /> Private: only invited people can see and join it</label>
      <label class="check"><input type="checkbox" checked=${encrypted} onChange=${({ target }) => this.setState({ encrypted: target.checked })} /> Encrypted: only people with its key can read it, not the server</label>
      <p class="hint" role="status">${waiting ? "Connecting…" : outcome}</p>
      <p id="room-problem" class="problem" role="alert">${problem}</p>
      <p class="hint">A room that you create is permanent, and you own it if your name is registered. Link: <code>${addressOfRoom({ kind: "room", name: roomName(filter) ?? "name" })}</code></p>
      ${people.length > 0 && html`<ul class="room-list" aria-label="People">${people.map((user) => html`<li key=${user}>
        <button type="button" onClick=${() => this.#open(user, "private")}><${Avatar} of=${user} /><${User} of=${user} /><small>private conversation</small></button></li>`)}</ul>`}
      <ul class="room-list" aria-label="Rooms">${shown.map(({ room, members, private: isPrivate }) => html`<li key=${room}>
        <button type="button" onClick=${() => this.#open(room)}><${RoomSign} isPrivate=${isPrivate} /><${Name} of=${room} />
          <small>${members === 1 ? "1 person" : `${members} people`}</small></button></li>`)}</ul>
    </${Dialog}>`;
  }
}

// Why this is no name of a room; undefined if it is one.
function problemOf(input) {
  if (roomName(input)) return undefined;
  return /^\s*dm:/i.test(input) ? "A name that begins with “dm:” stands for a private conversation." : "A name has 1 to 64 characters, without spaces or any of / ? #";
}

// Whom the page knows, by their names and by what they are called.
function peopleWith(chat, filter) {
  const sought = filter.toLowerCase();
  const known = [...chat.rooms.values()].flatMap(({ kind, name, members }) => [...members.keys(), ...(kind === "private" ? [name] : [])]);
  return [...new Set(known)].filter((user) => user !== chat.me && titleOf(user).toLowerCase().includes(sought)).slice(0, PEOPLE_SHOWN);
}

const isListed = (chat, name) => chat.publicRooms.some(({ room }) => room === name);

export function SettingsDialog({ chat, ui, onClose }) {
  const supported = "Notification" in globalThis;
  const blocked = supported && Notification.permission === "denied";
  return html`<${Dialog} title="Settings" onClose=${onClose}>
    <p class="profile"><${Avatar} of=${chat.me} status=${chat.away ? "away" : "online"} /> <span><${User} of=${chat.me} />
      <small>${chat.identity.token ? "This name is registered to this browser" : "Guest: this name is not registered"}</small></span></p>
    ${chat.identity.token && html`<${DisplayNameForm} chat=${chat} />`}
    <label class="check"><input type="checkbox" checked=${chat.away} onChange=${({ target }) => chat.setAway(target.checked)} /> Show me as away</label>
    <label class="check"><input type="checkbox" disabled=${!supported || blocked} checked=${chat.settings.notify && !blocked} onChange=${({ target }) => ui.setNotifications(target.checked)} />
      Notify me of new messages while this page is hidden</label>
    <label class="check"><input type="checkbox" checked=${enterSends(chat)} onChange=${({ target }) => (chat.enterSends = target.checked)} />
      Enter sends a message: otherwise it begins a new line, and the button sends, or Ctrl Enter</label>
    <label class="row">Appearance <select onChange=${({ target }) => (chat.appearance = target.value || undefined)}>
      ${[["", "as the system has it"], ["light", "light"], ["dark", "dark"]].map(([value, label]) => html`<option key=${value} value=${value} selected=${value === (chat.appearance ?? "")}>${label}</option>`)}</select></label>
    ${blocked && html`<p class="hint">This browser blocks notifications from this page.</p>`}
    <p class="row align-end">
      <button type="button" class="with-keyboard" onClick=${() => ui.dialog("shortcuts")}>Keyboard shortcuts</button>
      ${chat.identity.token && html`<button type="button" onClick=${() => ui.dialog("devices")}>Use on another device…</button>`}
      <button type="button" onClick=${() => ui.dialog("signOut")}>Sign out…</button></p>
  </${Dialog}>`;
}

export function ConversationDialog({ chat, room, ui, onClose }) {
  return html`<${Dialog} title=${room.name} onClose=${onClose}>
    <p class="hint">A private conversation: only you and <${User} of=${room.name} /> can read it.</p>
    <${NotificationLevel} chat=${chat} room=${room} />
    <p class="row align-end"><button type="button" onClick=${() => ui.dialog("leave", { room })}>Leave this conversation…</button></p>
  </${Dialog}>`;
}

export class ReceiptsDialog extends Component {
  state = { receipts: undefined, problem: undefined };

  componentDidMount() {
    const { chat, room, entry } = this.props;
    chat.history.then((history) => history.receipts(room, entry.seq)).then(
      (receipts) => this.setState({ receipts: furthest(receipts, chat.me) }),
      ({ message }) => this.setState({ problem: message }),
    );
  }

  render({ room, onClose }, { receipts, problem }) {
    return html`<${Dialog} title="Message receipts" onClose=${onClose}>
      <p class="hint" role="status">${problem ?? (receipts?.length === 0 ? NO_RECEIPTS[room.kind] : receipts ? "" : "Loading…")}</p>
      <ul class="receipts">${receipts?.map(({ user, status, at }) => html`<li key=${user}>
        <${Avatar} of=${user} /><${User} of=${user} /><span>${STATUS[status]} <time datetime=${at} title=${formatFull(at)}>${formatShort(at)}</time></span></li>`)}</ul>
    </${Dialog}>`;
  }
}

const NO_RECEIPTS = { room: "No one else has received it yet.", private: "No receipts have arrived since this page was opened." };
const STATUS = { written: "delivered", received: "received", read: "read" };

function furthest(receipts, me) {
  const users = new Map();
  for (const receipt of receipts) if (receipt.user !== me) users.set(receipt.user, receipt); // ordered by status
  return [...users.values()];
}

// Confirmations of what cannot be undone.

export function DeleteDialog({ chat, room, entry, onClose }) {
  const reason = createRef();
  const onConfirm = () => {
    const note = reason.current?.value.trim();
    return chat.changes.then((changes) => changes.delete(room, entry, { note }), ({ message }) => chat.showProblem(`${message}.`));
  };
  // The author of a message that a moderator deletes wants to know why; of one's own message nobody asks.
  const why = entry.user !== chat.me && html`<label>Reason (optional)<input ref=${reason} name="reason" maxlength="200" autocomplete="off" /></label>`;
  return html`<${Confirm} title="Delete this message?" action="Delete" onClose=${onClose} onConfirm=${onConfirm}
    text=${html`<blockquote class="excerpt" dir="auto">${singleLine(entry.text, 300)}</blockquote> <p>It will be deleted for everyone.</p> ${why}`} />`;
}

export function LeaveDialog({ chat, room, ui, onClose }) {
  const where = chat.identity.token ? "on all your devices" : "in all tabs of this browser";
  const again = room.isPrivate ? "You stay on its list of members, and can come back" : "You can come back";
  const text = room.kind === "room" ? `It closes ${where}, and you receive none of its messages. ${again} with “Open or create a room”.` : `It closes ${where}. Its messages are kept.`;
  const leave = () => {
    chat.leave(room);
    ui.left();
    chat.announce(`You left ${room.name}.`);
  };
  return html`<${Confirm} title=${`Leave ${room.name}?`} action="Leave" onClose=${onClose} onConfirm=${leave}
    text=${room.unsent.length > 0 ? `${text} What is not sent yet will be lost.` : text} />`;
}

export function SignOutDialog({ chat, ui, onClose }) {
  return html`<${Dialog} title="Sign out?" onClose=${onClose}>
    <p>If you sign out, this browser keeps the name <bdi>${chat.me}</bdi>, its rooms and their keys: choose the name again to come back.</p>
    <p>If you let it forget them, you get the name back only from another device where you are signed in${chat.identity.token ? ", or with a token that the administrator of this server makes: it is pasted in place of a name" : ""}; keys of encrypted conversations only from people who have them.</p>
    <p class="row align-end"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="danger" onClick=${() => ui.signOut(true)}>Forget this name</button>
      <button type="button" class="primary" onClick=${() => ui.signOut()}>Sign out</button></p>
  </${Dialog}>`;
}

function Confirm({ title, text, action, onConfirm, onClose }) {
  return html`<${Dialog} title=${title} describedBy="confirm-text" onClose=${onClose}>
    <div id="confirm-text">${text}</div>
    <p class="row align-end"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="primary danger" onClick=${() => (onClose(), onConfirm())}>${action}</button></p>
  </${Dialog}>`;
}
