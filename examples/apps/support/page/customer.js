// A customer: asks, is told the place, and talks with whoever answers, in a room of the customer's own.
//
// A customer does not join the desk, where the names of the others are: to ask is one request of HTTP, which is repeated under
// the same `mid` until it is answered.

import { DESK, PLACES, roomOf } from "./desk.js";
import { isEnd, newMid, termOf } from "./agent.js";

const AGAIN_MS = 500;

export class Customer {
  state = "new"; // "asking", "waiting", "talking", "over"
  place; // from 1, while the customer waits and it is known
  ahead = 0; // how many wait in all
  agent; // the name of who answers
  lines = [];
  turn;
  #client;
  #http;
  #listeners = new Set();
  #waiting = []; // the turns of all who wait, in order

  constructor(client, http) {
    this.#client = client;
    this.#http = http;
    client.on("message", (event) => this.#hear(event));
  }

  get name() {
    return this.#client.user;
  }

  /** Calls `listener(line)` for each new line, and `listener()` when anything else has changed. */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** Comes in, says `text` and asks for an agent. */
  async ask(text) {
    this.state = "asking";
    this.#tell();
    await Promise.all([this.#client.join(roomOf(this.name), { history: 200 }), this.#client.join(PLACES, { latest: true })]);
    await this.say(text);
    await this.askAgain();
  }

  /** Asks for an agent. */
  async askAgain() {
    const asked = await this.#post(DESK, { key: `c/${this.name}`, message: "{}", if_key_seq: 0 });
    // Who is at the desk already has a turn.
    this.turn = asked.seq ?? (await this.#turnAt(asked.conflict));
    if (this.state !== "talking") this.state = "waiting";
    this.#locate();
    this.#tell();
  }

  say(text) {
    return this.#client.publish(roomOf(this.name), text);
  }

  /** Does not want to wait any longer, or has what was needed. */
  async giveUp() {
    await this.#post(DESK, { key: `c/${this.name}`, deleted: true });
    this.state = "over";
    this.#tell();
  }

  async #turnAt(seq) {
    const { messages } = await this.#fetch(`${DESK}/messages?after=${seq - 1}&limit=1`);
    return JSON.parse(messages[0]?.message ?? "{}").turn ?? seq;
  }

  #post(room, body) {
    return this.#fetch(`${room}/messages`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: this.name, mid: newMid(), ...body }),
    });
  }

  // Asks until there is an answer.
  async #fetch(path, options) {
    for (;;) {
      let pause = AGAIN_MS;
      try {
        const response = await fetch(`${this.#http}/api/v1/rooms/${path}`, options);
        const body = await response.json();
        if (response.ok) return body;
        if (body.error.code === "conflict") return { conflict: body.error.seq };
        if (![429, 503].includes(response.status)) throw Object.assign(new Error(body.error.message), { final: true });
        pause = body.error.retry_after_ms ?? pause;
      } catch (error) {
        if (error.final) throw error; // all else is that the server cannot be reached
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #hear(event) {
    if (event.room === PLACES) {
      this.#waiting = JSON.parse(event.message ?? "[]");
      this.#locate();
      return this.#tell();
    }
    if (event.room !== roomOf(this.name) || event.deleted) return;
    this.lines.push(event);
    if (termOf(event) !== undefined) {
      this.state = isEnd(event) ? "over" : "talking";
      this.agent = event.user;
    }
    this.#tell(event);
  }

  #locate() {
    const at = this.#waiting.indexOf(this.turn);
    this.place = at < 0 ? undefined : at + 1;
    this.ahead = this.#waiting.length;
    // Given back to the queue: another will come.
    if (at >= 0 && this.state === "talking") this.state = "waiting";
  }

  #tell(...what) {
    for (const listener of this.#listeners) listener(...what);
  }
}
