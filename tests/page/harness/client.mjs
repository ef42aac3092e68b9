// Clients of roomd.js that record their events, so that tests wait for events and not for time.

import { Client } from "../../../src/page/roomd.js";
import { DEADLINE_MS } from "./deadline.mjs";
import { require } from "./packages.mjs";

const { WebSocket } = require("ws");

export function connect(url, options = {}) {
  return new RecordingClient(new Client(url, { WebSocket, retryMs: 20, retryMsMax: 100, ...options }));
}

export class RecordingClient {
  events = [];
  #waiting = new Set();

  constructor(client) {
    this.client = client;
    client.on("*", (event) => {
      this.events.push(event);
      for (const check of this.#waiting) check();
    });
    client.open();
  }

  // The texts of a room's messages, in order.
  texts(room) {
    return this.events.filter((event) => event.type === "message" && event.room === room).map(({ message }) => message);
  }

  // The first event that matches, including those recorded already.
  async until(fits) {
    for (;;) {
      const found = this.events.find(fits);
      if (found) return found;
      await new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`not heard: ${fits}; but ${JSON.stringify(this.events.slice(-5))}`)), DEADLINE_MS);
        const check = () => {
          clearTimeout(late);
          this.#waiting.delete(check);
          resolve();
        };
        this.#waiting.add(check);
      });
    }
  }

  heard(text) {
    return this.until((event) => event.message === text && (event.type === "message" || event.type === "private"));
  }

  phase(phase) {
    return this.until((event) => event.type === "state" && event.phase === phase);
  }

  forget() {
    this.events.length = 0;
  }
}
