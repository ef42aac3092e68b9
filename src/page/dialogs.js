// The smaller dialogs: opening a room, the settings, the receipts of a message, and confirmations.

import { Dialog } from "./dialog.js";
import { Avatar, Component, createRef, html, Name, RoomSign } from "./html.js";
import { roomName } from "./names.js";
import { formatFull, formatShort } from "./time-format.js";

const ROOMS_SHOWN = 200;

export class RoomsDialog extends Component {
  state = { filter: "", private: false, waiting: false, problem: undefined };
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
    const { private: isPrivate } = this.state;
    const name = roomName(this.field.current.value);
    if (!name) return this.setState({ problem: "A name has 1 to 64 characters, without spaces or any of / ? #, and does not begin with dm:" });
    try {
      if (isPrivate || !isListed(chat, name)) {
        this.setState({ waiting: true, problem: undefined });
        await chat.online(); // only the server can create it
        this.setState({ waiting: false });
        if (this.#closed) return;
        await chat.client.request({ type: "create", room: name, private: isPrivate });
      }
    } catch ({ code, message }) {
      // Somebody else created it before: open it all the same.
      if (isPrivate || code !== "name_taken") return this.setState({ problem: `${message}.` });
    }
    this.#open(name);
  };

  #open(name) {
    this.props.onClose();
    this.props.ui.select(this.props.chat.open("room", name));
  }

  render({ chat, onClose }, { filter, private: isPrivate, waiting, problem }) {
    const shown = chat.publicRooms.filter(({ room }) => room.toLowerCase().includes(filter.toLowerCase())).slice(0, ROOMS_SHOWN);
    return html`<${Dialog} title="Rooms" onClose=${onClose}>
      <form class="row" onSubmit=${this.#submit}>
        <input ref=${this.field} aria-label="Room name" placeholder="Room name" autocomplete="off" autocapitalize="off" spellcheck="false"
          aria-describedby="room-problem" onInput=${({ target }) => this.setState({ filter: target.value.trim(), problem: undefined })} />
        <button class="primary" disabled=${waiting}>${filter && (isPrivate || !isListed(chat, roomName(filter))) ? "Create" : "Open"}</button>
      </form>
      <label class="check"><input type="checkbox" checked=${isPrivate} onChange=${({ target }) => this.setState({ private: target.checked })} /> Private: only invited people can see and join it</label>
      <p class="hint" role="status">${waiting && "Connecting…"}</p>
      <p id="room-problem" class="problem" role="alert">${problem}</p>
      <p class="hint">A room that you create is permanent, and you own it if your name is registered. Link: <code>${location.origin}/chat/${encodeURIComponent(filter || "name")}</code></p>
      <ul class="room-list" aria-label="Rooms">${shown.map(({ room, members, private: isPrivate }) => html`<li key=${room}>
        <button type="button" onClick=${() => this.#open(room)}><${RoomSign} isPrivate=${isPrivate} /><${Name} of=${room} />
          <small>${members === 1 ? "1 person" : `${members} people`}</small></button></li>`)}</ul>
    </${Dialog}>`;
  }
}

const isListed = (chat, name) => chat.publicRooms.some(({ room }) => room === name);

export function SettingsDialog({ chat, ui, onClose }) {
  const supported = "Notification" in globalThis;
  const blocked = supported && Notification.permission === "denied";
  return html`<${Dialog} title="Settings" onClose=${onClose}>
    <p class="profile"><${Avatar} of=${chat.me} status=${chat.away ? "away" : "online"} /> <span><${Name} of=${chat.me} />
      <small>${chat.identity.token ? "This name is registered to this browser" : "Guest: this name is not registered"}</small></span></p>
    <label class="check"><input type="checkbox" checked=${chat.away} onChange=${({ target }) => chat.setAway(target.checked)} /> Show me as away</label>
    <label class="check"><input type="checkbox" disabled=${!supported || blocked} checked=${chat.settings.notify && !blocked} onChange=${({ target }) => ui.setNotifications(target.checked)} />
      Notify me of new messages while this page is hidden</label>
    ${blocked && html`<p class="hint">This browser blocks notifications from this page.</p>`}
    <p class="hint">Keyboard: <kbd>Ctrl K</kbd> opens a room, <kbd>Alt ↑</kbd> and <kbd>Alt ↓</kbd> switch rooms, <kbd>Ctrl Shift F</kbd> searches, <kbd>Esc</kbd> goes to the
      message field, where <kbd>↑</kbd> edits your last message. In the messages, <kbd>↑</kbd> and <kbd>↓</kbd> move, and <kbd>Tab</kbd> goes to the actions.</p>
    <p class="row align-end">
      <button type="button" onClick=${() => ui.dialog("forget")}>Forget this name…</button>
      <button type="button" onClick=${ui.signOut}>Use another name</button></p>
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
        <${Avatar} of=${user} /><${Name} of=${user} /><span>${STATUS[status]} <time datetime=${at} title=${formatFull(at)}>${formatShort(at)}</time></span></li>`)}</ul>
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
  return html`<${Confirm} title="Delete this message?" action="Delete" onClose=${onClose} onConfirm=${() => chat.sender.delete(room, entry)}
    text="It will be deleted for everyone." />`;
}

export function LeaveDialog({ chat, room, onClose }) {
  const text = room.kind === "room" ? "It closes in all tabs of this browser, and you will receive none of its messages." : "It closes in all tabs of this browser. Its messages are kept.";
  return html`<${Confirm} title=${`Leave ${room.name}?`} action="Leave" onClose=${onClose} onConfirm=${() => chat.leave(room)}
    text=${room.unsent.length > 0 ? `${text} What is not sent yet will be lost.` : text} />`;
}

export function ForgetDialog({ ui, onClose }) {
  return html`<${Confirm} title="Forget this name?" action="Forget" onClose=${onClose} onConfirm=${() => ui.signOut(true)}
    text="This browser will delete the name, its rooms and their keys. You cannot get the name back without a token from the administrator of this server." />`;
}

function Confirm({ title, text, action, onConfirm, onClose }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    <p class="row align-end"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="primary danger" onClick=${() => (onClose(), onConfirm())}>${action}</button></p>
  </${Dialog}>`;
}
