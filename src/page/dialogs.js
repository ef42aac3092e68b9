// The dialogs: opening a room, the reader's own settings, who has got a message, and what is asked first.

import { Dialog } from "./dialog.js";
import { Avatar, Component, createRef, html, Name } from "./html.js";
import { roomName } from "./names.js";
import { short, whole } from "./time-format.js";

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

  #enter = async (submit) => {
    submit.preventDefault();
    const { chat } = this.props;
    const { private: isPrivate } = this.state;
    const name = roomName(this.field.current.value);
    if (!name) return this.setState({ problem: "A name has 1 to 64 characters: no spaces, none of / ? #, and it does not begin with dm:" });
    try {
      if (isPrivate || !isListed(chat, name)) {
        this.setState({ waiting: true, problem: undefined });
        await chat.online(); // only the server can create it
        this.setState({ waiting: false });
        if (this.#closed) return;
        await chat.client.request({ type: "create", room: name, private: isPrivate });
      }
    } catch ({ code, message }) {
      // Somebody was there before: it can be entered, if not owned.
      if (isPrivate || code !== "name_taken") return this.setState({ problem: `${message}.` });
    }
    this.#open(name);
  };

  #open(name) {
    this.props.onClose();
    this.props.ui.turn(this.props.chat.open("room", name));
  }

  render({ chat, onClose }, { filter, private: isPrivate, waiting, problem }) {
    const shown = chat.publicRooms.filter(({ room }) => room.toLowerCase().includes(filter.toLowerCase())).slice(0, ROOMS_SHOWN);
    return html`<${Dialog} title="Rooms" onClose=${onClose}>
      <form class="row" onSubmit=${this.#enter}>
        <input ref=${this.field} aria-label="Name of a room" placeholder="Name of a room" autocomplete="off" autocapitalize="off" spellcheck="false"
          aria-describedby="room-problem" onInput=${({ target }) => this.setState({ filter: target.value.trim(), problem: undefined })} />
        <button class="primary" disabled=${waiting}>${filter && (isPrivate || !isListed(chat, roomName(filter))) ? "Create" : "Open"}</button>
      </form>
      <label class="check"><input type="checkbox" checked=${isPrivate} onChange=${({ target }) => this.setState({ private: target.checked })} /> Private: only those who are invited know of it</label>
      <p class="hint" role="status">${waiting && "Connecting…"}</p>
      <p id="room-problem" class="problem" role="alert">${problem}</p>
      <p class="hint">A room that you create stays, and is yours if your name is registered. A link to it: <code>${location.origin}/chat/${encodeURIComponent(filter || "name")}</code></p>
      <ul class="public" aria-label="Rooms">${shown.map(({ room, members, private: isPrivate }) => html`<li key=${room}>
        <button type="button" onClick=${() => this.#open(room)}><span class="hash" aria-hidden="true">#</span><${Name} of=${room} />
          <small>${isPrivate && "private, "}${members === 1 ? "1 person" : `${members} people`}</small></button></li>`)}</ul>
    </${Dialog}>`;
  }
}

const isListed = (chat, name) => chat.publicRooms.some(({ room }) => room === name);

export function MeDialog({ chat, ui, onClose }) {
  const bells = "Notification" in globalThis;
  const blocked = bells && Notification.permission === "denied";
  return html`<${Dialog} title="You" onClose=${onClose}>
    <p class="who"><${Avatar} of=${chat.me} status=${chat.away ? "away" : "online"} /> <span><${Name} of=${chat.me} />
      <small>${chat.identity.token ? "This name is registered to this browser, which keeps it" : "A guest: the name is not registered"}</small></span></p>
    <label class="check"><input type="checkbox" checked=${chat.away} onChange=${({ target }) => chat.setAway(target.checked)} /> Show me as away</label>
    <label class="check"><input type="checkbox" disabled=${!bells || blocked} checked=${chat.settings.notify && !blocked} onChange=${({ target }) => ui.notify(target.checked)} />
      Notify me of messages while this page is hidden</label>
    ${blocked && html`<p class="hint">This browser does not let this page notify you.</p>`}
    <p class="hint">Keys: <kbd>Ctrl K</kbd> rooms, <kbd>Alt ↑</kbd> <kbd>Alt ↓</kbd> the next room, <kbd>Ctrl Shift F</kbd> search, <kbd>Esc</kbd> to the field, <kbd>↑</kbd> in the
      empty field edits what you said last; among the messages <kbd>↑</kbd> <kbd>↓</kbd> and then <kbd>Tab</kbd>.</p>
    <p class="row end">
      <button type="button" onClick=${() => ui.dialog("forget")}>Forget this name…</button>
      <button type="button" onClick=${ui.signOut}>Use another name</button></p>
  </${Dialog}>`;
}

export class ReceiptsDialog extends Component {
  state = { receipts: undefined, problem: undefined };

  componentDidMount() {
    const { chat, room, entry } = this.props;
    chat.past.then((past) => past.receipts(room, entry.seq)).then(
      (receipts) => this.setState({ receipts: furthest(receipts, chat.me) }),
      ({ message }) => this.setState({ problem: message }),
    );
  }

  render({ room, onClose }, { receipts, problem }) {
    return html`<${Dialog} title="Who has this message" onClose=${onClose}>
      <p class="hint" role="status">${problem ?? (receipts?.length === 0 ? NOBODY[room.kind] : receipts ? "" : "Loading…")}</p>
      <ul class="receipts">${receipts?.map(({ user, status, at }) => html`<li key=${user}>
        <${Avatar} of=${user} /><${Name} of=${user} /><span>${STATUS[status]} <time datetime=${at} title=${whole(at)}>${short(at)}</time></span></li>`)}</ul>
    </${Dialog}>`;
  }
}

const NOBODY = { room: "Nobody else has it yet.", private: "No receipt has come since this page was opened." };
const STATUS = { written: "delivered", received: "received", read: "read" };

function furthest(receipts, me) {
  const users = new Map();
  for (const receipt of receipts) if (receipt.user !== me) users.set(receipt.user, receipt); // in rising order
  return [...users.values()];
}

// What cannot be taken back is asked about first.

export function DeleteDialog({ chat, room, entry, onClose }) {
  return html`<${Confirm} title="Delete this message?" word="Delete" onClose=${onClose} onYes=${() => chat.voice.delete(room, entry)}
    text="It is taken out of the history for everybody." />`;
}

export function ForgetDialog({ ui, onClose }) {
  return html`<${Confirm} title="Forget this name?" word="Forget" onClose=${onClose} onYes=${() => ui.signOut(true)}
    text="This browser forgets the name, its rooms and their keys. Nobody gets the name again, not even you, but with a token from whoever runs this server." />`;
}

function Confirm({ title, text, word, onYes, onClose }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    <p class="row end"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="primary danger" onClick=${() => (onClose(), onYes())}>${word}</button></p>
  </${Dialog}>`;
}
