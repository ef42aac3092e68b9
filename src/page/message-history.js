// Message history: loads older messages as the user scrolls up, searches, and fetches receipts.

import { roomIn } from "./bookmarks.js";
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
      room.prepend(entries, complete, this.#chat.me);
      this.#chat.calls?.showLog(room);
      this.#chat.askDisplayNames?.();
      room.decrypting = Promise.all(entries.filter(({ cipher }) => cipher).map((entry) => this.#chat.decrypt(room, entry)));
    } catch ({ code }) {
      if (code !== "interrupted") room.complete = true; // it has no history
    }
  }

  // Finds out whether a conversation is encrypted, before something is sent to it of which nothing is here yet.
  async learn(room) {
    const newest = this.#chat.client.request({ type: "history", room: room.address, limit: HISTORY_BACKGROUND });
    const { messages } = await newest.catch((error) => {
      if (error.code === "interrupted") throw Object.assign(error, { code: "unreachable" });
      return { messages: [] }; // it has no history
    });
    for (const { seq, cipher } of messages) if (cipher) room.encryptedFrom ??= seq;
  }

  // Loads what is unread, to count it: of many messages, one large page.
  async loadUnread(room) {
    const unknown = room.unreadUnknown;
    if (unknown > 0) await this.loadOlder(room, Math.min(unknown, LARGE_PAGE));
  }

  // The first message that is not older than this time, {seq, at}; undefined if there is none. Messages are in the order
  // of their times, so half of what is left is out with each request.
  async firstSince(room, time) {
    let [low, high] = [1, room.newest + 1];
    let found;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const { messages } = await this.#chat.client.request({ type: "history", room: room.address, after: middle - 1, limit: 1 });
      const [message] = messages;
      if (!message || Date.parse(message.at) >= time) {
        high = middle;
        found = message ?? found;
      } else low = message.seq + 1;
    }
    return found;
  }

  // Messages of these numbers, as entries; those that are no longer there are left out.
  async messagesOf(room, seqs) {
    const found = [];
    for (const seq of seqs) {
      const { messages } = await this.#chat.client.request({ type: "history", room: room.address, after: seq - 1, limit: 1 });
      const [entry] = messages.map(entryOf);
      if (entry?.seq !== seq) continue;
      const { text } = entry.cipher ? await this.#chat.decrypt(room, entry) : entry;
      found.push({ ...entry, text: text ?? "" });
    }
    return found;
  }

  // Loads pages until this message is among them. Returns its number, or that of the first one after it; undefined
  // if it is too far back.
  async loadUntil(room, seq) {
    for (let pages = 0; pages < PAGES_MAX && !room.complete && (room.oldest ?? Infinity) > seq; pages++) {
      await room.loading; // it may be of no use: asked for before the first message was here
      const { oldest } = room;
      await this.loadOlder(room, LARGE_PAGE);
      if (room.oldest === oldest) break; // the connection was lost
    }
    if (!room.complete && (room.oldest ?? Infinity) > seq) return undefined;
    return room.entries.find((entry) => entry.seq >= seq)?.seq;
  }

  // Brings a private conversation up to date after a reconnect. The server delivers only messages that no
  // device of the user has received, and no edits; so this reads the newest page again, and what follows it.
  async catchUp(room) {
    if (room.newest === 0) {
      await this.loadOlder(room, room === this.#chat.active ? PAGE : HISTORY_BACKGROUND);
      return this.loadUnread(room);
    }
    for (let after = Math.max(0, (room.oldest ?? 0) - 1, room.newest - PAGE); ; ) {
      const { epoch, messages } = await this.#chat.client.request({ type: "history", room: room.address, after, limit: LARGE_PAGE });
      room.joinState = "in";
      if (room.epoch !== undefined && room.epoch !== epoch) {
        room.enter({ epoch, seq: 0 });
        return this.catchUp(room);
      }
      room.epoch = epoch;
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

  // The newest messages of all rooms and conversations that contain all these words: {found, next?}, newest first, each with
  // its `room` {kind, name, key, isPrivate}; `next` asks for the page after this one. The server does not know what is
  // encrypted, and searches no guest's private conversations: of those, what is loaded here is searched.
  async searchAll(words, signal, before) {
    const query = new URLSearchParams({ q: words, limit: FOUND_MAX, ...(before && { before }) });
    const { messages, next } = await this.#chat.get(`/api/v1/search?${query}`, signal);
    const found = messages.map((message) => ({ ...entryOf(message), room: this.#place(message.room) }));
    return { found: before ? found : this.#withLoaded(found, matcherOf(words)), next };
  }

  #place(address) {
    const { kind, name, key } = roomIn(this.#chat, address);
    const listed = this.#chat.publicRooms.find(({ room }) => room === name);
    return { kind, name, key, isPrivate: kind === "room" && (this.#chat.rooms.get(key)?.isPrivate ?? listed?.private) };
  }

  #withLoaded(found, matches) {
    const isSearchedHere = ({ kind }, { cipher }) => cipher || (kind === "private" && !this.#chat.identity.token);
    const loaded = [...this.#chat.rooms.values()].flatMap((room) =>
      room.entries.filter((entry) => entry.seq !== undefined && isSearchedHere(room, entry) && !entry.data && entry.text && matches(entry.text)).map((entry) => ({ ...entry, room })),
    );
    return [...found, ...loaded].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  }

  // The server searches neither encrypted messages nor private conversations, so this page loads their
  // history and searches it.
  async #searchLocally(room, words, signal) {
    const matches = matcherOf(words);
    for (let pages = 0; ; pages++) {
      await room.decrypting;
      const found = room.entries.filter((entry) => entry.seq !== undefined && !entry.deleted && !entry.data && entry.text && matches(entry.text));
      const { oldest } = room;
      if (found.length >= FOUND_MAX || room.complete || pages === PAGES_MAX || signal.aborted) return found.slice(-FOUND_MAX).reverse();
      await this.loadOlder(room, LARGE_PAGE);
      if (room.oldest === oldest && !room.complete) throw new Error("There is no connection");
    }
  }

  // The receipts of a message: [{user, status, at}], in the order written, received, read: those that the server has
  // stored, and those that this page was told of, which may be ahead.
  async receipts(room, seq) {
    const stored = await this.#stored(room, seq);
    const heard = room.receiptLog.filter((receipt) => receipt.seq >= seq).reverse();
    const rank = ({ status }) => RECEIPTS.indexOf(status);
    return [...heard, ...stored].sort((a, b) => rank(a) - rank(b));
  }

  // The server keeps no receipts of a guest's private conversations.
  async #stored(room, seq) {
    if (room.kind === "private" && !this.#chat.identity.token) return [];
    return (await this.#chat.get(`${pathOf(room)}/${seq}/receipts`)).receipts;
  }

  // Fetches the receipts of an older message of the user's own; events bring only new ones.
  requestReceipts(room, { seq, replayed }) {
    const key = `${room.key} ${seq}`;
    if (!replayed || this.#receiptsRequested.has(key)) return;
    this.#receiptsRequested.add(key);
    this.#receipts = this.#receipts.then(async () => {
      const receipts = await this.#stored(room, seq).catch(() => []);
      for (const receipt of receipts) if (receipt.user !== this.#chat.me) room.addReceipt({ ...receipt, seq: Math.max(receipt.seq, seq) });
      if (receipts.length > 0) this.#chat.changed();
    });
  }
}

const pathOf = ({ address }) => `/api/v1/rooms/${encodeURIComponent(address)}/messages`;
