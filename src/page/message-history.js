// Message history: loads older messages as the user scrolls up, searches, and fetches receipts.

import { HISTORY_BACKGROUND } from "./chat.js";
import { entryOf, RECEIPTS } from "./room.js";
import { matcherOf } from "./search-words.js";

const PAGE = 100; // messages per request while scrolling
const LARGE_PAGE = 300; // and while looking for one that is far back
const PAGES_MAX = 40;
const FOUND_MAX = 50;

export class MessageHistory {
  #chat;
  #receiptsRequested = new Set(); // messages whose receipts were requested: `key seq`
  #receipts = Promise.resolve(); // one request after the other

  constructor(chat) {
    this.#chat = chat;
  }

  // Loads the page of messages before the oldest one, one page at a time.
  loadOlder(room, limit = PAGE) {
    room.loading ??= this.#loadOlder(room, limit).finally(() => {
      room.loading = undefined;
      this.#chat.changed();
    });
    return room.loading;
  }

  async #loadOlder(room, limit) {
    if (room.complete || this.#chat.connection.phase !== "online") return;
    const { oldest } = room;
    try {
      const before = oldest === undefined ? {} : { before: oldest };
      const { epoch, messages, complete } = await this.#chat.client.request({ type: "history", room: room.address, limit, ...before });
      if (room.oldest !== oldest) return; // it was cleared meanwhile
      // A private conversation has no `joined` event that says where it stands.
      if (room.newest === 0 && messages.length > 0) room.enter({ epoch, seq: messages.at(-1).seq });
      const entries = messages.map((message) => entryOf({ ...message, replayed: true }));
      room.prepend(entries, complete);
      room.decrypting = Promise.all(entries.filter(({ cipher }) => cipher).map((entry) => this.#chat.decrypt(room, entry)));
    } catch ({ code }) {
      if (code !== "interrupted") room.complete = true; // it has no history
    }
  }

  // Loads pages until this message is among them. Returns whether it was found.
  async loadUntil(room, seq) {
    for (let pages = 0; pages < PAGES_MAX && !room.complete && (room.oldest ?? Infinity) > seq; pages++) {
      const { oldest } = room;
      await this.loadOlder(room, LARGE_PAGE);
      if (room.oldest === oldest) break; // the connection was lost
    }
    return room.indexOf(seq) >= 0;
  }

  // Brings a private conversation up to date after a reconnect. The server delivers only messages that no
  // device of the user has received, and no edits; so this reads the newest page again, and what follows it.
  async catchUp(room) {
    if (room.newest === 0) return this.loadOlder(room, room === this.#chat.active ? PAGE : HISTORY_BACKGROUND);
    for (let after = Math.max(0, (room.oldest ?? 0) - 1, room.newest - PAGE); ; ) {
      const { messages } = await this.#chat.client.request({ type: "history", room: room.address, after, limit: LARGE_PAGE });
      room.joinState = "in";
      for (const message of messages) this.#chat.receive(room, { ...message, user: message.user ?? message.from, replayed: true });
      if (messages.length === 0) return this.#chat.changed();
      after = messages.at(-1).seq;
    }
  }

  // The newest messages that contain all these words, newest first. Rejects with an error whose message is
  // for the user.
  async search(room, words, signal) {
    if (room.kind === "private" || this.#chat.isEncrypted(room)) return this.#searchLocally(room, words, signal);
    const query = new URLSearchParams({ q: words, limit: FOUND_MAX });
    const { messages } = await this.#chat.get(`${pathOf(room)}?${query}`, signal);
    return messages.map(entryOf).reverse();
  }

  // The server searches neither encrypted messages nor private conversations, so this page loads their
  // history and searches it.
  async #searchLocally(room, words, signal) {
    const matches = matcherOf(words);
    for (let pages = 0; ; pages++) {
      await room.decrypting;
      const found = room.entries.filter((entry) => entry.seq !== undefined && !entry.deleted && entry.text && matches(entry.text));
      const { oldest } = room;
      if (found.length >= FOUND_MAX || room.complete || pages === PAGES_MAX || signal.aborted) return found.slice(-FOUND_MAX).reverse();
      await this.loadOlder(room, LARGE_PAGE);
      if (room.oldest === oldest && !room.complete) throw new Error("There is no connection");
    }
  }

  // The receipts of a message: [{user, status, at}], in the order written, received, read. The server keeps
  // none of a guest's private conversations: of those, this page knows the ones that it has received.
  async receipts(room, seq) {
    if (room.kind === "private" && !this.#chat.identity.token) {
      const rank = ({ status }) => RECEIPTS.indexOf(status);
      return room.receiptLog.filter((receipt) => receipt.seq >= seq).reverse().sort((a, b) => rank(a) - rank(b));
    }
    const { receipts } = await this.#chat.get(`${pathOf(room)}/${seq}/receipts`);
    return receipts;
  }

  // Fetches the receipts of an older message of the user's own; events bring only new ones.
  requestReceipts(room, { seq, replayed }) {
    const key = `${room.key} ${seq}`;
    if (!replayed || this.#receiptsRequested.has(key)) return;
    this.#receiptsRequested.add(key);
    this.#receipts = this.#receipts.then(async () => {
      const receipts = await this.receipts(room, seq).catch(() => []);
      for (const receipt of receipts) if (receipt.user !== this.#chat.me) room.addReceipt({ ...receipt, seq: Math.max(receipt.seq, seq) });
      if (receipts.length > 0) this.#chat.changed();
    });
  }
}

const pathOf = ({ address }) => `/api/v1/rooms/${encodeURIComponent(address)}/messages`;
