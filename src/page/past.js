// What was said before: older messages as the reader scrolls up, search, and who has got a message.

import { privateRoom } from "./names.js";
import { entryOf } from "./room.js";

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
      const reply = await this.#chat.client.request({ type: "history", room: this.#nameOf(room), limit, ...before });
      if (room.oldest !== oldest) return; // it was emptied meanwhile
      const entries = reply.messages.map((message) => entryOf({ ...message, replayed: true }));
      room.recall(entries, reply.complete);
      for (const entry of entries) if (entry.cipher) this.#chat.secrecy.open(room, entry);
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

  // The newest messages that hold all these words, newest first. Rejects with a sentence for the reader.
  async search(room, words, signal) {
    const query = new URLSearchParams({ q: words, limit: FOUND_MAX });
    const { messages } = await this.#chat.get(`${this.#pathOf(room)}?${query}`, signal);
    return messages.map(entryOf).reverse();
  }

  // Who has got a message, and when: [{user, status, at}].
  async receipts(room, seq) {
    const { receipts } = await this.#chat.get(`${this.#pathOf(room)}/${seq}/receipts`);
    return receipts;
  }

  // Learns how far others have got with an own message of long ago; events tell only what is new.
  wonder(room, { seq, replayed }) {
    const asked = `${room.key} ${seq}`;
    if (!replayed || room.kind !== "room" || this.#receiptsAsked.has(asked)) return;
    this.#receiptsAsked.add(asked);
    this.#receipts = this.#receipts.then(async () => {
      const marks = await this.receipts(room, seq).catch(() => []);
      for (const mark of marks) if (mark.user !== this.#chat.me) room.mark({ ...mark, seq: Math.max(mark.seq, seq) });
      if (marks.length > 0) this.#chat.changed();
    });
  }

  #pathOf(room) {
    return `/api/v1/rooms/${encodeURIComponent(this.#nameOf(room))}/messages`;
  }

  #nameOf({ kind, name }) {
    return kind === "room" ? name : privateRoom(this.#chat.me, name);
  }
}
