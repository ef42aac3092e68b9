// The state of one conversation: a room, or a private conversation with one user.
//
// Pure: no document, network or clock. Messages are in the server's order, each `seq` once; a notice follows
// the message it came after; the user's own unsent messages come last. An entry that changes is replaced by
// a new object, so that views can compare by identity.

import { mentions } from "./markup.js";
import { summaryOf } from "./roomd-data.js";

const ENTRIES_MAX = 12_000;
const TYPING_MS = 6_000;
const LEAVE_MS = 5_000; // a reload takes less
const RECEIPT_LOG_MAX = 300;
export const RECEIPTS = ["written", "received", "read"]; // each includes the ones before it

export class Room {
  #counts; // {unread, mentioned}; undefined: to be counted

  constructor(kind, name, address = name) {
    this.kind = kind; // "room" or "private"; then `name` is the other user
    this.name = name;
    this.address = address; // its name on the server
    this.key = keyOf(kind, name);
    this.me = undefined; // the user's name
    this.entries = []; // messages {id, seq, user, text, mid, at, …} and notices {id, notice, after, at, …}
    this.reactions = new Map(); // seq of a message → Map of seq → {user, text, mid}
    this.unsent = []; // the user's own {id, user, text, mid, at, state: "waiting" or "failed", reason?}
    this.members = new Map(); // name → {status, lastSeen, note?}
    this.count = 0; // of members; `members` names at most the first thousand
    this.leaving = new Map(); // name → {at, until}: who left, and may be back by then
    this.typists = new Map(); // name → when the typing notice expires, in ms
    this.receipts = new Map(); // name → {written, received, read}: the last seq of each
    this.receiptLog = []; // the receipts that were heard of, with their times, oldest first
    this.receiptCounts = undefined; // in a large room: the event that says how many have read the last own message
    this.epoch = undefined;
    this.newest = 0; // the last known seq
    this.read = undefined; // the last seq that the user has read; undefined before the room was first joined
    this.readSent = 0; // the last one that the server was told
    this.received = 0; // the newest seq of a message that is here, or was
    this.divider = undefined; // the last seq that had been read when the room was opened
    this.complete = false; // there are no messages before the first entry
    this.joinState = "out"; // "out", "in", or "refused"
    this.wanted = false; // the client joins it, now and after each reconnect
    this.pause = undefined; // {text, until}: slow mode
    this.mute = undefined; // {until}, in ms: the user may read, but not write
    this.announcement = false; // only moderators write, and users with a voice
    this.policy = undefined; // {info, roles, bans, mutes}, once a view has asked for it
    this.about = { pinned: [] }; // {subject?, description?, pinned: [seq]}
    this.canModerate = false; // the user may delete messages of others
    this.hasVoice = false; // the user may write where only moderators do
    this.encryptedFrom = undefined; // the first seq that is known to be encrypted
    this.held = false; // a text was not sent, since it would not have been encrypted: the user is asked
    this.mayBePlain = false; // and has said that the next one need not be
    this.draft = "";
    this.nextId = 0;
  }

  // Why the user cannot write here.
  get silence() {
    return this.mute ? "muted" : this.announcement && !this.canModerate && !this.hasVoice ? "announcement" : undefined;
  }

  // The first seq that was loaded. It may be that of a reaction, which is not an entry.
  get oldest() {
    const oldest = Math.min(this.loadedTo ?? Infinity, this.entries.find(({ seq }) => seq !== undefined)?.seq ?? Infinity);
    return oldest === Infinity ? undefined : oldest;
  }

  get last() {
    const waiting = this.unsent.findLast(({ state, reactTo }) => state === "waiting" && reactTo === undefined);
    return waiting ?? this.entries.findLast((entry) => entry.seq !== undefined && !entry.deleted && !isKeyMessage(entry));
  }

  // The last seq that the user can have read: not what is not here, nor what is at the end and cannot be decrypted.
  get legible() {
    let seq = Math.min(this.read, this.received);
    for (let i = this.entries.length - 1; i >= 0; i--) {
      const entry = this.entries[i];
      if (entry.seq > seq || entry.seq === undefined) continue;
      if (!entry.cipher || entry.deleted || entry.text || entry.user === this.me || (entry.opened && entry.opened.reason !== "no-key")) break;
      seq = entry.seq - 1;
    }
    return seq;
  }

