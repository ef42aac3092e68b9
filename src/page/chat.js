// The state of the chat: the open rooms, the user, and the connection; handles the server's events.
//
// The state is here and in the rooms; the views only show it. The page does not anticipate the server's
// decisions: a message counts as sent when `sent` or its own event says so. `changed` is called after each
// change that a view may show.

import { Client } from "./roomd.js";
import { privateRoom } from "./names.js";
import { loadModule } from "./loading.js";
import { Room, entryOf, keyOf, textOf, validTime } from "./room.js";
import { MessageSender } from "./message-sender.js";

const HISTORY_ACTIVE = 50; // messages requested when the active room is joined
export const HISTORY_BACKGROUND = 10; // and for the others, for their last message: the newest may be deleted, or reactions
const SAVE_MS = 500;
const RECEIPT_MS = 300; // receipts are sent at most this often

export class Chat {
  rooms = new Map(); // key → Room, in the order of opening
  active;
  publicRooms = [];
  connection = { phase: "connecting" };
  problem; // {text, topic?}
  pause; // {text, until}: the server accepts no messages for now
  away = false;
  askDisplayNames; // learns those of more users, once that is loaded
  calls; // the CallController, once it is loaded
  noCalls; // why there is none
  notAdmitted; // a sentence: why an invitation did not admit the user to the room of the address
  invitations = new Map(); // room → who invited the user, who has not answered
  wanted; // {room, seq}: a message to be shown as soon as its room is there
  atEnd = true; // the newest message of the active room is in view
  called = 0; // grows when a user is called otherwise
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
    return this.#load("message-history", "MessageHistory");
  }

  get encryption() {
    return this.#load("chat-encryption", "ChatEncryption");
  }

  get changes() {
    return this.#load("message-changes", "MessageChanges");
  }

  get moderation() {
    return this.#load("moderation", "Moderation");
  }

  get bookmarks() {
    return this.#load("bookmarks", "Bookmarks");
  }

  get notifications() {
    return this.#load("notifications", "Notifications", this.#select);
  }

  #load(name, part, more) {
    this.#lazy[name] ??= loadModule(name).then((module) => new module[part](this, more)).catch((error) => {
      delete this.#lazy[name];
      throw error;
    });
    return this.#lazy[name];
  }

  // Of which messages in this room the user is notified: "all", "mentions" or "nothing".
  levelOf({ key }) {
    return this.settings.levels[key] ?? "all";
  }

  // "light" or "dark", or undefined: as the system has it.
  get appearance() {
    return this.#storage.appearance;
  }

  set appearance(scheme) {
    this.#storage.appearance = scheme;
    this.changed();
  }

  // Whether Enter sends a message, or undefined: as it is usual on the device.
  get enterSends() {
    return this.#storage.enterSends;
  }

  set enterSends(enterSends) {
    this.#storage.enterSends = enterSends;
    this.changed();
  }

  // The user is known to the server.
  welcomed() {
    if (this.identity.token) this.bookmarks.then((bookmarks) => bookmarks.openMemberships()).catch(() => {}); // the connection is lost: with the next one
  }

  // What the user's other devices list is listed here, and the other way around.
  #syncBookmarks() {
    if (this.identity.token && this.connection.phase === "online") this.bookmarks.then((bookmarks) => bookmarks.sync()).catch(() => {}); // the connection is lost: with the next one
  }

  // Whether messages to this room are encrypted. Known without the keys, so that nothing is sent in the
  // clear while they are loaded.
  isEncrypted({ key }) {
    return this.settings.secret[key] === true;
  }

  // Whether others encrypt here, while this device neither has the key nor was told to write without it.
  lacksKey({ key, encryptedFrom, importing }) {
    return !importing && (this.settings.secret[key] ?? encryptedFrom === undefined) === false;
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
    room.me = this.me;
    const read = this.settings.read[key];
    if (read) [room.epoch, room.read] = [read.epoch, read.seq];
    room.draft = this.sender.draftOf(key);
    if (this.isEncrypted(room)) this.decryptAll(room);
    this.rooms.set(key, room);
    if (!isAmong(this.settings.rooms, room)) {
      this.updateSettings(({ rooms }) => isAmong(rooms, room) || rooms.push({ kind, name }));
      this.#syncBookmarks();
    }
    return room;
  }

  // Changes the settings that all tabs of this browser share.
  updateSettings(change) {
    this.settings = this.#storage.update(this.me, change);
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
    this.client.join(room.name, { history, receipt_counts: true }).then(
      () => this.loadRooms(),
      (error) => this.#refused(room, error),
    );
  }

  leave(room) {
    if (room.kind === "room" && room.joinState !== "refused") {
      this.client.leave(room.name).then(() => this.loadRooms(), () => {}); // it was left already
    }
    const isActive = this.active === room;
    this.forget(room);
    if (isActive) this.#select?.(this.active, true); // the address leads to the room no more
  }

  forget(room) {
    this.rooms.delete(room.key);
    this.sender.forget(room);
    if (this.active === room) this.select([...this.rooms.values()].at(-1));
    this.updateSettings((settings) => (settings.rooms = settings.rooms.filter(({ kind, name }) => keyOf(kind, name) !== room.key)));
    this.#syncBookmarks();
    this.changed();
  }

  // Fetches a resource of the HTTP API. Rejects with an error whose message is for the user.
  get(path, signal) {
    return this.#fetch(path, {}, signal);
  }

  // The same with a body.
  post(path, body) {
    return this.#fetch(path, { method: "POST", body: JSON.stringify(body) });
  }

  async #fetch(path, request, signal) {
    const { fetchResource } = await loadModule("http-api");
    return fetchResource(path, request, this.identity.token, signal);
  }

  // Marks the active room as read if its end is in view.
  markRead() {
    if (this.active && this.atEnd && !document.hidden) this.read(this.active);
  }

  // Marks a room as read.
  read(room) {
    const isNews = room.markRead();
    const { legible } = room;
    if (legible > room.readSent) this.sendReceipt(room, "read", (room.readSent = legible));
    if (!isNews) return;
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

  // Loads older messages, with "loadUnread" those that are unread, or with "catchUp" what a private conversation has
  // missed without a connection.
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
    this.client.request({ type: "about", room: room.name }).then(({ subject, description, pinned }) => {
      room.about = { subject, description, pinned };
      this.changed();
    }, () => {}); // likewise
    if (!this.identity.token) return;
    this.get(`/api/v1/rooms/${encodeURIComponent(room.name)}`).then(({ role, announcement }) => {
      room.announcement = announcement;
      room.canModerate = ["moderator", "owner", "admin"].includes(role);
      room.hasVoice = role === "voice";
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
    const { read } = room;
    const isNew = room.receive(entry, this.me);
    if (room.read !== read) this.saveRead();
    if (room !== this.active || this.atEnd) room.trim(); // else the user may be looking at the oldest
    const opened = entry.cipher && this.decrypt(room, entry);
    if (!isNew || event.user === this.me) return;
    this.sendReceipt(room, "received", event.seq);
    if (event.replayed && event.seq === room.newest && room.unreadUnknown > 0) this.load(room, "loadUnread");
    if (event.replayed || event.deleted) return; // a message that was delivered late may be deleted by now
    if (room === this.active && this.atEnd) this.markRead();
    if (entry.reactTo !== undefined) return this.saveRead(); // a reaction alone makes nothing unread
    if (opened) opened.then(({ text }) => text !== undefined && this.#heard(room, entry, text));
    else this.#heard(room, entry, entry.text);
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

  #heard(room, entry, text) {
    this.notifications.then((notifications) => notifications.heard(room, entry, text)).catch(() => {}); // the connection is lost
  }

  // Has a screen reader say what happened.
  announce(text) {
    this.notifications.then((notifications) => notifications.announce(text)).catch(() => {}); // likewise
  }

  #refused(room, error) {
    if (error.code === "left" || error.code === "interrupted") return;
    // A room that shows anything stays open, above all because of its unsent messages.
    if (room.entries.length === 0 && room.unsent.length === 0) this.forget(room);
    this.refuse(room, this.notAdmitted ?? `You cannot join ${room.name}: ${error.message}.`);
    this.notAdmitted = undefined;
  }

  // The user is not in the room, for the reason in this sentence. The room shows it while it is active.
  refuse(room, refusal) {
    room.refuse(refusal);
    if (room !== this.active) this.showProblem(refusal);
  }
}

// Handled by a lazy part.
const MODERATION_EVENTS = ["removed", "invited", "admitted", "role", "muted", "unmuted", "settings", "about", "described", "pinned", "unpinned"];

export function isAmong(rooms, room) {
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
      room.me = chat.me;
      chat.subscribe(room);
      if (room.undecrypted.length > 0) chat.decryptAll(room); // the connection may have been lost before they were decrypted
    }
    chat.dismiss("draining");
    if (chat.away) chat.client.tell({ type: "presence", status: "away" });
    chat.loadRooms();
    chat.welcomed();
  },
  announcement(chat, { by, text, at }) {
    chat.announced = { by, text, at }; // it stays in every room, until it is dismissed
    chat.changed();
  },
  draining(chat) {
    chat.showProblem("The server is about to shut down. The page will connect again by itself.", "draining");
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
    if (event.store === false) room?.addNotice(`${event.user}, not kept: ${textOf(event) || "(encrypted)"}`, event.at);
    else if (room) chat.receive(room, event);
  },
  private(chat, event) {
    const room = chat.open("private", event.from === chat.me ? event.to : event.from);
    room.joinState = "in";
    chat.receive(room, { ...event, user: event.from });
  },
  edit(chat, { seq, message, data, cipher, at }, room) {
    room?.edit({ seq, text: textOf({ message, data }), data, cipher, opened: undefined, edited: validTime(at) });
    const entry = cipher && room?.bySeq(seq);
    if (entry) chat.decrypt(room, entry);
  },
  delete(chat, { seq, at, note }, room) {
    room?.edit({ seq, text: "", data: undefined, cipher: undefined, deleted: true, note, edited: validTime(at) });
  },
  receipt(chat, event, room) {
    if (event.user !== chat.me) room?.addReceipt(event);
    else if (event.status === "read" && room?.markRead(event.seq)) chat.saveRead(); // on another device
  },
  receipt_counts(chat, counts, room) {
    if (room) room.receiptCounts = counts;
  },
  join(chat, { user, at }, room) {
    room?.addMember(user);
    if (user !== chat.me) room?.addJoin(user, validTime(at));
  },
  leave(chat, { user, at }, room) {
    if (user === chat.me) return;
    room?.removeMember(user);
    room?.addLeave(user, validTime(at), Date.now());
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
  // A refused typing notice or receipt is not worth a message to the user; but they may learn by it that they are muted.
  refused(chat, { id, code, message, retry_after_ms: ms = Infinity }) {
    if (code === "muted" && chat.active) chat.active.mute = { until: Date.now() + ms };
    if (!chat.calls?.refused(id) && !["muted", "not_member", "rate_limited"].includes(code)) chat.showProblem(`${message}.`);
  },
};
