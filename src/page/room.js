// One conversation as this page knows it: a room, or the private words with one user.
//
// A value: nothing here touches the document, the network or the clock. Settled entries stand in the
// server's order and each number once; notices stand behind the message they came after; the reader's
// own messages that are not settled yet stand behind everything. An entry that changes is replaced by a
// new one, so that views compare and do not search.

const ENTRIES_MAX = 12_000;
const TYPING_MS = 6_000;
const TOLD_MAX = 300;
export const RECEIPTS = ["written", "received", "read"]; // each includes the ones before it

export class Room {
  constructor(kind, name, address = name) {
    this.kind = kind; // "room" or "private"; then `name` is the other user
    this.name = name;
    this.address = address; // what the server calls it
    this.key = keyOf(kind, name);
    this.entries = []; // messages {id, seq, user, text, mid, at, …} and notices {id, notice, after, at, …}
    this.reactions = new Map(); // seq of a message → Map of seq → {user, text, mid}: what was put to it
    this.unsent = []; // the reader's own {id, user, text, mid, at, state: "waiting" or "failed", reason?}
    this.members = new Map(); // name → {status, lastSeen, note?}
    this.count = 0; // how many members there are, also beyond those that are named
    this.typists = new Map(); // name → when the notice expires, in ms
    this.marks = new Map(); // name → {written, received, read}: how far others have got
    this.told = []; // the same as it was told, with when, oldest first; of a private conversation
    this.epoch = undefined;
    this.newest = 0; // the newest number there is, as far as is known
    this.read = undefined; // how far the reader has read; undefined before it was ever opened
    this.unread = 0;
    this.divider = undefined; // the reader had read up to here when they came
    this.complete = false; // nothing is older than the first entry
    this.standing = "out"; // "out", "in", or "refused"
    this.wanted = false; // it is being entered, now and after each broken connection
    this.pause = undefined; // {text, until}: slow mode
    this.rules = false; // the reader may delete what others said
    this.keyless = false; // something here was sealed with a key that is not here
    this.draft = "";
    this.nextId = 0;
  }

  // The oldest number that is here; a page may hold nothing but reactions.
  get oldest() {
    const oldest = Math.min(this.reached ?? Infinity, this.entries.find(({ seq }) => seq !== undefined)?.seq ?? Infinity);
    return oldest === Infinity ? undefined : oldest;
  }

  get last() {
    return this.unsent.at(-1) ?? this.entries.findLast((entry) => entry.seq !== undefined && !entry.deleted && !isKeyWork(entry));
  }

  // Takes the `joined` event. Numbers of another history say nothing about this one.
  enter({ epoch = this.epoch, seq, members, count }) {
    if (this.epoch !== undefined && this.epoch !== epoch) {
      this.empty();
      this.marks.clear();
      this.read = undefined;
    }
    this.epoch = epoch;
    this.standing = "in";
    this.typists.clear();
    if (members) this.meet(members.map((user) => this.members.get(user) ?? { user, status: "online" }), count);
    if (seq === undefined) return;
    this.newest = seq;
    this.read = Math.min(this.read ?? seq, seq);
    this.unread = seq - this.read;
  }

  // It is not entered again by itself.
  refuse() {
    this.standing = "refused";
    this.wanted = false;
  }

  // Forgets what it shows: what was there does not go on in what follows.
  empty() {
    this.entries = [];
    this.reactions.clear();
    this.reached = undefined;
    this.complete = false;
    this.divider = undefined;
  }

