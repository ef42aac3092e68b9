// The application shell: lays out the page, and turns the user's actions into calls of the chat.

import { Component, createRef, html, Icon, IconButton, Name, names, RoomSign, User } from "./html.js";
import { Composer } from "./composer.js";
import { lazy } from "./loading.js";
import { MessageList } from "./message-list.js";
import { addressOfRoom } from "./names.js";
import { NoConversation, Sidebar } from "./sidebar.js";
import { formatCountdown } from "./time-format.js";
import { NARROW, WIDE } from "./viewport.js";

const DIALOGS = {
  call: lazy("call-view", "CallDialog"),
  conversation: lazy("dialogs", "ConversationDialog"),
  delete: lazy("dialogs", "DeleteDialog"),
  devices: lazy("devices-dialog", "DevicesDialog"),
  invite: lazy("invite-dialog", "InviteDialog"),
  leave: lazy("dialogs", "LeaveDialog"),
  menu: lazy("conversation-menu", "ConversationMenu"),
  member: lazy("member-dialog", "MemberDialog"),
  encryption: lazy("encryption-dialog", "EncryptionDialog"),
  settings: lazy("dialogs", "SettingsDialog"),
  signOut: lazy("dialogs", "SignOutDialog"),
  pinned: lazy("pinned-dialog", "PinnedDialog"),
  receipts: lazy("dialogs", "ReceiptsDialog"),
  room: lazy("room-dialog", "RoomDialog"),
  rooms: lazy("dialogs", "RoomsDialog"),
  shortcuts: lazy("shortcuts-dialog", "ShortcutsDialog"),
};
// The sign of a conversation's encryption, by what `secret` of the settings has of it.
const ENCRYPTION = {
  undefined: { icon: "unlocked", label: "Not encrypted: encrypt this conversation" },
  true: { icon: "lock", "aria-pressed": true, label: "Encrypted: keys and safety numbers" },
  false: { icon: "lock", class: "unavailable", label: "Encrypted, but this device does not have the key" },
  plain: { icon: "unlocked", label: "Others encrypt here, this device does not" },
};
const Banners = lazy("banners", "Banners", { whenIdle: true });
const CallPanel = lazy("call-view", "CallPanel");
const EmptyRoom = lazy("empty-room", "EmptyRoom", { whenIdle: true });
const MembersPanel = lazy("members-panel", "MembersPanel", { whenIdle: true });
const SearchPanel = lazy("search-panel", "SearchPanel");

export class AppShell extends Component {
  state = { view: this.props.pages.isAtList ? "rooms" : "chat", panel: WIDE.matches ? "members" : undefined, behind: undefined, dialog: undefined, editing: undefined, replying: undefined, target: undefined };
  list = createRef();
  composer = createRef();

