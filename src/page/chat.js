// The chat as this page knows it: the rooms, who the reader is, and what the server says about both.
//
// All state is here and in the rooms; the views only show it. The page never guesses what the server
// decided: a message counts as sent when `sent` or its own event says so. `changed` is called after
// whatever a view may want to show anew.

import { Client } from "./roomd.js";
import { lineOf } from "./markup.js";
import { privateRoom } from "./names.js";
import { Room, entryOf, keyOf, validTime } from "./room.js";
import { Voice } from "./message-sender.js";

const HISTORY = 50; // messages asked for with the room that is open
export const LAST = 10; // and with the others, for the last line: the newest may be deleted, or a reaction
const KEEP_MS = 500;
const RECEIPT_MS = 300; // what was received and read is told at most this often, room by room

export class Chat {
  rooms = new Map(); // key → Room, in the order of opening
  active;
  publicRooms = [];
  connection = { phase: "connecting" };
  problem; // {text}
  pause; // {text, until}: the server wants nothing for now
  away = false;
  atEnd = true; // the reader sees the newest message of the active room
  spoken = ""; // what a screen reader should say next
  #memory;
  #turn;
  #parts = {}; // name → promise
  #receipts = new Map(); // key → {received, read} that are to be told
  #receiptTimer = 0;
  #keepTimer = 0;

