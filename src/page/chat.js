// The state of the chat: the open rooms, the user, and the connection; handles the server's events.
//
// The state is here and in the rooms; the views only show it. The page does not anticipate the server's
// decisions: a message counts as sent when `sent` or its own event says so. `changed` is called after each
// change that a view may show.

import { Client } from "./roomd.js";
import { singleLine } from "./markup.js";
import { privateRoom } from "./names.js";
import { Room, entryOf, keyOf, validTime } from "./room.js";
import { MessageSender } from "./message-sender.js";

const HISTORY_ACTIVE = 50; // messages requested when the active room is joined
export const HISTORY_BACKGROUND = 10; // and for the others, for their last message: the newest may be deleted, or reactions
const SAVE_MS = 500;
const GET_MS = 20_000; // without a response for this long, a resource cannot be loaded
const RECEIPT_MS = 300; // receipts are sent at most this often

export class Chat {
  rooms = new Map(); // key → Room, in the order of opening
  active;
  publicRooms = [];
  connection = { phase: "connecting" };
  problem; // {text, topic?}
  pause; // {text, until}: the server accepts no messages for now
  away = false;
  calls; // the CallController, once it is loaded
  atEnd = true; // the newest message of the active room is in view
  liveText = ""; // what a screen reader should announce next
  #storage;
  #select;
  #lazy = {}; // name → promise
  #receipts = new Map(); // key → {received, read} that are not sent yet
  #receiptTimer = 0;
  #saveTimer = 0;

