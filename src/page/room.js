// One conversation as this page knows it: a room, or the private words with one user.
//
// Settled entries stand in the server's order and each sequence number once; the reader's own
// messages that are not settled yet stand behind them. Nothing here touches the document or the clock.

const ENTRIES_MAX = 500;
const ROOM_NAME_MAX = 64;
const USER_NAME_MAX = 32;
const TYPING_MS = 6_000;

// As the server has it: what ends a word, an address or a line, and what is not seen.
const NO_NAME = new RegExp(
  "[\\p{Cc}\\p{Cs}\\p{White_Space}/?#" +
    "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f" +
    "\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]",
  "u",
);

export class Room {
  constructor(kind, name) {
    this.kind = kind; // "room" or "private"; then `name` is the other user
    this.name = name;
    this.key = keyOf(kind, name);
    this.settled = []; // messages {user, text, at, seq, mid?} and notices {notice, user, at}
    this.unsent = []; // the reader's own {user, text, mid, state: "waiting" or "failed", reason?}
    this.members = new Map(); // name → {status, lastSeen}
    this.typists = new Map(); // name → when the notice expires, in ms
    this.standing = "out"; // "out", "asked" to join, or "in"
    this.epoch = undefined;
    this.seq = undefined; // the newest sequence number seen
    this.old = 0; // messages up to here were there before the reader came
    this.unread = 0;
    this.draft = "";
  }

  // Where a join should go on, if this room was joined before.
  get since() {
    return this.epoch === undefined ? undefined : { epoch: this.epoch, seq: this.seq };
  }

  // Takes the `joined` reply. Returns whether what was missed is lost and must be loaded again.
  enter(reply) {
    const again = this.epoch !== undefined;
    const whole = again && reply.recovered !== false && reply.epoch === this.epoch;
    if (!whole) {
      this.settled = [];
      this.epoch = reply.epoch;
      this.seq = this.old = reply.seq ?? 0;
    }
    this.standing = "in";
    this.typists.clear();
    const known = this.members;
    this.members = new Map((reply.members ?? []).map((name) => [name, known.get(name) ?? { status: "online" }]));
    return again && !whole;
  }

  // Adds a message in its place. Returns whether it is new here.
  receive(message) {
    this.typists.delete(message.user);
    const own = this.unsent.findIndex((entry) => entry.mid === message.mid && message.mid !== undefined);
    const entry = own >= 0 && this.unsent[own].user === message.user ? this.unsent.splice(own, 1)[0] : {};
    Object.assign(entry, message, { state: undefined, reason: undefined });
    if (entry.seq === undefined) {
      this.#append(entry);
      return true;
    }
    let place = this.settled.length;
    for (let i = place - 1; i >= 0; i--) {
      const { seq } = this.settled[i];
      if (seq === entry.seq) return false;
      if (seq < entry.seq) break;
      if (seq > entry.seq) place = i;
    }
    this.settled.splice(place, 0, entry);
    this.seq = Math.max(this.seq ?? 0, entry.seq);
    this.#trim();
    return true;
  }

  notice(text, user, at) {
    this.#append({ notice: text, user, at });
  }

  // The server took one of the reader's own messages; its event may have come before or come later.
  settle(mid, reply) {
    const entry = this.unsent.find((each) => each.mid === mid);
    if (entry) this.receive({ user: entry.user, text: entry.text, mid, seq: reply.seq, at: reply.at });
  }

  fail(mid, reason) {
    const entry = this.unsent.find((each) => each.mid === mid);
    if (entry) Object.assign(entry, { state: "failed", reason });
  }

  arrive(name) {
    this.members.set(name, { status: "online" });
  }

  depart(name) {
    this.members.delete(name);
    this.typists.delete(name);
  }

  typing(name, on, now) {
    if (on) this.typists.set(name, now + TYPING_MS);
    else this.typists.delete(name);
  }

  // Drops the typing notices that are over. Returns whether there were any.
  expire(now) {
    const over = [...this.typists].filter(([, until]) => until <= now);
    for (const [name] of over) this.typists.delete(name);
    return over.length > 0;
  }

  #append(entry) {
    this.settled.push(entry);
    this.#trim();
  }

  #trim() {
    if (this.settled.length > ENTRIES_MAX) this.settled.splice(0, this.settled.length - ENTRIES_MAX);
  }
}

// No name holds a slash, so no room's key is a user's key.
export function keyOf(kind, name) {
  return `${kind}/${name}`;
}

// The name in the server's form, or undefined if it is none.
export function userName(input) {
  return checked(input, USER_NAME_MAX, /:|^error$/i);
}

export function roomName(input) {
  return checked(input, ROOM_NAME_MAX, /^dm:|^\.\.?$/);
}

function checked(input, max, reserved) {
  const name = input.trim().normalize("NFC");
  const length = [...name].length;
  return length >= 1 && length <= max && !NO_NAME.test(name) && !reserved.test(name) ? name : undefined;
}
