// The whole page: which parts of it are shown, and what the reader's deeds do.

import { Component, createRef, html, Icon, IconButton, Name, names } from "./html.js";
import { Composer } from "./composer.js";
import { late } from "./lazy.js";
import { Log } from "./message-list.js";
import { Sidebar } from "./sidebar.js";
import { inTime, inZone } from "./time-format.js";

const dialogs = () => import("./dialogs.js");
const DIALOGS = {
  call: late(() => import("./call-view.js"), "CallDialog"),
  delete: late(dialogs, "DeleteDialog"),
  forget: late(dialogs, "ForgetDialog"),
  keys: late(() => import("./encryption-dialog.js"), "KeysDialog"),
  me: late(dialogs, "MeDialog"),
  receipts: late(dialogs, "ReceiptsDialog"),
  room: late(() => import("./room-dialog.js"), "RoomDialog"),
  rooms: late(dialogs, "RoomsDialog"),
};
const CallPanel = late(() => import("./call-view.js"), "CallPanel");
const Members = late(() => import("./members-panel.js"), "Members", { patient: true });
const Search = late(() => import("./search-panel.js"), "Search");

const WIDE = matchMedia("(min-width: 70rem)"); // as in style.css: nothing covers anything
const NARROW = matchMedia("(max-width: 47.99rem)"); // as in style.css: one thing at a time

export class Shell extends Component {
  state = { view: "talk", side: WIDE.matches ? "members" : undefined, dialog: undefined, editing: undefined, replying: undefined, target: undefined };
  log = createRef();
  composer = createRef();

  componentDidMount() {
    document.addEventListener("keydown", this.#key);
    WIDE.addEventListener("change", ({ matches }) => matches || this.setState({ side: undefined })); // it would cover the messages
    if (!NARROW.matches) this.composer.current?.focus();
  }

  // What the parts of the page may do with the page.
  ui = {
    turn: (room) => {
      this.setState({ view: "talk", editing: undefined, replying: undefined, target: undefined, ...(WIDE.matches ? {} : { side: undefined }) });
      this.props.turn(room);
      if (!NARROW.matches) setTimeout(() => this.composer.current?.focus());
    },
    back: () => this.setState({ view: "rooms" }),
    side: (side) => this.setState({ side: side === this.state.side ? undefined : side }),
    dialog: (name, props) => this.setState({ dialog: { name, ...props } }),
    show: async (seq) => {
      const room = this.props.chat.active;
      const found = await this.props.chat.past.then((past) => past.reach(room, seq)).catch(() => false);
      if (!found || room !== this.props.chat.active) return this.props.chat.complain("That message is too far back to be shown in its place.");
      if (!WIDE.matches) this.setState({ side: undefined });
      this.setState({ target: seq });
      this.log.current?.show(seq);
    },
    notify: async (on) => {
      await this.props.chat.bell.then((bell) => bell.turn(on)).catch(({ message }) => this.props.chat.complain(`${message}.`));
      this.forceUpdate();
    },
    signOut: this.props.signOut,
  };

  // What may be done with a message, and with what is written.
  actions = {
    say: (text) => {
      const { chat } = this.props;
      const { editing, replying } = this.state;
      if (!editing) {
        const taken = chat.voice.say(chat.active, text, replying && { replyTo: replying.seq });
        if (taken) this.actions.stop();
        return taken;
      }
      this.actions.stop();
      const room = chat.active;
      if (text !== editing.text) chat.voice.edit(room, editing, text).then((done) => {
        if (!done && room === chat.active) this.setState({ editing: { ...editing, draft: text } }); // what was typed is not lost
      });
      return true;
    },
    write: (text) => this.props.chat.voice.write(this.props.chat.active, text),
    stop: () => this.setState({ editing: undefined, replying: undefined }),
    reply: (entry) => this.setState({ replying: entry, editing: undefined }, () => this.composer.current.focus()),
    react: (entry, sign) => this.props.chat.voice.react(this.props.chat.active, entry, sign),
    show: (seq) => this.ui.show(seq),
    again: (entry) => this.props.chat.voice.again(this.props.chat.active, entry),
    retract: (entry) => this.props.chat.voice.retract(this.props.chat.active, entry),
    receipts: (entry) => this.ui.dialog("receipts", { entry }),
    copy: (entry) => {
      const copied = navigator.clipboard?.writeText(entry.text) ?? Promise.reject(); // over plain HTTP there is none
      copied.catch(() => this.props.chat.complain("This browser does not let the page copy."));
    },
    edit: (entry) => this.setState({ editing: entry, replying: undefined }),
    delete: (entry) => this.ui.dialog("delete", { entry }),
    editLast: () => {
      const { active, me } = this.props.chat;
      const last = active.entries.findLast(({ user, seq, deleted, cipher, text }) => user === me && seq !== undefined && !deleted && (!cipher || Boolean(text)));
      if (last) this.setState({ editing: last });
      return Boolean(last);
    },
  };

  #key = (key) => {
    const { chat } = this.props;
    if (document.querySelector("dialog[open]")) return;
    const command = key.ctrlKey || key.metaKey;
    if (key.key === "Escape") {
      if (this.state.side && !WIDE.matches) this.ui.side();
      else this.composer.current?.focus();
    } else if (command && key.key.toLowerCase() === "k") {
      key.preventDefault();
      this.ui.dialog("rooms");
    } else if (command && key.shiftKey && key.key.toLowerCase() === "f") {
      key.preventDefault();
      this.setState({ side: "search" });
    } else if (key.altKey && (key.key === "ArrowUp" || key.key === "ArrowDown")) {
      const rooms = [...chat.rooms.values()];
      const at = rooms.indexOf(chat.active) + (key.key === "ArrowUp" ? -1 : 1);
      key.preventDefault();
      if (rooms[at]) this.ui.turn(rooms[at]);
    }
  };

