// A line to the game: the newest state, whatever came between, and what the player wants, 60 times a second. No page: a test uses
// it as well.

import { LEAVE, parseState, steer } from "./bytes.js";

export const ROOM = "snake";
export const BEST = "snake.best";
const INPUTS_PER_S = 60;
const REMEMBERED = 64; // inputs of which the answer is awaited

/** Registers a name, and returns its token: who plays owns the name, and comes back to the snake with it. */
export async function claim(http, name) {
  const response = await fetch(`${http}/api/v1/claims`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name }) });
  const reply = await response.json();
  if (!response.ok) throw new Error(reply.message ?? "The name cannot be registered");
  return reply;
}

export class Game {
  state; // the newest
  before; // the one before it, of which a picture is made on the way to the newest
  arrived = 0; // when the newest came, in ms
  states = 0; // that came
  skipped = 0; // that gave their place to newer ones, since this line was too slow
  refused = 0; // inputs beyond the rate
  heading = 0; // that the player wants
  answers = []; // ms from an input to the first state that has it
  best = new Map(); // player → points
  #client;
  #now;
  #listeners = new Set();
  #timer;
  #number = 0;
  #sent = new Map(); // number of an input → when it was sent

  /** Over a client of roomd.js, one with `echo=false`. */
  constructor(client, now = () => performance.now()) {
    this.#client = client;
    this.#now = now;
    client.on("message", (event) => (event.room === ROOM ? this.#onState(event) : this.#onBest(event)));
    client.on("refused", ({ code }) => code === "rate_limited" && this.refused++);
    client.on("gap", ({ room, missed = 0 }) => room === ROOM && (this.skipped += missed));
  }

  /** Resolves when it is told of both: what is, and what was best. */
  open() {
    return Promise.all([this.#client.join(ROOM, { history: 0 }), this.#client.join(BEST, { latest: true })]);
  }

  get mine() {
    return this.state?.snakes.find(({ name }) => name !== "" && name === this.#client.user);
  }

  get playing() {
    return this.#timer !== undefined;
  }

  onState(listener) {
    this.#listeners.add(listener);
  }

  /** Takes a place, as soon as one is free, and sends what the player wants from now on. */
  async play() {
    await this.#client.join(`${ROOM}.input.${this.#client.user}`, { history: 0 });
    this.#timer ??= setInterval(() => this.#steer(), 1_000 / INPUTS_PER_S);
  }

  /** Sends nothing more, as somebody whose page is out of sight: the snake sleeps. */
  rest() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Gives the place back. */
  stop() {
    this.rest();
    this.#send(LEAVE);
  }

  #steer() {
    this.#number = (this.#number + 1) & 0xffff;
    if (!this.#send(steer(this.#number, this.heading))) return;
    this.#sent.set(this.#number, this.#now());
    if (this.#sent.size > REMEMBERED) this.#sent.delete(this.#sent.keys().next().value);
  }

  // One message of bytes that nobody keeps, and of which nobody waits for the number.
  #send(data) {
    return this.#client.tell({ type: "message", room: `${ROOM}.input.${this.#client.user}`, data, store: false });
  }

  #onState({ data }) {
    const state = data && parseState(data);
    if (!state) return;
    const now = this.#now();
    this.states++;
    [this.before, this.state, this.arrived] = [this.state, state, now];
    const sent = this.#sent.get(this.mine?.input);
    if (sent !== undefined) {
      this.answers.push(now - sent);
      if (this.answers.length > 100) this.answers.shift();
      this.#sent.delete(this.mine.input);
    }
    for (const listener of this.#listeners) listener(state);
  }

  #onBest({ room, key, message }) {
    if (room === BEST && key !== undefined) this.best.set(key, Number(message));
  }
}