  // How many messages the user has not read: those of others that were not deleted. A reaction is none, nor is
  // what an encrypting device tells others.
  get unread() {
    return (this.#counts ??= this.#count()).unread;
  }

  // How many of them mention the user, as far as they are loaded.
  get mentioned() {
    return (this.#counts ??= this.#count()).mentioned;
  }

  #count() {
    if (this.read === undefined) return { unread: 0, mentioned: 0 };
    let unread = this.unreadUnknown + Math.max(0, this.newest - Math.max(this.received, this.read));
    let mentioned = 0;
    for (let i = this.entries.length - 1; i >= 0 && orderOf(this.entries[i]) > this.read; i--) {
      const entry = this.entries[i];
      if (entry.seq === undefined || entry.deleted || isKeyMessage(entry)) continue;
      unread += 1;
      if (this.me !== undefined && mentions(entry.text, this.me)) mentioned += 1;
    }
    return { unread, mentioned };
  }

  // Of how many unread messages only the numbers are known, since they are before the first that was loaded.
  get unreadUnknown() {
    const { oldest } = this;
    if (this.read === undefined || oldest === undefined || this.complete) return 0;
    return Math.max(0, oldest - 1 - this.read);
  }

  // Takes over the `joined` event. In another epoch, seqs and read positions start over. `read` is what the user
  // has read on any device.
  enter({ epoch = this.epoch, seq, members, count, read = 0 }) {
    this.#counts = undefined;
    if (this.epoch !== undefined && this.epoch !== epoch) {
      this.clear();
      this.receipts.clear();
      this.receiptLog = [];
      this.receiptCounts = undefined;
      this.read = undefined;
      this.readSent = 0;
    }
    this.epoch = epoch;
    this.joinState = "in";
    this.typists.clear();
    if (members) this.setMembers(members.map((user) => this.members.get(user) ?? { user, status: "online" }), count);
    if (seq === undefined) return void this.markRead(read);
    this.newest = seq;
    this.readSent = Math.max(this.readSent, read);
    this.read = Math.min(Math.max(this.read ?? (read || seq), read), seq);
  }

  // The room was refused, for the reason in this sentence: it is not joined again automatically.
  refuse(refusal) {
    this.joinState = "refused";
    this.refusal = refusal;
    this.wanted = false;
  }

  // Drops the messages: there is a gap between them and what follows.
  clear() {
    this.#counts = undefined;
    this.received = 0;
    this.entries = [];
    this.reactions.clear();
    this.loadedTo = undefined;
    this.encryptedFrom = undefined;
    this.complete = false;
    this.divider = undefined;
  }

  // Adds a message in its place, or updates it. Returns whether it was added.
  receive(message, me) {
    this.#counts = undefined;
    this.received = Math.max(this.received, message.seq);
    this.typists.delete(message.user);
    this.#learnEncryption(message);
    if (message.reactTo !== undefined) return this.#receiveReaction(message, me);
    const own = this.unsent.findIndex(({ mid, user }) => mid !== undefined && mid === message.mid && user === message.user);
    const sent = own >= 0 ? this.unsent.splice(own, 1)[0] : undefined;
    if (message.cipher && sent) message = { ...message, text: sent.text }; // it was encrypted here
    let at = this.entries.length;
    while (at > 0 && comesBefore(message.seq, this.entries[at - 1])) at -= 1;
    const before = this.entries[at - 1];
    if (before?.seq === message.seq) {
      const decrypted = message.cipher && { text: before.text, opened: before.opened };
      this.entries[at - 1] = { ...before, ...message, ...decrypted };
      return false;
    }
    this.entries.splice(at, 0, this.#withId(message));
    this.newest = Math.max(this.newest, message.seq);
    this.read ??= message.seq - 1; // the first message of a private conversation
    if (message.user === me) this.markRead(message.seq);
    return true;
  }

  // Drops the oldest entries beyond `max`; they can be loaded again.
  trim(max = ENTRIES_MAX) {
    if (this.entries.length <= max + max / 10) return;
    this.#counts = undefined;
    this.entries.splice(0, this.entries.length - max);
    this.loadedTo = undefined;
    this.complete = false;
  }

  // Adds older messages, oldest first, before the others. Where the user has said something, they had read what
  // came before it.
  prepend(messages, complete, me) {
    this.#counts = undefined;
    this.received = Math.max(this.received, messages.at(-1)?.seq ?? 0);
    this.markRead(messages.findLast(({ user }) => user === me)?.seq ?? 0);
    const oldest = this.oldest ?? Infinity;
    for (const message of messages) this.#learnEncryption(message);
    for (const message of messages) if (message.reactTo !== undefined) this.#addReaction(message);
    const older = messages.filter(({ seq, reactTo }) => seq < oldest && reactTo === undefined).map((message) => this.#withId(message));
    this.loadedTo = Math.min(this.loadedTo ?? Infinity, messages[0]?.seq ?? Infinity);
    const end = older.at(-1)?.seq ?? 0;
    this.entries = [...older, ...this.entries.map((entry) => (entry.after < end ? { ...entry, after: end } : entry))];
    this.complete = complete;
  }

  // An edit says nothing about the time of its message.
  #learnEncryption({ seq, cipher, edited }) {
    if (cipher && !edited && !(seq >= this.encryptedFrom)) this.encryptedFrom = seq;
  }

  edit({ seq, ...change }) {
    this.#counts = undefined;
    const at = this.indexOf(seq);
    if (at < 0) return this.#editReaction(seq, change);
    this.entries[at] = { ...this.entries[at], ...change };
  }

  // A reaction is not an entry: it is shown at its message, which may be loaded later.
  #receiveReaction(message, me) {
    const own = this.unsent.findIndex(({ mid }) => mid !== undefined && mid === message.mid);
    if (own >= 0) this.unsent.splice(own, 1);
    const isNew = this.#addReaction(message);
    if (message.seq > this.newest) {
      const { newest } = this;
      this.newest = message.seq;
      if (message.user === me || this.read >= newest) this.markRead(message.seq);
    }
    return isNew;
  }

  #addReaction({ seq, reactTo, user, text, mid, deleted, cipher, edited }) {
    const reactions = this.reactions.get(reactTo) ?? new Map();
    const isNew = !reactions.has(seq) && !deleted;
    if (deleted) reactions.delete(seq);
    else if (isNew) reactions.set(seq, { seq, user, text, mid, cipher, edited });
    this.reactions.set(reactTo, new Map(reactions)); // a new object, so that views can compare
    return isNew;
  }

