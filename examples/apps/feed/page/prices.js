// What a reader knows of the market: the newest price of each instrument, and how old it was when it came.

const AGES = 4_096; // the newest so many of which the median and the 99th percentile are told

export class Prices {
  /** symbol → { bid, ask, at }, prices in cents and the time of the publisher in ms. */
  values = new Map();
  /** Updates that came, and those that a newer one of their instrument replaced on the way. */
  received = 0;
  conflated = 0;
  missed = 0;
  /** The number of the newest update: as many has the room seen. */
  newest = 0;
  #ages = new Float64Array(AGES);

  constructor(client, room = "prices") {
    client.on("message", (message) => message.room === room && this.#onMessage(message));
    client.on("gap", (event) => {
      if (event.room !== room || event.reason !== "lagged") return;
      this.conflated += event.conflated ?? 0;
      this.missed += event.missed;
    });
    client.on("joined", ({ room: joined, epoch }) => joined === room && epoch !== undefined && this.#begin(epoch));
    this.joined = client.join(room, { latest: true });
  }

  /** Of the newest updates, how old so many of a hundred were at most, in ms. */
  age(percentile) {
    const ages = this.#ages.slice(0, Math.min(this.received, AGES)).sort();
    return ages.length === 0 ? 0 : ages[Math.min(ages.length - 1, Math.floor((ages.length * percentile) / 100))];
  }

  #begin(epoch) {
    if (epoch !== this.epoch) this.newest = 0;
    this.epoch = epoch;
  }

  #onMessage({ key, message, seq }) {
    const [bid, ask, at] = (message ?? "").split(" ").map(Number);
    if (!key || !(bid > 0 && ask > 0 && at > 0)) return;
    this.values.set(key, { bid, ask, at });
    this.#ages[this.received++ % AGES] = Date.now() - at;
    this.newest = Math.max(this.newest, seq);
  }
}
