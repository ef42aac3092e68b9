// Somebody who trades one instrument: there is no engine that matches orders, only the room's one order and a condition.
//
// An order is computed on the book that one sees, and stored only if nothing has happened since (`if_seq`): so what it
// executes is still there. If something has, it is refused as `conflict`, and computed again. If a connection is lost before the answer, the
// client sends the order again under its `mid`: what was stored is answered as a repetition. So it executes once or not at all.

import { Book } from "./book.js";

const SNAPSHOT = "book"; // the key of a snapshot
const KEEPER = "market"; // a registered name: nobody else's snapshots are believed
const TAIL = 100; // messages from one to the next
const PAGE = 300;

export class Trader {
  book = new Book();
  /** Orders that were refused since another came first, and computed again. */
  conflicts = 0;
  #client;
  #room;
  #snapshot = 0; // its number
  #early = []; // what came before the book was whole
  #isWhole = false;
  #waiting = []; // { seq, resolve } of those that wait for the book
  #catchUps = 0;
  #changed;
  #ends;

  /** `changed` is called after each message. */
  constructor(client, symbol, changed = () => {}) {
    [this.#client, this.#room, this.#changed] = [client, `book.${symbol}`, changed];
    const mine = (call) => (event) => event.room === this.#room && call(event);
    this.#ends = [
      client.on("message", mine((message) => this.#onMessage(message))),
      client.on("joined", mine(() => this.#isWhole || this.#catchUp())),
      client.on("gap", mine(() => this.#catchUp())),
    ];
  }

  open() {
    return this.#client.join(this.#room, { history: 0 });
  }

  close() {
    for (const end of this.#ends) end();
    return this.#client.leave(this.#room);
  }

  /** Buys or sells `size` at `price` cents or better; what nobody offers stays open. Resolves with what was executed at once. */
  async order(side, price, size) {
    for (;;) {
      await this.#until(0);
      const { seq } = this.book;
      const take = this.book.match(side, price, size);
      try {
        const sent = await this.#client.publish(this.#room, JSON.stringify({ side, price, size, take }), { if_seq: seq });
        return { seq: sent.seq, take, left: size - take.reduce((sum, [, some]) => sum + some, 0) };
      } catch (error) {
        if (error.code !== "conflict") throw error;
        this.conflicts++;
        await this.#until(error.details.seq);
      }
    }
  }

  /** Withdraws an order of one's own. */
  cancel(number) {
    return this.#client.publish(this.#room, JSON.stringify({ cancel: number }));
  }

  // Until the book is whole and has this message.
  #until(seq) {
    if (this.#isWhole && this.book.seq >= seq) return undefined;
    return new Promise((resolve) => this.#waiting.push({ seq, resolve }));
  }

  #onMessage(message) {
    if (message.key === SNAPSHOT) this.#snapshot = message.seq;
    if (!this.#isWhole) return void this.#early.push(message);
    this.book.apply(message);
    if (message.seq % TAIL === 0 && this.#client.user === KEEPER) this.#writeSnapshot();
    this.#tell();
  }

  #tell() {
    for (const each of this.#waiting.splice(0)) {
      if (this.book.seq >= each.seq) each.resolve();
      else this.#waiting.push(each);
    }
    this.#changed();
  }

  // The newest snapshot, and what came after it.
  async #catchUp() {
    const turn = ++this.#catchUps;
    this.#isWhole = false;
    const book = new Book();
    try {
      const { messages } = await this.#client.request({ type: "history", room: this.#room, latest: true });
      const snapshot = messages.find(({ key, user }) => key === SNAPSHOT && user === KEEPER);
      if (snapshot) book.load(parsed(snapshot.message));
      for (let complete = false; !complete; ) {
        const page = await this.#client.request({ type: "history", room: this.#room, after: book.seq, limit: PAGE });
        for (const message of page.messages) book.apply(message);
        complete = page.complete;
      }
    } catch (error) {
      if (error.code !== "interrupted") throw error;
      return; // the next connection begins again
    }
    if (turn !== this.#catchUps) return;
    [this.book, this.#isWhole] = [book, true];
    for (const message of this.#early.splice(0)) book.apply(message);
    this.#tell();
  }

  // On condition that it is still the newest that is known: a keeper that was away does not put an older one in its place.
  async #writeSnapshot() {
    try {
      await this.#client.publish(this.#room, JSON.stringify(this.book), { key: SNAPSHOT, if_key_seq: this.#snapshot });
    } catch (error) {
      if (error.code !== "conflict") throw error;
    }
  }
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