  // A reaction was deleted, or decrypted.
  #editReaction(seq, { text, opened, deleted }) {
    for (const [about, reactions] of this.reactions) {
      const reaction = reactions.get(seq);
      if (!reaction) continue;
      if (deleted) reactions.delete(seq);
      else reactions.set(seq, { ...reaction, text, opened });
      this.reactions.set(about, new Map(reactions));
    }
  }

  // Sets the result of decrypting `cipher`, unless the message was edited meanwhile.
  setDecrypted(seq, cipher, opened) {
    const entry = this.bySeq(seq);
    if (!entry) this.#editReaction(seq, { text: opened.text ?? "", opened });
    else if (entry.cipher === cipher) this.edit({ seq, text: opened.text ?? "", opened });
  }

  // Messages and reactions that are encrypted and were not decrypted so far.
  get undecrypted() {
    const reactions = [...this.reactions.values()].flatMap((each) => [...each.values()]);
    return [...this.entries, ...reactions].filter(({ cipher, opened }) => cipher && (!opened || opened.state === "unreadable"));
  }

  indexOf(seq) {
    let [low, high] = [0, this.entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (orderOf(this.entries[middle]) < seq) low = middle + 1;
      else high = middle;
    }
    return this.entries[low]?.seq === seq ? low : -1;
  }

  bySeq(seq) {
    return this.entries[this.indexOf(seq)];
  }

  // A user left. Others are told of it if they are not back at once, as after a reload.
  addLeave(user, at, now) {
    this.leaving.set(user, { at, until: now + LEAVE_MS });
  }

  addJoin(user, at) {
    if (!this.leaving.delete(user)) this.addMembershipNotice(user, "join", at);
  }

  // A user joined or left. Adjacent notices are merged into one, with the first and last change of each user.
  addMembershipNotice(user, kind, at) {
    const last = this.entries.at(-1);
    const changes = new Map(last?.notice === "membership" ? last.changes : []);
    changes.set(user, { first: changes.get(user)?.first ?? kind, last: kind });
    this.#addOrReplaceNotice({ notice: "membership", changes, at }, last?.notice === "membership");
  }

  addNotice(text, at) {
    this.#addOrReplaceNotice({ notice: "text", text, at }, false);
  }

  #addOrReplaceNotice(notice, replaces) {
    const last = this.entries.at(-1);
    const after = last ? (last.seq ?? last.after) : this.newest;
    const entry = this.#withId({ ...notice, after });
    if (replaces) this.entries[this.entries.length - 1] = { ...entry, id: last.id };
    else this.entries.push(entry);
  }

  // Adds a message of the user's own, before the server has it.
  addUnsent(message) {
    this.unsent.push(this.#withId({ ...message, state: "waiting" }));
  }

  // The server has stored the message; its event may arrive before or after this.
  confirm(mid, { seq, at }, me) {
    const entry = this.unsent.find((each) => each.mid === mid);
    if (!entry) return;
    const { state, reason, ...message } = entry;
    this.receive({ ...message, seq, at }, me);
  }

  fail(mid, reason) {
    this.unsent = this.unsent.map((each) => (each.mid === mid ? { ...each, state: "failed", reason } : each));
  }

  retry(mid) {
    this.unsent = this.unsent.map((each) => (each.mid === mid ? { ...each, state: "waiting", reason: undefined } : each));
  }

  discard(mid) {
    this.unsent = this.unsent.filter((each) => each.mid !== mid);
  }

  // Marks everything up to `seq` as read. Returns whether that changed anything.
  markRead(seq = this.newest) {
    if (seq <= (this.read ?? 0)) return false; // 0: not joined yet
    this.read = seq;
    this.#counts = undefined;
    return true;
  }

  setMembers(members, count = members.length) {
    this.members = new Map(members.map(({ user, ...presence }) => [user, { user, ...presence }]));
    this.count = count;
  }

  addMember(user) {
    if (!this.members.has(user)) this.count += 1;
    this.members.set(user, { user, status: "online" });
  }

  removeMember(user) {
    if (this.members.delete(user)) this.count -= 1;
    this.typists.delete(user);
  }

  // Takes over a receipt of another user.
  addReceipt({ user, status, seq, at }) {
    if (this.receiptLog.push({ user, status, seq, at }) > RECEIPT_LOG_MAX) this.receiptLog.shift();
    const receipts = { ...this.receipts.get(user) };
    for (const receipt of RECEIPTS.slice(0, RECEIPTS.indexOf(status) + 1)) receipts[receipt] = Math.max(receipts[receipt] ?? 0, seq);
    this.receipts.set(user, receipts);
  }

  // The users who have read a message, those who have only received it, and those to whom it was only written.
  receiptsOf(seq) {
    const found = { read: [], received: [], written: [] };
    for (const [user, receipts] of this.receipts) {
      const best = RECEIPTS.findLast((receipt) => receipts[receipt] >= seq);
      if (best) found[best].push(user);
    }
    return found;
  }

  typing(user, on, now) {
    if (on) this.typists.set(user, now + TYPING_MS);
    else this.typists.delete(user);
  }

  // Drops expired typing notices, pauses and mutes, and tells who left. Returns whether the view changes.
  expire(now) {
    const expired = [...this.typists].filter(([, until]) => until <= now);
    for (const [user] of expired) this.typists.delete(user);
    const left = [...this.leaving].filter(([, { until }]) => until <= now);
    for (const [user, { at }] of left) {
      this.leaving.delete(user);
      this.addMembershipNotice(user, "leave", at);
    }
    const isPaused = this.pause !== undefined || this.mute !== undefined;
    if (this.pause?.until <= now) this.pause = undefined;
    if (this.mute?.until <= now) this.mute = undefined;
    return isPaused || expired.length + left.length > 0;
  }

  #withId(entry) {
    return { ...entry, id: `${this.key}/${this.nextId++}` };
  }
}