  // Adds a message in its place, or takes over what is new about it. Returns whether it is new here.
  receive(message, me) {
    this.typists.delete(message.user);
    if (message.reactTo !== undefined) return this.#react(message, me);
    const own = this.unsent.findIndex(({ mid, user }) => mid !== undefined && mid === message.mid && user === message.user);
    const said = own >= 0 ? this.unsent.splice(own, 1)[0] : undefined;
    if (message.cipher && said) message = { ...message, text: said.text }; // it was sealed here
    let place = this.entries.length;
    while (place > 0 && comesBefore(message.seq, this.entries[place - 1])) place -= 1;
    const before = this.entries[place - 1];
    if (before?.seq === message.seq) {
      const opened = message.cipher && { text: before.text, seal: before.seal };
      this.entries[place - 1] = { ...before, ...message, ...opened };
      return false;
    }
    this.entries.splice(place, 0, this.#made(message));
    if (message.seq > this.newest) {
      this.newest = message.seq;
      if (message.user === me) this.reach(message.seq);
      else if (message.seq > (this.read ?? 0)) this.unread += 1;
    }
    return true;
  }

  // Lets go of the oldest beyond what a page should hold; they can be recalled.
  trim(max = ENTRIES_MAX) {
    if (this.entries.length <= max + max / 10) return;
    this.entries.splice(0, this.entries.length - max);
    this.reached = undefined;
    this.complete = false;
  }

  // Adds older messages, oldest first, in front.
  recall(messages, complete) {
    const oldest = this.oldest ?? Infinity;
    for (const message of messages) if (message.reactTo !== undefined) this.#put(message);
    const older = messages.filter(({ seq, reactTo }) => seq < oldest && reactTo === undefined).map((message) => this.#made(message));
    this.reached = Math.min(this.reached ?? Infinity, messages[0]?.seq ?? Infinity);
    const end = older.at(-1)?.seq ?? 0;
    this.entries = [...older, ...this.entries.map((entry) => (entry.after < end ? { ...entry, after: end } : entry))];
    this.complete = complete;
  }

  edit({ seq, ...change }) {
    const at = this.indexOf(seq);
    if (at < 0) return this.#alter(seq, change);
    this.entries[at] = { ...this.entries[at], ...change };
  }

  // A reaction is no entry: it is shown at its message, which may come later, from the history.
  #react(message, me) {
    const own = this.unsent.findIndex(({ mid }) => mid !== undefined && mid === message.mid);
    if (own >= 0) this.unsent.splice(own, 1);
    const isNew = this.#put(message);
    if (message.seq > this.newest) {
      const { newest } = this;
      this.newest = message.seq;
      if (message.user === me || this.read >= newest) this.reach(message.seq);
    }
    return isNew;
  }

  #put({ seq, reactTo, user, text, mid, deleted, cipher, edited }) {
    const there = this.reactions.get(reactTo) ?? new Map();
    const isNew = !there.has(seq) && !deleted;
    if (deleted) there.delete(seq);
    else if (isNew) there.set(seq, { seq, user, text, mid, cipher, edited });
    this.reactions.set(reactTo, new Map(there)); // another one, so that views compare
    return isNew;
  }

