// What was said before: older messages as the reader scrolls up, search, and who has got a message.

import { LAST } from "./chat.js";
import { entryOf, RECEIPTS } from "./room.js";

const PAGE = 100; // messages asked for at once while scrolling
const LEAP = 300; // and while looking for one that is far back
const LEAPS_MAX = 40;
const FOUND_MAX = 50;

export class Past {
  #chat;
  #receiptsAsked = new Set(); // messages whose receipts were asked for: `key seq`
  #receipts = Promise.resolve(); // one question after the other

  constructor(chat) {
    this.#chat = chat;
  }

  // Loads the messages before the oldest one. One page at a time; resolves when it is here.
  older(room, limit = PAGE) {
    room.loading ??= this.#older(room, limit).finally(() => {
      room.loading = undefined;
      this.#chat.changed();
    });
    return room.loading;
  }

  async #older(room, limit) {
    if (room.complete || this.#chat.connection.phase !== "online") return;
    const { oldest } = room;
    try {
      const before = oldest === undefined ? {} : { before: oldest };
      const { epoch, messages, complete } = await this.#chat.client.request({ type: "history", room: room.address, limit, ...before });
      if (room.oldest !== oldest) return; // it was emptied meanwhile
      // A private conversation is entered without a word of where it stands.
      if (room.newest === 0 && messages.length > 0) room.enter({ epoch, seq: messages.at(-1).seq });
      const entries = messages.map((message) => entryOf({ ...message, replayed: true }));
      room.recall(entries, complete);
      room.opened = Promise.all(entries.filter(({ cipher }) => cipher).map((entry) => this.#chat.unseal(room, entry)));
    } catch ({ code }) {
      if (code !== "interrupted") room.complete = true; // there is no history of it to be had
    }
  }

  // Loads as far back as this message. Returns whether it is here.
  async reach(room, seq) {
    for (let leaps = 0; leaps < LEAPS_MAX && !room.complete && (room.oldest ?? Infinity) > seq; leaps++) {
      const { oldest } = room;
      await this.older(room, LEAP);
      if (room.oldest === oldest) break; // the line broke
    }
    return room.indexOf(seq) >= 0;
  }

  // A private conversation after a time without a connection: the server gives by itself only what nobody
  // has taken yet, and another device may have; and it does not tell what was changed. So the newest that
  // are here are read again, and what follows them.
  async renew(room) {
    if (room.newest === 0) return this.older(room, room === this.#chat.active ? PAGE : LAST);
    for (let after = Math.max(0, (room.oldest ?? 0) - 1, room.newest - PAGE); ; ) {
      const { messages } = await this.#chat.client.request({ type: "history", room: room.address, after, limit: LEAP });
      room.standing = "in";
      for (const message of messages) this.#chat.receive(room, { ...message, user: message.user ?? message.from, replayed: true });
      if (messages.length === 0) return this.#chat.changed();
      after = messages.at(-1).seq;
    }
  }

  // The newest messages that hold all these words, newest first. Rejects with a sentence for the reader.
  async search(room, words, signal) {
    if (room.kind === "private" || this.#chat.isSecret(room)) return this.#searchHere(room, words, signal);
    const query = new URLSearchParams({ q: words, limit: FOUND_MAX });
    const { messages } = await this.#chat.get(`${pathOf(room)}?${query}`, signal);
    return messages.map(entryOf).reverse();
  }

  // The server searches neither what it cannot read nor what is private: then this page does, further and
  // further back.
  async #searchHere(room, words, signal) {
    const wanted = words.toLowerCase().split(/\s+/);
    const holds = ({ text, deleted }) => text && !deleted && wanted.every((word) => text.toLowerCase().includes(word));
    for (let leaps = 0; ; leaps++) {
      await room.opened;
      const found = room.entries.filter((entry) => entry.seq !== undefined && holds(entry));
      const { oldest } = room;
      if (found.length >= FOUND_MAX || room.complete || leaps === LEAPS_MAX || signal.aborted) return found.slice(-FOUND_MAX).reverse();
      await this.older(room, LEAP);
      if (room.oldest === oldest && !room.complete) throw new Error("There is no connection");
    }
  }

  // Who has got a message, and when: [{user, status, at}], the furthest last. Of a private one a guest,
  // whose name is nobody's, knows what this page was told.
  async receipts(room, seq) {
    if (room.kind === "private" && !this.#chat.identity.token) {
      const rank = ({ status }) => RECEIPTS.indexOf(status);
      return room.told.filter((receipt) => receipt.seq >= seq).reverse().sort((a, b) => rank(a) - rank(b));
    }
    const { receipts } = await this.#chat.get(`${pathOf(room)}/${seq}/receipts`);
    return receipts;
  }

  // Learns how far others have got with an own message of long ago; events tell only what is new.
  wonder(room, { seq, replayed }) {
    const asked = `${room.key} ${seq}`;
    if (!replayed || this.#receiptsAsked.has(asked)) return;
    this.#receiptsAsked.add(asked);
    this.#receipts = this.#receipts.then(async () => {
      const marks = await this.receipts(room, seq).catch(() => []);
      for (const mark of marks) if (mark.user !== this.#chat.me) room.mark({ ...mark, seq: Math.max(mark.seq, seq) });
      if (marks.length > 0) this.#chat.changed();
    });
  }
}

const pathOf = ({ address }) => `/api/v1/rooms/${encodeURIComponent(address)}/messages`;
