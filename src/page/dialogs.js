// The dialogs: opening a room, the reader's own settings, and who has got a message.

import { Avatar, Component, createRef, Dialog, html, Name } from "./html.js";
import { roomName } from "./names.js";
import { short, whole } from "./when.js";

const ROOMS_SHOWN = 200;

export class RoomsDialog extends Component {
  state = { filter: "", private: false, problem: undefined };
  field = createRef();

  componentDidMount() {
    this.props.chat.loadRooms();
    this.field.current.focus();
  }

  #enter = async (submit) => {
    submit.preventDefault();
    const { chat } = this.props;
    const name = roomName(this.field.current.value);
    if (!name) return this.setState({ problem: "A name has 1 to 64 characters: no spaces, none of / ? #, and it does not begin with dm:" });
    try {
      if (this.state.private) await chat.client.request({ type: "create", room: name, private: true });
      this.#open(name);
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  };

  #open(name) {
    this.props.ui.dialog();
    this.props.ui.turn(this.props.chat.open("room", name));
  }

  render({ chat, ui }, { filter, private: isPrivate, problem }) {
    const shown = chat.publicRooms.filter(({ room }) => room.toLowerCase().includes(filter.toLowerCase())).slice(0, ROOMS_SHOWN);
    return html`<${Dialog} title="Rooms" onClose=${() => ui.dialog()}>
      <form class="row" onSubmit=${this.#enter}>
        <input ref=${this.field} aria-label="Name of a room" placeholder="Name of a room" autocomplete="off" autocapitalize="off" spellcheck="false"
          aria-describedby="room-problem" onInput=${({ target }) => this.setState({ filter: target.value.trim(), problem: undefined })} />
        <button class="primary">${isPrivate ? "Create" : "Open"}</button>
      </form>
      <label class="check"><input type="checkbox" checked=${isPrivate} onChange=${({ target }) => this.setState({ private: target.checked })} /> Private: only those who are invited know of it</label>
      <p id="room-problem" class="problem" role="alert">${problem}</p>
      <p class="hint">A name that nobody uses yet makes a new room. A link to it: <code>${location.origin}/chat/${encodeURIComponent(filter || "name")}</code></p>
      <ul class="public" aria-label="Public rooms">${shown.map(({ room, members }) => html`<li key=${room}>
        <button type="button" onClick=${() => this.#open(room)}><span class="hash" aria-hidden="true">#</span><${Name} of=${room} />
          <small>${members === 1 ? "1 person" : `${members} people`}</small></button></li>`)}</ul>
    </${Dialog}>`;
  }
}

export function MeDialog({ chat, ui }) {
  const bells = "Notification" in globalThis;
  const blocked = bells && Notification.permission === "denied";
  return html`<${Dialog} title="You" onClose=${() => ui.dialog()}>
    <p class="who"><${Avatar} of=${chat.me} status=${chat.away ? "away" : "online"} /> <span><${Name} of=${chat.me} />
      <small>${chat.identity.token ? "This name is registered to this browser" : "A guest: the name is not registered"}</small></span></p>
    <label class="check"><input type="checkbox" checked=${chat.away} onChange=${({ target }) => chat.setAway(target.checked)} /> Show me as away</label>
    <label class="check"><input type="checkbox" disabled=${!bells || blocked} checked=${chat.settings.notify && !blocked} onChange=${({ target }) => ui.notify(target.checked)} />
      Notify me of messages while this page is hidden</label>
    ${blocked && html`<p class="hint">This browser does not let this page notify you.</p>`}
    <p class="row end"><button type="button" onClick=${ui.signOut}>Use another name</button></p>
  </${Dialog}>`;
}

export class ReceiptsDialog extends Component {
  state = { receipts: undefined, problem: undefined };

  componentDidMount() {
    const { chat, room, entry } = this.props;
    chat.past.receipts(room, entry.seq).then(
      (receipts) => this.setState({ receipts: furthest(receipts, chat.me) }),
      ({ message }) => this.setState({ problem: message }),
    );
  }

  render({ ui }, { receipts, problem }) {
    return html`<${Dialog} title="Who has this message" onClose=${() => ui.dialog()}>
      <p class="hint" role="status">${problem ?? (receipts?.length === 0 ? "Nobody else has it yet." : receipts ? "" : "Loading…")}</p>
      <ul class="receipts">${receipts?.map(({ user, status, at }) => html`<li key=${user}>
        <${Avatar} of=${user} /><${Name} of=${user} /><span>${STATUS[status]} <time datetime=${at} title=${whole(at)}>${short(at)}</time></span></li>`)}</ul>
    </${Dialog}>`;
  }
}

const STATUS = { written: "delivered", received: "received", read: "read" };

function furthest(receipts, me) {
  const users = new Map();
  for (const receipt of receipts) if (receipt.user !== me) users.set(receipt.user, receipt); // in rising order
  return [...users.values()];
}

// What cannot be taken back is asked about first.
export function ConfirmDialog({ title, text, word, onYes, ui }) {
  return html`<${Dialog} title=${title} onClose=${() => ui.dialog()}>
    <p>${text}</p>
    <p class="row end"><button type="button" onClick=${() => ui.dialog()}>Cancel</button>
      <button type="button" class="primary danger" onClick=${() => (onYes(), ui.dialog())}>${word}</button></p>
  </${Dialog}>`;
}
