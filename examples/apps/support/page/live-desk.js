// The desk as it is now, over a client of roomd.js; and the one way to change it.
//
// A change is decided on a state, and published on the condition that this state is still the newest (`if_seq`). Whoever is
// refused reads what is new and decides again: so it does not matter how many decide, or when one of them dies.

import { DESK, Desk } from "./desk.js";

export class LiveDesk extends Desk {
  ready = false; // the state is known
  #client;
  #waiters = new Set();
  #listeners = new Set();

  constructor(client) {
    super();
    this.#client = client;
    client.on("gap", ({ room }) => {
      if (room !== DESK) return;
      this.reset(); // all keys follow
      this.ready = false;
    });
    client.on("message", (event) => {
      if (event.room !== DESK) return;
      this.apply(event);
      this.#changed();
    });
    client.on("joined", (event) => {
      if (event.room !== DESK) return;
      if (event.resumed && !event.recovered) this.#again();
      else this.#replayed(event);
    });
  }

  onChange(listener) {
    this.#listeners.add(listener);
  }

  async open() {
    await this.#client.join(DESK, { latest: true });
    await this.#until(() => this.ready);
    return this;
  }

  /** Resolves when the state includes the message with this number. */
  reaches(seq) {
    return this.#until(() => this.seq >= seq);
  }

  /** Publishes `decide(this)`, `{key, value}` with no value to delete the key, on the condition that nothing else is
   * published meanwhile; undefined is nothing to do. Returns whether anything was published. */
  async change(decide) {
    for (;;) {
      await this.#until(() => this.ready);
      const step = decide(this);
      if (!step) return false;
      const { key, value } = step;
      const body = value && JSON.stringify(value);
      try {
        const { seq } = await this.#client.publish(DESK, body, { key, if_seq: this.seq, ...(!value && { deleted: true }) });
        await this.reaches(seq);
        return true;
      } catch (error) {
        if (error.code !== "conflict") throw error;
        await this.reaches(error.details.seq);
      }
    }
  }

  /** Gives a customer to an agent who has room, or back to the queue; the turn stays. */
  move(name, agent) {
    return this.change((desk) => {
      const customer = desk.customers.get(name);
      if (!customer || customer.agent === agent || (agent !== undefined && desk.room(agent) === 0)) return undefined;
      return { key: `c/${name}`, value: { turn: customer.turn, agent } };
    });
  }

  // A session that goes on with a gap is told nothing of what was before: to join anew is.
  #again() {
    this.#client.leave(DESK).catch(() => {});
    this.#client.join(DESK, { latest: true }).catch(() => {});
  }

  // The answer to a ping stands behind the replay.
  async #replayed({ seq = 0 }) {
    await this.#client.request({ type: "ping" }).then(() => {
      this.seq = Math.max(this.seq, seq);
      this.ready = true;
      this.#changed();
    }, () => {}); // the connection is lost, and the next one joins again
  }

  #changed() {
    for (const waiter of this.#waiters) waiter();
    for (const listener of this.#listeners) listener(this);
  }

  #until(holds) {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter = () => {
        if (!holds()) return;
        this.#waiters.delete(waiter);
        resolve();
      };
      this.#waiters.add(waiter);
    });
  }
}