  // `me` is {name, token?}; `select` shows a room and puts it into the address; `diagnose` is the client's option.
  constructor(storage, me, url, { changed, select, diagnose }) {
    this.#storage = storage;
    this.me = me.name;
    this.identity = me;
    this.changed = changed;
    this.#select = select;
    this.settings = storage.settings(me.name);
    this.client = new Client(url, { user: me.name, token: () => me.token, diagnose });
    this.sender = new MessageSender(this, storage);
    storage.watch(me.name, () => this.#syncSettings());
    globalThis.addEventListener?.("pagehide", () => this.#saveTimer && this.#saveReadPositions());
    for (const [type, listener] of Object.entries(handlers)) {
      this.client.on(type, (event) => {
        listener(this, event, this.roomOf(event.room));
        this.changed();
      });
    }
    for (const type of MODERATION_EVENTS) this.client.on(type, (event) => this.moderation.then((moderation) => moderation.handle(event), () => {})); // the connection is lost
  }

  // Parts that are loaded lazily. Each is a promise, which rejects if the part cannot be loaded.
  get history() {
    return this.#load("history", async () => new (await import("./message-history.js")).MessageHistory(this));
  }

  get encryption() {
    return this.#load("encryption", async () => new (await import("./chat-encryption.js")).ChatEncryption(this));
  }

  get moderation() {
    return this.#load("moderation", async () => new (await import("./moderation.js")).Moderation(this));
  }

  get notifications() {
    return this.#load("notifications", async () => new (await import("./notifications.js")).Notifications(this, this.#select));
  }

  #load(name, load) {
    this.#lazy[name] ??= load().catch(() => {
      delete this.#lazy[name];
      throw new Error("The server cannot be reached");
    });
    return this.#lazy[name];
  }

  // Whether messages to this room are encrypted. Known without the keys, so that nothing is sent in the
  // clear while they are loaded.
  isEncrypted({ key }) {
    return this.settings.secret[key] === true;
  }

  // Opens the rooms of the last visit, and the connection.
  start() {
    for (const { kind, name } of this.settings.rooms) this.open(kind, name);
    this.sender.restore();
    this.client.open();
  }

  // Resolves when there is a connection.
  async online() {
    if (this.client.state.phase === "online") return;
    await new Promise((resolve) => {
      const off = this.client.on("welcome", () => resolve(off()));
    });
  }

  open(kind, name) {
    const key = keyOf(kind, name);
    const known = this.rooms.get(key);
    if (known) return known;
    const room = new Room(kind, name, kind === "room" ? name : privateRoom(this.me, name));
    const read = this.settings.read[key];
    if (read) [room.epoch, room.read] = [read.epoch, read.seq];
    room.draft = this.sender.draftOf(key);
    if (this.isEncrypted(room)) this.decryptAll(room);
    this.rooms.set(key, room);
    if (!isAmong(this.settings.rooms, room)) this.updateSettings(({ rooms }) => isAmong(rooms, room) || rooms.push({ kind, name }));
    return room;
  }

  // Changes the settings that all tabs of this browser share.
  updateSettings(change) {
    this.settings = this.#storage.update(this.me, change);
  }

  // Another tab has changed the settings: opens and leaves the same rooms here, takes over what was read,
  // and which rooms are encrypted.
  #syncSettings() {
    const before = this.settings;
    this.settings = this.#storage.settings(this.me);
    for (const { kind, name } of this.settings.rooms) if (!this.rooms.has(keyOf(kind, name))) this.subscribe(this.open(kind, name));
    for (const room of [...this.rooms.values()]) {
      if (isAmong(before.rooms, room) && !isAmong(this.settings.rooms, room)) this.leave(room);
      const read = this.settings.read[room.key];
      if (read && read.epoch === room.epoch) room.markRead(read.seq);
      if (this.isEncrypted(room)) this.decryptAll(room);
    }
    this.changed();
  }

  // Begins to receive a room's events, whether or not it is shown.
  subscribe(room) {
    if (room.kind === "private") this.load(room, "catchUp");
    else if (room.joinState !== "refused") this.join(room);
  }

  // The presence of a user who shares a room with this one.
  statusOf(user) {
    return [...this.rooms.values()].find(({ members }) => members.has(user))?.members.get(user).status;
  }

  // The room with this name on the server.
  roomOf(address) {
    return this.rooms.get(keyOf("room", address)) ?? [...this.rooms.values()].find((room) => room.address === address);
  }

  select(room) {
    const before = this.active;
    if (before && before !== room) {
      before.divider = undefined;
      this.dismiss();
    }
    this.active = room;
    this.atEnd = true;
    if (room?.kind === "room") this.join(room);
    if (room?.unread > 0) room.divider = room.read;
    if (room?.joinState === "in") this.loadMembers(room);
    this.changed();
  }

  // The client keeps a room joined over reconnects.
  join(room) {
    if (room.kind !== "room" || room.wanted) return;
    room.wanted = true;
    room.joinState = "out";
    const history = room === this.active ? HISTORY_ACTIVE : HISTORY_BACKGROUND;
    this.client.join(room.name, { history }).then(
      () => this.loadRooms(),
      (error) => this.#refused(room, error),
    );
  }

  leave(room) {
    if (room.kind === "room" && room.joinState !== "refused") {
      this.client.leave(room.name).then(() => this.loadRooms(), () => {}); // it was left already
    }
    this.forget(room);
  }

  forget(room) {
    this.rooms.delete(room.key);
    this.sender.forget(room);
    if (this.active === room) this.select([...this.rooms.values()].at(-1));
    this.updateSettings((settings) => (settings.rooms = settings.rooms.filter(({ kind, name }) => keyOf(kind, name) !== room.key)));
    this.changed();
  }

  // Fetches a resource of the HTTP API. Rejects with an error whose message is for the user.
  async get(path, signal) {
    const { token } = this.identity;
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const timeout = AbortSignal.timeout(GET_MS);
    try {
      const response = await fetch(path, { headers, signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
      const body = await response.json();
      if (response.ok) return body;
      throw new Error(body.error?.message ?? response.statusText);
    } catch (error) {
      throw error.name === "Error" ? error : new Error("The server cannot be reached"); // the browser's own messages are no help
    }
  }

  // Marks the active room as read if its end is in view.
  markRead() {
    const room = this.active;
    if (!room || !this.atEnd || document.hidden || !room.markRead()) return;
    this.sendReceipt(room, "read", room.read);
    this.saveRead();
    this.changed();
  }

  setAway(away) {
    this.away = away;
    this.client.tell({ type: "presence", status: away ? "away" : "online" });
    this.changed();
  }

  showProblem(text, topic) {
    this.problem = { text, topic };
    this.changed();
  }

  // Hides the problem; with a topic only one of that topic, which is solved.
  dismiss(topic) {
    if (topic === undefined || this.problem?.topic === topic) this.problem = undefined;
    this.changed();
  }

  // Notifies the user, if the page is hidden and they have enabled notifications.
  notify(room, user, text) {
    if (this.settings.notify && document.hidden) this.notifications.then((notifications) => notifications.show(room, user, text)).catch(() => {}); // the connection is lost
  }

  // Loads older messages, or with "catchUp" what a private conversation has missed without a connection.
  load(room, what = "loadOlder") {
    if (this.connection.phase !== "online") return; // requested when it is, and not before the first render
    this.history.then((history) => history[what](room)).catch(() => {}); // the connection is lost: requested with the next one
  }

  loadMembers(room) {
    if (room.kind !== "room") return;
    this.client.request({ type: "members", room: room.name }).then(({ members, count }) => {
      room.setMembers(members, count);
      this.away = room.members.get(this.me)?.status === "away"; // set in another window
      this.changed();
    }, () => {}); // requested again when the room is joined again
    if (!this.identity.token) return;
    this.get(`/api/v1/rooms/${encodeURIComponent(room.name)}`).then(({ role }) => {
      room.canModerate = role !== undefined && role !== "member";
      this.changed();
    }, () => {}); // likewise
  }

  loadRooms() {
    this.client.request({ type: "rooms" }).then(({ rooms }) => {
      this.publicRooms = rooms;
      for (const { room, private: isPrivate } of rooms) Object.assign(this.rooms.get(keyOf("room", room)) ?? {}, { isPrivate });
      this.changed();
    }, () => {});
  }

  sendReceipt(room, receipt, seq) {
    if (seq <= 0) return;
    this.#receipts.set(room.key, { ...this.#receipts.get(room.key), [receipt]: seq });
    this.#receiptTimer ||= setTimeout(() => {
      this.#receiptTimer = 0;
      for (const [key, marks] of this.#receipts) {
        const { joinState, address } = this.rooms.get(key) ?? {};
        for (const [type, seq] of Object.entries(marks)) if (joinState === "in") this.client.tell({ type, room: address, seq });
      }
      this.#receipts.clear();
    }, RECEIPT_MS);
  }

  // Saves the read positions soon, once for many messages.
  saveRead() {
    this.#saveTimer ||= setTimeout(() => this.#saveReadPositions(), SAVE_MS);
  }

  #saveReadPositions() {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = 0;
    this.updateSettings((settings) => {
      for (const { key, epoch, read } of this.rooms.values()) {
        const known = settings.read[key];
        const isBehind = known !== undefined && known.epoch === epoch && known.seq > read;
        if (read !== undefined && !isBehind) settings.read[key] = { epoch, seq: read };
      }
    });
  }

  receive(room, event) {
    const entry = entryOf(event);
    const isNew = room.receive(entry, this.me);
    if (room !== this.active || this.atEnd) room.trim(); // else the user may be looking at the oldest
    const opened = entry.cipher && this.decrypt(room, entry);
    if (!isNew || event.user === this.me) return;
    this.sendReceipt(room, "received", event.seq);
    if (event.replayed || event.deleted) return; // a message that was delivered late may be deleted by now
    if (room === this.active && this.atEnd) this.markRead();
    if (entry.reactTo !== undefined) return this.saveRead(); // a reaction alone makes nothing unread
    if (opened) opened.then(({ text }) => text !== undefined && this.#announce(room, event.user, text));
    else this.#announce(room, event.user, event.message);
  }

  // Decrypts an entry of the room. Resolves with the result, or {} without a connection.
  async decrypt(room, entry) {
    try {
      return await (await this.encryption).decrypt(room, entry);
    } catch {
      return {}; // decrypted with the next connection
    }
  }

  // Tries again to decrypt what could not be decrypted: there may be another key, or a connection again.
  decryptAll(room) {
    this.encryption.then((encryption) => encryption.recheck(room)).catch(() => {}); // tried again with the next connection
  }

  #announce(room, user, text) {
    if (room === this.active) this.liveText = `${user}: ${singleLine(text, 500)}`;
    this.notify(room, user, text);
    this.changed();
  }

  #refused(room, error) {
    if (error.code === "left" || error.code === "interrupted") return;
    // A room that shows anything stays open, above all because of its unsent messages.
    if (room.entries.length === 0 && room.unsent.length === 0) this.forget(room);
    this.refuse(room, `You cannot join ${room.name}: ${error.message}.`);
  }

  // The user is not in the room, for the reason in this sentence. The room shows it while it is active.
  refuse(room, refusal) {
    room.refuse(refusal);
    if (room !== this.active) this.showProblem(refusal);
  }
}

