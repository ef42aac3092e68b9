// A dispatcher: assigns who waits to agents, takes customers back from agents who have gone, and tells the places.
//
// It keeps nothing: the desk is a fold over its room, and each decision is published on the condition that nothing else was
// (page/live-desk.js). Several may run. They are a group, so that what happens at the desk is one dispatcher's to answer; when that
// one dies, the server gives it to another, before anything later. Run by main.mjs: `dispatcher.mjs WS`.

import { pathToFileURL } from "node:url";
import { Client } from "../../../src/page/roomd.js";
import { DESK, PLACES } from "./page/desk.js";
import { LiveDesk } from "./page/live-desk.js";

const RELOAD_MS = 1_500; // for an agent who has left, and may only be loading the page again
const RETURN_MS = 5_000; // for an agent who is not there when the dispatcher comes: the server may have been restarted
const PLACES_MS = 200; // between two lists of places
const AGAIN_MS = 500; // after a refusal

export class Dispatcher {
  #watcher; // sees all that happens at the desk
  #worker; // is given its part of it, to answer
  #desk;
  #times;
  #absent = new Map(); // agent → timer
  #turn = Promise.resolve(); // one decision at a time
  #places = { seq: 0, text: "[]" }; // the newest list
  #placesTimer;

  constructor(ws, { reloadMs = RELOAD_MS, returnMs = RETURN_MS, retryMsMax = 2_000 } = {}) {
    const options = { user: "dispatcher", retryMs: 100, retryMsMax };
    this.#watcher = new Client(ws, options);
    this.#worker = new Client(ws, options);
    this.#times = { reloadMs, returnMs };
    this.#desk = new LiveDesk(this.#watcher);
  }

  async run() {
    const watcher = this.#watcher.open();
    const worker = this.#worker.open();
    for (const client of [watcher, worker]) client.on("state", ({ phase, reason }) => phase === "closed" && fail(reason));
    watcher.on("join", ({ room, user }) => room === DESK && this.#isThere(user));
    watcher.on("leave", ({ room, user }) => room === DESK && this.#isAbsent(user, this.#times.reloadMs));
    watcher.on("joined", ({ room }) => room === DESK && this.#look());
    watcher.on("message", (event) => event.room === PLACES && this.#hearPlaces(event));
    this.#desk.onChange(() => this.#placesSoon());
    worker.on("message", (event) => event.room === DESK && this.#answer(event));
    await watcher.join(PLACES, { latest: true });
    await this.#desk.open();
    // What is said until the end of this process, or of its connection, and is not done by then, is another's.
    await worker.join(DESK, { group: "dispatchers", prefetch: 1, visibility_s: 30 });
    await this.#settle();
  }

  // Something was said at the desk, and this dispatcher is to see to it.
  async #answer({ seq }) {
    await this.#desk.reaches(seq);
    await this.#settle();
    await this.#worker.request({ type: "done", room: DESK, seq }).catch(() => {}); // it is another's by now, and done twice
  }

  // Decides until there is nothing to decide.
  #settle() {
    this.#turn = this.#turn.then(async () => {
      for (;;) {
        try {
          if (!(await this.#desk.change((desk) => desk.next()))) return;
        } catch (error) {
          console.error(`dispatcher: ${error.message}`);
          await new Promise((resolve) => setTimeout(resolve, AGAIN_MS)); // such as a disk that is full
        }
      }
    });
    return this.#turn;
  }

  // --- Who is there -------------------------------------------------------------------------------

  // Comes, or comes back: while nobody looked, agents may have gone, and customers may have asked.
  async #look() {
    try {
      const { members } = await this.#watcher.request({ type: "members", room: DESK });
      const there = new Set(members.map(({ user }) => user));
      await this.#desk.open();
      for (const agent of this.#desk.agents.keys()) {
        if (there.has(agent)) this.#isThere(agent);
        else this.#isAbsent(agent, this.#times.returnMs);
      }
      await this.#settle();
    } catch (error) {
      if (error.code !== "interrupted") throw error; // after which it is joined again
    }
  }

  #isThere(agent) {
    clearTimeout(this.#absent.get(agent));
    this.#absent.delete(agent);
  }

  #isAbsent(agent, ms) {
    this.#isThere(agent);
    this.#absent.set(agent, setTimeout(() => this.#hasGone(agent), ms));
  }

  async #hasGone(agent) {
    this.#absent.delete(agent);
    if (this.#watcher.state.phase !== "online") return; // it looks again when it is
    const { seq } = this.#desk.agents.get(agent) ?? {};
    if (seq === undefined) return;
    await this.#desk.change((desk) => desk.agents.get(agent)?.seq === seq && { key: `a/${agent}` });
    await this.#settle();
  }

  // --- Places -------------------------------------------------------------------------------------

  #placesSoon() {
    this.#placesTimer ??= setTimeout(() => this.#tellPlaces(), PLACES_MS);
  }

  // The turns of all who wait, in their order, and no names.
  async #tellPlaces() {
    this.#placesTimer = undefined;
    const text = JSON.stringify(this.#desk.waiting().map(({ turn }) => turn));
    if (text === this.#places.text || this.#watcher.state.phase !== "online") return;
    // Refused, if another dispatcher has told them: then its list is heard, and compared.
    await this.#watcher.publish(PLACES, text, { key: "waiting", if_key_seq: this.#places.seq }).catch(() => {});
  }

  #hearPlaces({ seq, message }) {
    this.#places = { seq, text: message };
    this.#placesSoon();
  }
}

function fail(reason) {
  console.error(`dispatcher: ${reason}`);
  process.exit(1); // and is started again
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [ws, ...times] = process.argv.slice(2);
  const [reloadMs, returnMs] = times.map(Number);
  await new Dispatcher(ws, { reloadMs, returnMs }).run();
  console.log("dispatcher: ready");
}