  // A reaction was taken back, or opened.
  #alter(seq, { text, seal, deleted }) {
    for (const [about, there] of this.reactions) {
      const reaction = there.get(seq);
      if (!reaction) continue;
      if (deleted) there.delete(seq);
      else there.set(seq, { ...reaction, text, seal });
      this.reactions.set(about, new Map(there));
    }
  }

  // What a sealed message turned out to be, unless it was edited meanwhile.
  reveal(seq, cipher, seal) {
    if (seal.reason === "no-key") this.keyless = true;
    const entry = this.bySeq(seq);
    if (!entry) this.#alter(seq, { text: seal.text ?? "", seal });
    else if (entry.cipher === cipher) this.edit({ seq, text: seal.text ?? "", seal });
  }

  // What is sealed and could not be read so far, reactions as well.
  get sealed() {
    const reactions = [...this.reactions.values()].flatMap((there) => [...there.values()]);
    return [...this.entries, ...reactions].filter(({ cipher, seal }) => cipher && (!seal || seal.state === "unreadable"));
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

  // Somebody came or went. Notices that stand together are one: of each user, the first and the last.
  move(user, kind, at) {
    const last = this.entries.at(-1);
    const moves = new Map(last?.notice === "moves" ? last.moves : []);
    moves.set(user, { first: moves.get(user)?.first ?? kind, last: kind });
    this.#notice({ notice: "moves", moves, at }, last?.notice === "moves");
  }

  note(text, at) {
    this.#notice({ notice: "note", text, at }, false);
  }

  #notice(notice, instead) {
    const last = this.entries.at(-1);
    const after = last ? (last.seq ?? last.after) : this.newest;
    const entry = this.#made({ ...notice, after });
    if (instead) this.entries[this.entries.length - 1] = { ...entry, id: last.id };
    else this.entries.push(entry);
  }

  // The reader's own message, before the server has it.
  say(message) {
    this.unsent.push(this.#made({ ...message, state: "waiting" }));
  }

  // The server has it; its event may have come before or come later.
  settle(mid, { seq, at }, me) {
    const entry = this.unsent.find((each) => each.mid === mid);
    if (!entry) return;
    const { state, reason, ...message } = entry;
    this.receive({ ...message, seq, at }, me);
  }

  fail(mid, reason) {
    this.unsent = this.unsent.map((each) => (each.mid === mid ? { ...each, state: "failed", reason } : each));
  }

  wait(mid) {
    this.unsent = this.unsent.map((each) => (each.mid === mid ? { ...each, state: "waiting", reason: undefined } : each));
  }

  retract(mid) {
    this.unsent = this.unsent.filter((each) => each.mid !== mid);
  }

  // The reader has read up to here. Returns whether that is news.
  reach(seq = this.newest) {
    if (seq === 0 || (seq <= (this.read ?? 0) && this.unread === 0)) return false; // 0: nothing is known yet
    this.read = Math.max(this.read ?? 0, seq);
    this.unread = Math.max(0, Math.min(this.unread, this.newest - this.read));
    return true;
  }

  meet(members, count = members.length) {
    this.members = new Map(members.map(({ user, ...presence }) => [user, { user, ...presence }]));
    this.count = count;
  }

  arrive(user) {
    if (!this.members.has(user)) this.count += 1;
    this.members.set(user, { user, status: "online" });
  }

  depart(user) {
    if (this.members.delete(user)) this.count -= 1;
    this.typists.delete(user);
  }

  // How far somebody else has got.
  mark({ user, status, seq, at }) {
    if (this.kind === "private") this.told = [...this.told.slice(-TOLD_MAX), { user, status, seq, at }];
    const marks = { ...this.marks.get(user) };
    for (const receipt of RECEIPTS.slice(0, RECEIPTS.indexOf(status) + 1)) marks[receipt] = Math.max(marks[receipt] ?? 0, seq);
    this.marks.set(user, marks);
  }

  // Who has read a message, who else has received it, and to whom else it was written.
  receiptsOf(seq) {
    const found = { read: [], received: [], written: [] };
    for (const [user, marks] of this.marks) {
      const best = RECEIPTS.findLast((receipt) => marks[receipt] >= seq);
      if (best) found[best].push(user);
    }
    return found;
  }

  typing(user, on, now) {
    if (on) this.typists.set(user, now + TYPING_MS);
    else this.typists.delete(user);
  }

  // Drops what is over: typing notices, slow mode. Returns whether what is shown of them changes.
  expire(now) {
    const over = [...this.typists].filter(([, until]) => until <= now);
    for (const [user] of over) this.typists.delete(user);
    const counting = this.pause !== undefined;
    if (this.pause?.until <= now) this.pause = undefined;
    return counting || over.length > 0;
  }

  #made(entry) {
    return { ...entry, id: `${this.key}/${this.nextId++}` };
  }
}

// No name holds a slash, so no room's key is a user's key.
export function keyOf(kind, name) {
  return `${kind}/${name}`;
}

// A message of the server's as a room keeps it.
export function entryOf({ user, from, message, cipher, seq, mid, at, edited, deleted, replayed, ...about }) {
  const entry = { user: user ?? from, text: message ?? "", seq, at: validTime(at) };
  const { reply_to: replyTo, react_to: reactTo } = about;
  return Object.assign(entry, mid && { mid }, replyTo !== undefined && { replyTo }, reactTo !== undefined && { reactTo }, cipher && { cipher }, edited && { edited }, deleted && { deleted }, replayed && { replayed });
}

// A sealed message without a word for people: it makes a device or another key known.
export function isKeyWork({ seal }) {
  return seal !== undefined && seal.state !== "unreadable" && seal.text === undefined;
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
