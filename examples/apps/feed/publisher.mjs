// The one publisher of the room `prices`: so many updates a second over one connection, each with its instrument as the key.
//
// It owns the room, in which nobody else speaks. It waits for no acknowledgement, but asks for one with each hundredth update: where
// they do not come, the line or the server is too slow, and it leaves updates out, as `latest` does for a reader.

const ROOM = "prices";
const TICK_MS = 5;
const ACKNOWLEDGED = 100; // of so many updates one
const UNACKNOWLEDGED_MAX = 20; // of those
const AGAIN_MS = 200;

export class Publisher {
  published = 0;
  leftOut = 0;
  #roomd;
  #market;
  #perSecond;
  #updates; // after so many it ends
  #end;
  /** Resolves when it has. */
  ended = new Promise((resolve) => (this.#end = resolve));
  /** Of the name `market`, which is registered for it. */
  token;
  #socket;
  #unacknowledged = 0;
  #timer;
  #isOver = false;

  constructor(roomd, market, perSecond, updates = Infinity) {
    [this.#roomd, this.#market, this.#perSecond, this.#updates] = [roomd, market, perSecond, updates];
  }

  /** Resolves when the room is open. It connects again whenever the connection is lost. */
  async start() {
    this.token ??= await claim(this.#roomd.http, "market");
    const socket = new WebSocket(`${this.#roomd.ws}?echo=false`, ["roomd.v1.json", `bearer.${this.token}`]);
    this.#socket = socket;
    // Node 20 tells of a connection that did not come about by an error alone.
    socket.onclose = socket.onerror = () => {
      socket.onclose = socket.onerror = null;
      clearInterval(this.#timer);
      if (!this.#isOver) setTimeout(() => this.start(), AGAIN_MS);
    };
    await new Promise((resolve) => {
      socket.onmessage = ({ data }) => this.#onEvent(JSON.parse(data), resolve);
    });
  }

  #onEvent(event, resolve) {
    const tell = (command) => this.#socket.send(JSON.stringify({ room: ROOM, ...command }));
    if (event.type === "welcome") {
      tell({ type: "create", durable: false, id: "create" }); // refused where it is there, as after the first connection
      tell({ type: "settings", announcement: true });
      tell({ type: "join", history: 0, id: "join" });
    } else if (event.id === "join") {
      this.#unacknowledged = 0;
      this.#publish();
      resolve();
    } else if (event.id === "update") {
      this.#unacknowledged--;
    } else if (event.id === "last") {
      this.#isOver = true;
      this.#socket.close();
      this.#end();
    }
  }

  #publish() {
    let due = 0;
    let before = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      due += ((now - before) * this.#perSecond) / 1_000;
      before = now;
      if (this.published >= this.#updates) return this.#finish();
      for (; due >= 1; due--) {
        const at = this.#market.move();
        if (this.#unacknowledged >= UNACKNOWLEDGED_MAX) this.leftOut++;
        else this.#send(at);
      }
    }, TICK_MS);
  }

  // When the last update is acknowledged, all are in the room.
  #finish() {
    clearInterval(this.#timer);
    this.#send(this.#market.move(), "last");
  }

  #send(at, id = this.published % ACKNOWLEDGED === 0 ? "update" : undefined) {
    const [bid, ask] = this.#market.quote(at);
    this.published++;
    if (id) this.#unacknowledged++;
    const update = `"key":"${this.#market.symbols[at]}","message":"${bid} ${ask} ${Date.now()}"`;
    this.#socket.send(`{"topic":"${ROOM}",${update}${id ? `,"id":"${id}"` : ""}}`);
  }
}

async function claim(http, name) {
  const response = await fetch(`${http}/api/v1/claims`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name }) });
  const { token, error } = await response.json();
  if (!token) throw new Error(`${name} is not to be had: ${error?.message}`);
  return token;
}