  render({ chat, now }, { view, side, dialog, editing, replying, target }) {
    const room = chat.active;
    const paused = chat.pause ?? room?.pause;
    const beside = room && (side === "search" || room.kind === "room") ? side : undefined; // two have no list of members
    return html`<div class="app" data-view=${view} data-side=${beside}>
      <${Sidebar} chat=${chat} ui=${this.ui} />
      <main class="talk">
        ${room ? this.#header(room) : html`<header><${IconButton} icon="back" class="back" label="Conversations" onClick=${this.ui.back} /><h2>No room</h2></header>`}
        ${outage(chat, now, this.ui)}
        ${chat.phone?.state && html`<${CallPanel} phone=${chat.phone} me=${chat.me} />`}
        ${room ? html`<${Log} key=${room.key} ref=${this.log} room=${room} chat=${chat} target=${target} actions=${this.actions}
          onTop=${() => chat.load(room)} onEnd=${(atEnd) => this.#atEnd(atEnd)} onSeen=${(seen) => this.#seen(room, seen)} />`
        : html`<div class="empty"><p>No conversation is open.</p><button type="button" class="primary" onClick=${() => this.ui.dialog("rooms")}>Open a room</button></div>`}
        ${room && html`<p class="typing">${typing(room)}</p>`}
        ${paused && pause(paused, now)}
        ${chat.problem && problem(chat)}
        ${room?.standing === "refused" && outside(room, chat)}
        ${room?.keyless && !chat.isSecret(room) && keyless(this.ui)}
        ${room && html`<${Composer} ref=${this.composer} room=${room} editing=${editing} replying=${replying} actions=${this.actions} />`}
      </main>
      ${beside === "members" && html`<${Members} chat=${chat} room=${room} ui=${this.ui} />`}
      ${beside === "search" && html`<${Search} chat=${chat} room=${room} ui=${this.ui} />`}
      ${this.#dialog(dialog, chat)}
      <div class="unseen" role="log" aria-live="polite" aria-label="New messages">${chat.spoken && html`<p key=${chat.spoken}>${chat.spoken}</p>`}</div>
    </div>`;
  }

  #header(room) {
    const { side } = this.state;
    const { chat } = this.props;
    const elsewhere = [...chat.rooms.values()].some((other) => other !== room && other.unread > 0);
    return html`<header>
      <${IconButton} icon="back" class="back" label="Conversations" data-unread=${elsewhere || undefined} onClick=${this.ui.back} />
      <div class="title"><h2>${room.kind === "room"
        ? html`<button type="button" aria-label=${`${room.name}: about this room`} onClick=${() => this.ui.dialog("room")}><span class="hash" aria-hidden="true">#</span><${Name} of=${room.name} /></button>`
        : html`<${Name} of=${room.name} />`}</h2></div>
      ${chat.phone && html`<${IconButton} icon="phone" label="Call" onClick=${() => this.ui.dialog("call")} />`}
      <${IconButton} icon="lock" label=${chat.isSecret(room) ? "Encrypted: keys and safety numbers" : "Not encrypted: encrypt this conversation"}
        aria-pressed=${chat.isSecret(room)} onClick=${() => this.ui.dialog("keys")} />
      <${IconButton} icon="search" label="Search in this conversation" aria-pressed=${side === "search"} onClick=${() => this.ui.side("search")} />
      ${room.kind === "room" && html`<button type="button" class="icon-button with-count" aria-pressed=${side === "members"} title="Members" onClick=${() => this.ui.side("members")}>
        <${Icon} name="people" /><span>${room.count || ""}</span><span class="unseen"> members</span></button>`}
      <${IconButton} icon="leave" label=${`Leave ${room.name}`} onClick=${() => chat.leave(room)} />
    </header>`;
  }

  #dialog(dialog, chat) {
    const Part = DIALOGS[dialog?.name];
    // A browser says late that a dialog was closed: another may be open by then.
    const onClose = () => this.setState(({ dialog: open }) => (open === dialog ? { dialog: undefined } : null));
    return Part && html`<${Part} ...${dialog} chat=${chat} ui=${this.ui} room=${chat.active} onClose=${onClose} />`;
  }

  #atEnd(atEnd) {
    const { chat } = this.props;
    chat.atEnd = atEnd && this.state.view === "talk";
    chat.look();
  }

  #seen(room, entries) {
    const { chat } = this.props;
    if (room.count > 50) return; // nobody is told receipts there
    const own = entries.filter(({ user, replayed, deleted }) => user === chat.me && replayed && !deleted);
    if (own.length > 0) chat.past.then((past) => own.forEach((entry) => past.wonder(room, entry))).catch(() => {}); // the line is broken
  }
}

function outage({ client, connection: { phase, reason, retryAt, code } }, now, ui) {
  if (phase !== "waiting" && phase !== "closed") return undefined;
  const [word, deed] =
    phase === "waiting" ? ["Try now", () => client.retry()]
    : code === 4409 ? ["Go on here", () => client.open()]
    : code === 4401 || code === 0 ? ["Choose a name", ui.signOut]
    : ["Connect again", () => client.open()];
  return html`<div class="banner" role="status">
    <p>${capital(reason)}.<span aria-hidden="true">${phase === "waiting" ? ` Trying again ${inTime(retryAt - now)}.` : ""}</span></p>
    <button type="button" onClick=${deed}>${word}</button>
  </div>`;
}

function outside(room, chat) {
  const enter = () => {
    chat.dismiss(); // what was said of it
    chat.join(room);
  };
  return html`<div class="banner"><p>You are not in <${Name} of=${room.name} />.</p><button type="button" onClick=${enter}>Enter again</button></div>`;
}

function keyless(ui) {
  return html`<div class="banner"><p>Messages here are encrypted, and this device has no key. What you write now is not.</p>
    <button type="button" onClick=${() => ui.dialog("keys")}>Enter the key</button></div>`;
}

function pause({ text, until }, now) {
  return html`<div class="banner" role="status"><p>${text}<span aria-hidden="true"> Going on ${inTime(until - now)}.</span></p></div>`;
}

function problem(chat) {
  return html`<div class="banner problem" role="alert"><p>${inZone(chat.problem.text)}</p>
    <${IconButton} icon="close" label="Dismiss" onClick=${() => chat.dismiss()} /></div>`;
}

function typing(room) {
  const users = [...room.typists.keys()];
  if (users.length === 0) return undefined;
  if (users.length > 3) return `${users.length} people are typing…`;
  return [...names(users), users.length === 1 ? " is typing…" : " are typing…"];
}

const capital = (text = "") => text.charAt(0).toUpperCase() + text.slice(1);