  // `me` is {name, token?}; `turn` leads the reader to a room; `diagnose` is the client's.
  constructor(memory, me, url, { changed, turn, diagnose }) {
    this.#memory = memory;
    this.me = me.name;
    this.identity = me;
    this.changed = changed;
    this.#turn = turn;
    this.settings = memory.settings(me.name);
    this.client = new Client(url, { user: me.name, token: () => me.token, diagnose });
    this.voice = new Voice(this, memory);
    memory.watch(me.name, () => this.#follow());
    globalThis.addEventListener?.("pagehide", () => this.#keepTimer && this.#keep());
    for (const [type, listener] of Object.entries(heard)) {
      this.client.on(type, (event) => {
        listener(this, event, this.roomOf(event.room));
        this.changed();
      });
    }
    for (const type of RULINGS) this.client.on(type, (event) => this.rulings.then((rulings) => rulings.hear(event), () => {})); // the line is broken
  }

  // What the first view does without: `await` it. Rejects when it cannot be fetched.
  get past() {
    return this.#part("past", async () => new (await import("./message-history.js")).Past(this));
  }

  get secrecy() {
    return this.#part("secrecy", async () => new (await import("./chat-encryption.js")).Secrecy(this));
  }

  get rulings() {
    return this.#part("rulings", async () => new (await import("./moderation.js")).Rulings(this));
  }

  get bell() {
    return this.#part("bell", async () => new (await import("./notifications.js")).Bell(this, this.#turn));
  }

  #part(name, load) {
    this.#parts[name] ??= load().catch(() => {
      delete this.#parts[name];
      throw new Error("The server cannot be reached");
    });
    return this.#parts[name];
  }

  // Whether what is said in this room is sealed. Known without the keys, so that nothing slips out
  // while they are fetched.
  isSecret({ key }) {
    return this.settings.secret[key] === true;
  }

  // Opens the rooms of the last time; the connection follows.
  start() {
    for (const { kind, name } of this.settings.rooms) this.open(kind, name);
    this.voice.restore();
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
    room.draft = this.voice.draftOf(key);
    if (this.isSecret(room)) this.unsealAll(room);
    this.rooms.set(key, room);
    if (!isAmong(this.settings.rooms, room)) this.remember(({ rooms }) => isAmong(rooms, room) || rooms.push({ kind, name }));
    return room;
  }

  // Changes what this browser remembers for all its tabs.
  remember(alter) {
    this.settings = this.#memory.change(this.me, alter);
  }

  // Another tab has changed it: this one opens what was opened there, leaves what was left, has read what
  // was read, and says nothing in the clear that is to be encrypted.
  #follow() {
    const before = this.settings;
    this.settings = this.#memory.settings(this.me);
    for (const { kind, name } of this.settings.rooms) if (!this.rooms.has(keyOf(kind, name))) this.visit(this.open(kind, name));
    for (const room of [...this.rooms.values()]) {
      if (isAmong(before.rooms, room) && !isAmong(this.settings.rooms, room)) this.leave(room);
      const read = this.settings.read[room.key];
      if (read && read.epoch === room.epoch) room.reach(read.seq);
      if (this.isSecret(room)) this.unsealAll(room);
    }
    this.changed();
  }

  // Begins to hear of a room that is not looked at.
  visit(room) {
    if (room.kind === "private") this.load(room, "renew");
    else if (room.standing !== "refused") this.join(room);
  }

  // Of somebody who is in a room with the reader.
  statusOf(user) {
    return [...this.rooms.values()].find(({ members }) => members.has(user))?.members.get(user).status;
  }

  // The conversation that the server calls so.
  roomOf(address) {
    return this.rooms.get(keyOf("room", address)) ?? [...this.rooms.values()].find((room) => room.address === address);
  }

  turn(room) {
    const before = this.active;
    if (before && before !== room) {
      before.divider = undefined;
      this.dismiss();
    }
    this.active = room;
    this.atEnd = true;
    if (room?.kind === "room") this.join(room);
    if (room?.unread > 0) room.divider = room.read;
    if (room?.standing === "in") this.loadMembers(room);
    this.changed();
  }

  // The client keeps a room that it has entered, over all connections.
  join(room) {
    if (room.kind !== "room" || room.wanted) return;
    room.wanted = true;
    room.standing = "out";
    const history = room === this.active ? HISTORY : LAST;
    this.client.join(room.name, { history }).then(
      () => this.loadRooms(),
      (error) => this.#refused(room, error),
    );
  }

  leave(room) {
    if (room.kind === "room" && room.standing !== "refused") {
      this.client.leave(room.name).then(() => this.loadRooms(), () => {}); // not a member: it is left
    }
    this.forget(room);
  }

  forget(room) {
    this.rooms.delete(room.key);
    this.voice.forget(room);
    if (this.active === room) this.turn([...this.rooms.values()].at(-1));
    this.remember((settings) => (settings.rooms = settings.rooms.filter(({ kind, name }) => keyOf(kind, name) !== room.key)));
    this.changed();
  }

  // A resource of the server's. Rejects with a sentence for the reader.
  async get(path, signal) {
    const { token } = this.identity;
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const response = await fetch(path, { headers, signal });
    const body = await response.json();
    if (!response.ok) throw new Error(body.error?.message ?? response.statusText);
    return body;
  }

  // The reader looks at the end of the active room.
  look() {
    const room = this.active;
    if (!room || !this.atEnd || document.hidden || !room.reach()) return;
    this.tellReceipt(room, "read", room.read);
    this.keep();
    this.changed();
  }

  setAway(away) {
    this.away = away;
    this.client.tell({ type: "presence", status: away ? "away" : "online" });
    this.changed();
  }

  complain(text) {
    this.problem = { text };
    this.changed();
  }

  // The problem is over, or was seen.
  dismiss() {
    this.problem = undefined;
    this.changed();
  }

  // Calls a reader who looks elsewhere and has asked for it.
  ring(room, user, text) {
    if (this.settings.notify && document.hidden) this.bell.then((bell) => bell.ring(room, user, text)).catch(() => {}); // the line is broken
  }

  // Loads what was said before, and in a private conversation what was said while this page was away.
  load(room, how = "older") {
    if (this.connection.phase !== "online") return; // asked again when it is, and not before the first view
    this.past.then((past) => past[how](room)).catch(() => {}); // the line is broken: asked again when it is back
  }

  loadMembers(room) {
    if (room.kind !== "room") return;
    this.client.request({ type: "members", room: room.name }).then(({ members, count }) => {
      room.meet(members, count);
      this.away = room.members.get(this.me)?.status === "away"; // another window may have said so
      this.changed();
    }, () => {}); // asked again when the room is entered again
    if (!this.identity.token) return;
    this.get(`/api/v1/rooms/${encodeURIComponent(room.name)}`).then(({ role }) => {
      room.rules = role !== undefined && role !== "member";
      this.changed();
    }, () => {}); // likewise
  }

  loadRooms() {
    this.client.request({ type: "rooms" }).then(({ rooms }) => {
      this.publicRooms = rooms;
      this.changed();
    }, () => {});
  }

  tellReceipt(room, receipt, seq) {
    if (seq <= 0) return;
    this.#receipts.set(room.key, { ...this.#receipts.get(room.key), [receipt]: seq });
    this.#receiptTimer ||= setTimeout(() => {
      this.#receiptTimer = 0;
      for (const [key, marks] of this.#receipts) {
        const { standing, address } = this.rooms.get(key) ?? {};
        for (const [type, seq] of Object.entries(marks)) if (standing === "in") this.client.tell({ type, room: address, seq });
      }
      this.#receipts.clear();
    }, RECEIPT_MS);
  }

  // Remembers how far rooms are read: soon, since much may come at once.
  keep() {
    this.#keepTimer ||= setTimeout(() => this.#keep(), KEEP_MS);
  }

  #keep() {
    clearTimeout(this.#keepTimer);
    this.#keepTimer = 0;
    this.remember((settings) => {
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
    if (room !== this.active || this.atEnd) room.trim(); // else the reader may be looking at the oldest
    const opened = entry.cipher && this.unseal(room, entry);
    if (!isNew || event.user === this.me) return;
    this.tellReceipt(room, "received", event.seq);
    if (event.replayed || event.deleted) return; // what waited may be deleted by now
    if (room === this.active && this.atEnd) this.look();
    if (entry.reactTo !== undefined) return this.keep(); // it is read where nothing else is new
    if (opened) opened.then(({ text }) => text !== undefined && this.#tell(room, event.user, text));
    else this.#tell(room, event.user, event.message);
  }

  // Opens what is sealed in an entry that the room has; resolves with what it is.
  async unseal(room, entry) {
    try {
      return await (await this.secrecy).open(room, entry);
    } catch {
      return {}; // the line broke: it is opened when it is back
    }
  }

  // There may be another key, or a line again: tries once more what could not be read.
  unsealAll(room) {
    this.secrecy.then((secrecy) => secrecy.lookAgain(room)).catch(() => {}); // once more when the line is back
  }

  #tell(room, user, text) {
    if (room === this.active) this.spoken = `${user}: ${lineOf(text, 500)}`;
    this.ring(room, user, text);
    this.changed();
  }

  #refused(room, error) {
    if (error.code === "left" || error.code === "interrupted") return;
    room.refuse();
    // A room that was open keeps what it shows, above all what is not sent yet.
    if (room.entries.length === 0 && room.unsent.length === 0) this.forget(room);
    this.complain(`${room.name} cannot be entered: ${error.message}.`);
  }
}