  componentDidMount() {
    document.addEventListener("keydown", this.#onKey);
    this.props.pages.onBack = this.#back;
    WIDE.addEventListener("change", ({ matches }) => matches || this.setState({ panel: undefined })); // it would now cover the messages
    if (!NARROW.matches) this.composer.current?.focus();
  }

  componentDidUpdate() {
    const { wanted, active } = this.props.chat;
    this.props.pages.cover(Boolean(this.state.dialog || (this.#panel && !WIDE.matches)));
    if (!wanted || wanted.room !== active || active.joinState !== "in" || (active.entries.length === 0 && !active.complete)) return;
    if (active.received < active.newest) return; // its newest messages are still arriving
    this.props.chat.wanted = undefined;
    this.ui.showMessage(wanted.seq);
  }

  // What components can do with the page.
  ui = {
    select: (room, seq) => {
      this.setState({ view: "chat", editing: undefined, replying: undefined, target: undefined, ...(WIDE.matches ? {} : { panel: undefined }) });
      this.props.select(room);
      if (seq) this.props.chat.wanted = { room, seq };
      if (!seq && !NARROW.matches) setTimeout(() => this.composer.current?.focus());
    },
    back: () => this.props.pages.backToList(),
    left: () => NARROW.matches && this.ui.back(),
    // A search that is closed gives its place back to the members.
    togglePanel: (panel = this.state.panel) => this.setState(({ panel: open, behind }) => (panel === open ? { panel: behind, behind: undefined } : { panel, behind: WIDE.matches && panel === "search" ? open : undefined })),
    // The menu of a conversation in the list, where a pointer or a key has asked for it.
    menu: (event, room) => {
      event.preventDefault();
      this.ui.dialog("menu", { room, at: [event.clientX, event.clientY] });
    },
    dialog: (name, props) => this.setState({ dialog: { name, room: this.props.chat.active, ...props } }), // it is about this room, whichever is active later
    showMessage: async (seq) => {
      const room = this.props.chat.active;
      const found = await this.props.chat.history.then((history) => history.loadUntil(room, seq)).catch(() => undefined);
      if (room !== this.props.chat.active) return;
      if (!found) return this.props.chat.showProblem("That message is too far back to be shown.", "show");
      this.props.chat.dismiss("show");
      if (!WIDE.matches) this.setState({ panel: undefined });
      this.setState({ target: found });
      this.list.current?.show(found);
      this.props.pages.locate(addressOfRoom(room, found));
    },
    setNotifications: async (enabled) => {
      await this.props.chat.notifications.then((notifications) => notifications.setEnabled(enabled)).catch(({ message }) => this.props.chat.showProblem(`${message}.`));
      this.forceUpdate();
    },
    signOut: this.props.signOut,
  };

  // What components can do with a message, and with the text in the composer.
  actions = {
    send: (text) => {
      const { chat } = this.props;
      const { editing, replying } = this.state;
      if (!editing) {
        const accepted = chat.sender.send(chat.active, text, replying && { replyTo: replying.seq });
        if (accepted) this.actions.cancel();
        return accepted;
      }
      this.actions.cancel();
      const room = chat.active;
      if (text !== editing.text) this.#change((changes) => changes.edit(room, editing, text)).then((done) => {
        if (!done && room === chat.active) this.setState({ editing: { ...editing, draft: text } }); // keep what was typed
      });
      return true;
    },
    setDraft: (text) => this.props.chat.sender.setDraft(this.props.chat.active, text),
    cancel: () => this.setState({ editing: undefined, replying: undefined }),
    reply: (entry) => this.setState({ replying: entry, editing: undefined }, () => this.composer.current.focus()),
    react: (entry, emoji) => this.#change((changes) => changes.react(this.props.chat.active, entry, emoji)),
    show: (seq) => this.ui.showMessage(seq),
    call: (call) => this.props.chat.calls?.callBack(this.props.chat.active, call),
    resized: () => this.props.chat.changed(), // so that the list measures its rows again
    retry: (entry) => this.props.chat.sender.retry(this.props.chat.active, entry),
    discard: (entry) => this.props.chat.sender.discard(this.props.chat.active, entry),
    receipts: (entry) => this.ui.dialog("receipts", { entry }),
    locate: (room, seq) => this.props.pages.locate(addressOfRoom(room, seq)),
    edit: (entry) => this.setState({ editing: entry, replying: undefined }),
    delete: (entry) => this.ui.dialog("delete", { entry }),
    editLast: () => {
      const { active, me } = this.props.chat;
      const last = active.entries.findLast(({ user, seq, deleted, data, cipher, text }) => user === me && seq !== undefined && !deleted && !data && (!cipher || Boolean(text)));
      if (last) this.setState({ editing: last });
      return Boolean(last);
    },
  };

  #change(how) {
    return this.props.chat.changes.then(how).catch(({ message }) => this.props.chat.showProblem(`${message}.`)); // without a connection
  }

  // The back button closes one thing after the other.
  #back = (isList) => this.setState(({ dialog, panel }) => ({ view: isList ? "rooms" : "chat", dialog: undefined, ...(!dialog && !WIDE.matches && { panel: undefined }) }));

  #onKey = (key) => {
    const { chat } = this.props;
    if (document.querySelector("dialog[open]")) return;
    const command = key.ctrlKey || key.metaKey;
    if (key.key === "Escape") {
      if (this.state.panel && (!WIDE.matches || key.target.closest(".panel"))) this.ui.togglePanel();
      else this.composer.current?.focus();
    } else if (command && key.key.toLowerCase() === "k") {
      key.preventDefault();
      this.ui.dialog("rooms");
    } else if (command && key.key === "/") {
      key.preventDefault();
      this.ui.dialog("shortcuts");
    } else if (command && key.shiftKey && key.key.toLowerCase() === "f") {
      key.preventDefault();
      if (this.state.panel === "search") document.querySelector(".panel input")?.focus();
      else this.ui.togglePanel("search");
    } else if (key.altKey && (key.key === "ArrowUp" || key.key === "ArrowDown")) {
      const rooms = [...chat.rooms.values()];
      const at = rooms.indexOf(chat.active) + (key.key === "ArrowUp" ? -1 : 1);
      key.preventDefault();
      if (!rooms[at]) return chat.announce("No more conversations.");
      this.ui.select(rooms[at]);
      chat.announce(`${rooms[at].name}${rooms[at].unread ? `, ${rooms[at].unread} unread` : ""}`);
    }
  };