// Names contain no slash, so keys are unambiguous.
export function keyOf(kind, name) {
  return `${kind}/${name}`;
}

// The entry for a message event.
export function entryOf({ user, from, message, data, cipher, seq, mid, at, edited, deleted, note, replayed, ...about }) {
  const entry = { user: user ?? from, text: textOf({ message, data }), seq, at: validTime(at) };
  const { reply_to: replyTo, react_to: reactTo } = about;
  return Object.assign(entry, mid && { mid }, replyTo !== undefined && { replyTo }, reactTo !== undefined && { reactTo }, data && { data }, cipher && { cipher }, edited && { edited }, deleted && { deleted }, note && { note }, replayed && { replayed });
}

// What people read of a message: of bytes, how many there are.
export function textOf({ message, data }) {
  return data ? summaryOf(data.length) : (message ?? "");
}

// Whether this is an encrypted message without text: it announces a device or a new key.
export function isKeyMessage({ opened }) {
  return opened !== undefined && opened.state !== "unreadable" && opened.text === undefined;
}

export function validTime(at) {
  return Number.isNaN(Date.parse(at)) ? new Date().toISOString() : at;
}

function orderOf({ seq, after }) {
  return seq ?? after + 0.5;
}

function comesBefore(seq, entry) {
  return seq < orderOf(entry);
}