// Told by what the first view does without, and may come before it.
const RULINGS = ["removed", "invited", "role", "muted", "unmuted", "settings"];

function isAmong(rooms, room) {
  return rooms.some(({ kind, name }) => keyOf(kind, name) === room.key);
}

const heard = {
  state(chat, state) {
    chat.connection = state;
    if (state.phase !== "online") for (const room of chat.rooms.values()) if (room.standing === "in") room.standing = "out";
  },
  welcome(chat, event) {
    chat.me = event.user;
    chat.guest = event.guest;
    chat.iceServers = event.ice_servers;
    for (const room of chat.rooms.values()) {
      chat.visit(room);
      if (room.sealed.length > 0) chat.unsealAll(room); // the line may have broken before it was opened
    }
    if (chat.away) chat.client.tell({ type: "presence", status: "away" });
    chat.loadRooms();
  },
  joined(chat, event, room) {
    if (!room) return;
    room.enter(event);
    chat.keep(); // how far it is read begins to be known
    if (event.seq === 0) room.complete = true;
    if (room === chat.active || event.resumed) chat.loadMembers(room);
    if (room !== chat.active) return;
    if (room.unread > 0) room.divider ??= room.read;
    chat.look();
  },
  gap(chat, { reason, missed }, room) {
    if (!room) return;
    room.empty();
    const what = missed === undefined ? "Messages" : missed === 1 ? "One message" : `${missed} messages`;
    room.note(reason === "epoch_changed" ? "The history of this room was begun anew" : `${what} may be missing above; they are loaded again`, new Date().toISOString());
    chat.load(room);
  },
  message(chat, event, room) {
    if (room) chat.receive(room, event);
  },
  private(chat, event) {
    const room = chat.open("private", event.from === chat.me ? event.to : event.from);
    room.standing = "in";
    chat.receive(room, { ...event, user: event.from });
  },
  edit(chat, { seq, message, cipher, at }, room) {
    room?.edit({ seq, text: message ?? "", cipher, seal: undefined, edited: validTime(at) });
    const entry = cipher && room?.bySeq(seq);
    if (entry) chat.unseal(room, entry);
  },
  delete(chat, { seq, at }, room) {
    room?.edit({ seq, text: "", cipher: undefined, deleted: true, edited: validTime(at) });
  },
  receipt(chat, event, room) {
    if (event.user !== chat.me) room?.mark(event);
  },
  join(chat, { user, at }, room) {
    room?.arrive(user);
    if (user !== chat.me) room?.move(user, "join", validTime(at));
  },
  leave(chat, { user, at }, room) {
    if (user === chat.me) return;
    room?.depart(user);
    room?.move(user, "leave", validTime(at));
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
  // What is told in passing is no business of the reader's when a room does not take it.
  refused(chat, { id, code, message }) {
    if (!chat.phone?.refused(id) && !["muted", "not_member", "rate_limited"].includes(code)) chat.complain(`${message}.`);
  },
};
