// All series of the dashboard, over a client of roomd.js: one subscription to a pattern for what comes, and requests of HTTP for
// what was before. The newest value of each key comes first, so that there is something to see at once.

import { PATTERN, parsed } from "./figures.js";
import { Series } from "./series.js";

export const WINDOW_MS = 120_000; // of what is kept
const PAGE = 300; // messages of a page of history
const AGAIN_MS = 500;
const PREFIX = PATTERN.slice(0, -1);

export class Board {
  topics = new Map(); // topic → key → Series
  skipped = 0; // values that this client was too slow for: it was given newer ones
  skew = 0; // the server's clock less this one's, in ms
  #client;
  #http;
  #seen = new Map(); // topic → the number of its newest message here
  #due = new Map(); // topic → the number behind which messages were missed, until they are read
  #listeners = new Set();

  constructor(client, http) {
    this.#client = client;
    this.#http = http;
    client.on("message", (event) => this.#add(event));
    client.on("gap", ({ room, missed = 0 }) => room.startsWith(PREFIX) && this.#skip(missed));
    client.on("state", ({ phase }) => {
      if (phase === "online") return this.#fill();
      for (const [topic, seq] of this.#seen) if (!this.#due.has(topic)) this.#due.set(topic, seq);
    });
  }

  /** Calls `listener(topic)` when a topic has new values, and `listener()` when anything else has changed. */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** Subscribes, and reads what was before, the newest values first. Resolves when all of it is there. */
  async open() {
    while (this.#client.state.phase !== "online") await new Promise((resolve) => setTimeout(resolve, 20));
    try {
      await this.#client.subscribe(PATTERN);
    } catch (error) {
      if (error.code !== "interrupted") throw error;
      return this.open();
    }
    const { rooms } = await this.#get("");
    const names = rooms.map(({ room }) => room).filter((room) => room.startsWith(PREFIX));
    await Promise.all(names.map((topic) => this.#latest(topic)));
    await this.#past(names);
  }

  now() {
    return Date.now() + this.skew;
  }

  async #latest(topic) {
    const { messages } = await this.#get(`/${encodeURIComponent(topic)}/messages?latest&limit=${PAGE}`);
    for (const message of messages) this.#add({ ...message, room: topic });
  }

  // What was before, a topic after the other, newest first.
  async #past(names) {
    for (const topic of names) {
      for (let before = ""; ; ) {
        const { messages, complete, next } = await this.#get(`/${encodeURIComponent(topic)}/messages?limit=${PAGE}${before}`);
        for (const message of messages) this.#add({ ...message, room: topic });
        if (complete || messages.length === 0 || Date.parse(messages[0].at) < this.now() - WINDOW_MS) break;
        before = `&before=${next}`;
      }
    }
  }

  // What was said while there was no connection.
  async #fill() {
    try {
      const { epoch_ms } = await this.#client.request({ type: "time" });
      this.skew = epoch_ms - Date.now();
    } catch {
      return; // the connection is lost again, and the next one fills in
    }
    for (const [topic, seq] of [...this.#due]) {
      for (let after = seq; ; ) {
        const { messages, complete, next } = await this.#get(`/${encodeURIComponent(topic)}/messages?after=${after}&limit=${PAGE}`);
        for (const message of messages) this.#add({ ...message, room: topic });
        if (complete) break;
        after = next;
      }
      if (this.#due.get(topic) === seq) this.#due.delete(topic);
    }
  }

  #add({ room, key, seq, message }) {
    const point = room.startsWith(PREFIX) && key !== undefined ? parsed(message) : undefined;
    if (!point) return;
    this.#seen.set(room, Math.max(this.#seen.get(room) ?? 0, seq));
    if (!this.topics.has(room)) this.topics.set(room, new Map());
    const series = this.topics.get(room);
    if (!series.has(key)) series.set(key, new Series(WINDOW_MS));
    series.get(key).add(point);
    this.#tell(room);
  }

  #skip(missed) {
    this.skipped += missed;
    this.#tell();
  }

  // Asks until the server answers.
  async #get(path) {
    for (;;) {
      try {
        const response = await fetch(`${this.#http}/api/v1/rooms${path}`);
        if (response.ok) return await response.json();
      } catch {
        // it cannot be reached
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  #tell(...what) {
    for (const listener of this.#listeners) listener(...what);
  }
}