// Handled by a lazy part.
const MODERATION_EVENTS = ["removed", "invited", "role", "muted", "unmuted", "settings"];

function isAmong(rooms, room) {
  return rooms.some(({ kind, name }) => keyOf(kind, name) === room.key);
}

const handlers = {
  state(chat, state) {
    chat.connection = state;
    if (state.phase !== "online") for (const room of chat.rooms.values()) if (room.joinState === "in") room.joinState = "out";
  },
  welcome(chat, event) {
    chat.me = event.user;
    chat.guest = event.guest;
    chat.iceServers = event.ice_servers;
    for (const room of chat.rooms.values()) {
      chat.subscribe(room);
      if (room.undecrypted.length > 0) chat.decryptAll(room); // the connection may have been lost before they were decrypted
    }
    if (chat.away) chat.client.tell({ type: "presence", status: "away" });
    chat.loadRooms();
  },
  joined(chat, event, room) {
    if (!room) return;
    room.enter(event);
    chat.saveRead(); // a room that is joined for the first time counts as read
    if (event.seq === 0) room.complete = true;
    if (room === chat.active || event.resumed) chat.loadMembers(room);
    if (room !== chat.active) return;
    if (room.unread > 0) room.divider ??= room.read;
    chat.markRead();
  },
  gap(chat, { reason, missed }, room) {
    if (!room) return;
    room.clear();
    const what = missed === undefined ? "Messages" : missed === 1 ? "One message" : `${missed} messages`;
    room.addNotice(reason === "epoch_changed" ? "The history of this room was restarted" : `${what} may be missing above and will be loaded again`, new Date().toISOString());
    chat.load(room);
  },
  message(chat, event, room) {
    if (room) chat.receive(room, event);
  },
  private(chat, event) {
    const room = chat.open("private", event.from === chat.me ? event.to : event.from);
    room.joinState = "in";
    chat.receive(room, { ...event, user: event.from });
  },
  edit(chat, { seq, message, cipher, at }, room) {
    room?.edit({ seq, text: message ?? "", cipher, opened: undefined, edited: validTime(at) });
    const entry = cipher && room?.bySeq(seq);
    if (entry) chat.decrypt(room, entry);
  },
  delete(chat, { seq, at }, room) {
    room?.edit({ seq, text: "", cipher: undefined, deleted: true, edited: validTime(at) });
  },
  receipt(chat, event, room) {
    if (event.user !== chat.me) room?.addReceipt(event);
  },
  join(chat, { user, at }, room) {
    room?.addMember(user);
    if (user !== chat.me) room?.addMembershipNotice(user, "join", validTime(at));
  },
  leave(chat, { user, at }, room) {
    if (user === chat.me) return;
    room?.removeMember(user);
    room?.addMembershipNotice(user, "leave", validTime(at));
  },
  typing(chat, { username, typing }, room) {
    if (username !== chat.me) room?.typing(username, typing, Date.now());
  },
  presence(chat, { user, status, note, lastSeen }) {
    if (user === chat.me) chat.away = status === "away";
    for (const { members } of chat.rooms.values()) {
      if (members.has(user)) members.set(user, { user, status, note, lastSeen });
    }
  },
  paused(chat, { message, until }, room) {
    (room ?? chat).pause = { text: `${message}.`, until };
  },
  // A refused typing notice or receipt is not worth a message to the user.
  refused(chat, { id, code, message }) {
    if (!chat.calls?.refused(id) && !["muted", "not_member", "rate_limited"].includes(code)) chat.showProblem(`${message}.`);
  },
};