  // A private conversation has no list of members.
  get #panel() {
    const { panel } = this.state;
    const { kind } = this.props.chat.active ?? {};
    return kind === "room" || (kind && panel === "search") ? panel : undefined;
  }

  render({ chat, now }, { view, dialog, editing, replying, target }) {
    const room = chat.active;
    const panel = this.#panel;
    const isHidden = Boolean(panel) && NARROW.matches; // behind the panel
    return html`<div class="app" data-view=${view} data-panel=${panel}>
      ${room && !isHidden && html`<button type="button" class="skip" onClick=${() => this.composer.current.focus()}>Skip to the message field</button>`}
      <${Sidebar} chat=${chat} ui=${this.ui} inert=${isHidden} />
      <main class="chat" inert=${isHidden}>
        ${room ? this.#header(room) : html`<header><${IconButton} icon="back" class="back" label="Conversations" onClick=${this.ui.back} /><h2>No room</h2></header>`}
        ${connectionBanner(chat, now, this.ui)}
        ${room?.about.pinned.length > 0 && html`<button type="button" class="pinned" onClick=${() => this.ui.dialog("pinned")}><${Icon} name="pin" /> ${room.about.pinned.length === 1 ? "1 pinned message" : `${room.about.pinned.length} pinned messages`}</button>`}
        ${chat.calls?.state && html`<${CallPanel} calls=${chat.calls} me=${chat.me} />`}
        ${room ? html`<${MessageList} key=${room.key} ref=${this.list} room=${room} chat=${chat} target=${target} actions=${this.actions}
          onTop=${() => chat.load(room)} onEnd=${(atEnd) => this.#atEnd(atEnd)} onSeen=${(seen) => this.#seen(room, seen)} />`
        : html`<${NoConversation} ui=${this.ui} />`}
        ${room?.kind === "room" && room.complete && room.joinState === "in" && !room.last && html`<${EmptyRoom} room=${room} onInvite=${() => this.ui.dialog("invite")} />`}
        ${room && html`<p class="typing">${typing(room)}</p>`}
        <${Banners} chat=${chat} room=${room} now=${now} ui=${this.ui} />
        ${room && html`<${Composer} ref=${this.composer} chat=${chat} room=${room} editing=${editing} replying=${replying} actions=${this.actions} />`}
      </main>
      ${panel === "members" && html`<${MembersPanel} chat=${chat} room=${room} ui=${this.ui} />`}
      ${panel === "search" && html`<${SearchPanel} chat=${chat} room=${room} ui=${this.ui} />`}
      ${this.#dialog(dialog, chat)}
      <div class="visually-hidden announcer" role="log" aria-live="polite" aria-label="Announcements"></div>
    </div>`;
  }

  #header(room) {
    const { panel } = this.state;
    const { chat } = this.props;
    const elsewhere = [...chat.rooms.values()].some((other) => other !== room && other.unread > 0);
    return html`<header>
      <${IconButton} icon="back" class="back" label="Conversations" data-unread=${elsewhere || undefined} onClick=${this.ui.back} />
      <div class="title"><h2>${room.kind === "room"
        ? html`<button type="button" aria-label=${`${room.name}, ${room.isPrivate ? "private" : "public"}: about this room`} onClick=${() => this.ui.dialog("room")}><${RoomSign} isPrivate=${room.isPrivate} /><${Name} of=${room.name} /></button>`
        : html`<button type="button" aria-label=${`${room.name}: about this conversation`} onClick=${() => this.ui.dialog("conversation")}><${User} of=${room.name} /></button>`}</h2>
        ${room.about.subject && html`<p class="subject" title=${room.about.subject}>${room.about.subject}</p>`}</div>
      ${chat.calls && html`<${IconButton} icon="phone" label="Call" onClick=${() => this.ui.dialog("call")} />`}
      ${chat.noCalls && html`<${IconButton} icon="phone" class="unavailable" label=${chat.noCalls} onClick=${() => chat.showProblem(`${chat.noCalls}.`)} />`}
      <${IconButton} ...${ENCRYPTION[chat.settings.secret[room.key]]} onClick=${() => this.ui.dialog("encryption")} />
      <${IconButton} icon="search" label="Search messages" aria-pressed=${panel === "search"} onClick=${() => this.ui.togglePanel("search")} />
      ${room.kind === "room" && html`<button type="button" class="icon-button with-count" aria-pressed=${panel === "members"} title="Members" onClick=${() => this.ui.togglePanel("members")}>
        <${Icon} name="people" /><span>${room.count || ""}</span><span class="visually-hidden"> ${room.count === 1 ? "member" : "members"}</span></button>`}
      <${IconButton} icon="leave" class="leave" label=${`Leave ${room.name}`} onClick=${() => this.ui.dialog("leave")} />
    </header>`;
  }

  #dialog(dialog, chat) {
    const Dialog = DIALOGS[dialog?.name];
    // The browser reports a closed dialog late: another may be open by then.
    const onClose = () => this.setState(({ dialog: open }) => (open === dialog ? { dialog: undefined } : null));
    const onUnavailable = ({ message }) => (onClose(), chat.showProblem(`${message}.`));
    return Dialog && html`<${Dialog} ...${dialog} chat=${chat} ui=${this.ui} onClose=${onClose} onUnavailable=${onUnavailable} />`;
  }

  #atEnd(atEnd) {
    const { chat } = this.props;
    chat.atEnd = atEnd && this.state.view === "chat";
    chat.markRead();
  }

  #seen(room, entries) {
    const { chat } = this.props;
    if (room.count > 50) return; // the server sends no receipts there
    const own = entries.filter(({ user, replayed, deleted }) => user === chat.me && replayed && !deleted);
    if (own.length > 0) chat.history.then((history) => own.forEach((entry) => history.requestReceipts(room, entry))).catch(() => {}); // the connection is lost
  }
}

function connectionBanner({ client, connection: { phase, reason, retryAt, code } }, now, ui) {
  if (phase !== "waiting" && phase !== "closed") return undefined;
  const [label, action] =
    phase === "waiting" ? ["Try now", () => client.retry()]
    : code === 4409 ? ["Continue here", () => client.open()]
    : code === 4401 || code === 0 ? ["Choose a name", ui.signOut]
    : ["Connect again", () => client.open()];
  return html`<div class="banner" role="status">
    <p>${capitalize(reason)}.<span aria-hidden="true">${phase === "waiting" ? ` Trying again ${formatCountdown(retryAt - now)}.` : ""}</span></p>
    <button type="button" onClick=${action}>${label}</button>
  </div>`;
}

function typing(room) {
  const users = [...room.typists.keys()];
  if (users.length === 0) return undefined;
  if (users.length > 3) return `${users.length} people are typing…`;
  return [...names(users), users.length === 1 ? " is typing…" : " are typing…"];
}

const capitalize = (text = "") => text.charAt(0).toUpperCase() + text.slice(1);
