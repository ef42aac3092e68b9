// roomd.js: a connection to a roomd server that repairs itself, for web pages and for Node. It needs
// `roomd-subscription.js` beside it and nothing else; `roomd.d.ts` documents every name.
//
// What it promises, as far as the server keeps its own promises (docs/protocol.md):
//
// * A connection that breaks is made again after delays that grow and are drawn. The session is
//   resumed; if it is over, every room is joined again from the last message seen.
// * A message that is published gets its mark (`mid`) once and is sent until it is answered, over as
//   many connections as it takes: it is published once. Messages go out in the order of `publish`,
//   also when one is refused for its rate.
// * A room's messages are told once each and in order. What cannot be replayed is told as `gap`.
//
// Everything happens between two turns of the event loop: no call waits, and no listener is called
// from inside a call.

import { HISTORY_MAX, Place } from "./roomd-subscription.js";

const RETRY_MS = 500; // the first delay; it doubles with each attempt
const RETRY_MS_MAX = 30_000;
const STEADY_MS = 10_000; // a connection that lived this long starts the delays anew
const CONNECT_MS = 15_000;
const SILENCE_MS = 30_000; // after this the server is asked for a sign of life
const ANSWER_MS = 15_000; // without one for this long the connection is given up
const PAUSE_MS = 1_000; // when a refusal that holds for now does not say for how long
const WINDOW = 32; // messages under way at once where no rate limit can reorder them
const ENVELOPE_BYTES = 4_000; // what a frame may have beside twice a message's bytes, and an `id`

const FOR_NOW = new Set(["rate_limited", "too_many_requests", "draining"]);

// Closes after which trying again would end in the same way.
const FINAL = new Set([1002, 1003, 1007, 1009, 4401, 4403, 4409]);

const REASONS = new Map([
  [1001, "the server is shutting down"],
  [1002, "the server did not understand this client"],
  [1003, "the server did not understand this client"],
  [1007, "the server did not understand this client"],
  [1009, "a frame was too large"],
  [1011, "the server failed"],
  [4401, "the token has ended"],
  [4403, "this user may not connect"],
  [4408, "the connection was silent for too long"],
  [4409, "the session went on in another place"],
  [4429, "too much was sent"],
  [4450, "the connection was too slow"],
  [4503, "the server is restarting"],
]);

export class RoomdError extends Error {
  constructor({ code, message, ...details }) {
    super(message);
    this.name = "RoomdError";
    this.code = code;
    this.details = details;
  }
}

export class Client {
  #url;
  #options;
  #listeners = new Map(); // type → Set of functions
  #state = { phase: "idle" };
  #user;
  #limits = { message_bytes: 65_536 };
  #socket;
  #opening = 0; // which attempt a token was asked for
  #phaseSince = 0;
  #heardAt = 0;
  #pingedAt = 0;
  #pauses = new Map(); // room that is told nothing for now, or undefined for everything → timer
  #timers = {}; // watch, retry
  #attempts = 0;
  #goodbye;
  #token; // takes the session up again
  #lastId = 0;
  #places = new Map(); // room → Place
  #privates = new Map(); // private room → the newest message seen
  #asked = new Map(); // id → what was asked under it
  #requests = []; // not said yet
  #unsent = []; // messages without an answer, oldest first

  constructor(url, options = {}) {
    this.#url = new URL(url);
    this.#options = { WebSocket: globalThis.WebSocket, history: 20, ...options };
    if (!this.#options.WebSocket) throw new TypeError("there is no WebSocket here: give one in the options");
    this.#user = options.user;
    globalThis.addEventListener?.("online", () => this.retry());
  }

  get state() {
    return this.#state;
  }

  get user() {
    return this.#user;
  }

  get limits() {
    return this.#limits;
  }

  get unsent() {
    return this.#unsent.map(({ command, mid }) => ({ ...command, mid }));
  }

  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type).add(listener);
    return () => this.#listeners.get(type).delete(listener);
  }

  open() {
    if (this.#state.phase === "idle" || this.#state.phase === "closed") this.#connect();
    return this;
  }

  retry() {
    if (this.#state.phase === "waiting") this.#connect();
  }

  close(reason = "the client left") {
    if (this.#state.phase === "closed") return;
    this.#drop(1000);
    this.#end(reason);
  }

  join(room, { history = this.#options.history } = {}) {
    return new Promise((resolve, reject) => {
      const place = this.#places.get(room) ?? new Place(Math.min(history, HISTORY_MAX));
      if (place.standing === "in") return resolve(place.answer);
      place.waiters.push({ resolve, reject });
      this.#places.set(room, place);
      this.#pump();
    });
  }

  leave(room) {
    this.#dismiss(room, { code: "left", message: "The room was left" });
    return this.#state.phase === "online" ? this.request({ type: "leave", room }) : Promise.resolve();
  }

  publish(room, body, options) {
    return this.#deliver({ type: "message", room, ...bodyOf(body) }, options);
  }

  whisper(to, body, options) {
    return this.#deliver({ type: "private", to, ...bodyOf(body) }, options);
  }

  retract(mid) {
    const at = this.#unsent.findIndex((each) => each.mid === mid && each.id === undefined && !each.said);
    if (at < 0) return false;
    this.#unsent.splice(at, 1)[0].reject(new RoomdError({ code: "retracted", message: "The message was taken back" }));
    return true;
  }

  request(command) {
    return new Promise((resolve, reject) => {
      if (this.#state.phase !== "online") return reject(interrupted());
      this.#requests.push({ command, resolve, reject });
      this.#pump();
    });
  }

  tell(command) {
    if (!this.#maySpeak()) return false;
    this.#send(command);
    return true;
  }

  #deliver(command, { mid = newMid(), ...more } = {}) {
    return new Promise((resolve, reject) => {
      this.#unsent.push({ command: { ...command, ...more }, mid, resolve, reject, said: false });
      this.#pump();
    });
  }

  // --- What is said -----------------------------------------------------------------------------

  #maySpeak() {
    return this.#state.phase === "online" && !this.#pauses.has(undefined);
  }

  #pump() {
    if (!this.#maySpeak()) return;
    const requests = this.#requests.splice(0);
    const leaves = requests.filter(({ command }) => command.type === "leave"); // before a new join of the same room
    for (const leave of leaves) this.#ask(leave.command, leave);
    for (const [room, place] of this.#places) {
      if (place.standing !== "wanted") continue;
      place.standing = "asked";
      this.#ask({ type: "join", room, ...place.wish() }, { room });
    }
    for (const request of requests) if (!leaves.includes(request)) this.#ask(request.command, request);
    const window = this.#limits.rate?.per_s === 0 ? WINDOW : 1;
    const sayable = this.#unsent.filter(({ command }) => !this.#pauses.has(command.room));
    for (const message of sayable.slice(0, window)) {
      if (message.id !== undefined) continue;
      if (this.#places.get(message.command.room)?.standing === "asked") return; // it would be refused
      const excess = this.#excess(message);
      if (excess > 0) {
        this.#settle(message, { type: "error", code: "too_large", message: `The message is ${excess} bytes too long` });
        return this.#pump();
      }
      message.said = true;
      message.id = this.#ask({ ...message.command, mid: message.mid }, { message });
    }
  }

  #ask(command, asked) {
    const id = ++this.#lastId;
    this.#asked.set(id, { command, ...asked });
    this.#send({ ...command, id });
    return id;
  }

  #send(command) {
    this.#socket.send(JSON.stringify(command));
  }

  #excess({ command, mid }) {
    const bytes = (text) => new TextEncoder().encode(text).length;
    const max = this.#limits.message_bytes;
    const body = command.message ?? JSON.stringify(command.cipher);
    return Math.max(bytes(body) - max, bytes(JSON.stringify({ ...command, mid })) - 2 * max - ENVELOPE_BYTES);
  }

  // --- What is heard ----------------------------------------------------------------------------

  #receive(text) {
    const event = parsed(text);
    if (!event) return;
    this.#heardAt = Date.now();
    this.#pingedAt = 0;
    const asked = this.#asked.get(event.id);
    if (asked) this.#answered(asked, event);
    else this.#hear(event);
  }

  #hear(event) {
    const { type, room } = event;
    switch (type) {
      case "welcome":
        return this.#welcome(event);
      case "goodbye":
        this.#goodbye = event;
        return;
      case "message":
        if (!(this.#places.get(room)?.admit(event) ?? true)) return;
        break;
      case "private":
        if (!this.#isNew(event)) return;
        break;
      case "left":
        return this.#dismiss(room, { code: "removed", message: "The server has put you out" });
      case "removed":
        if (event.user === this.#user) return this.#dismiss(room, { ...event, code: event.reason, message: putOut(event) });
        break;
      case "ended":
        return this.#dismiss(room, { ...event, code: "ended", message: putOut(event) });
      case "lagged":
        return this.#tell({ type: "gap", room, reason: "lagged", missed: event.missed });
      case "error":
        return this.#tell({ ...event, type: "refused" });
      case "pong":
      case "sent":
        return; // an answer that nobody waits for any more
    }
    this.#tell(event);
  }

  #welcome(event) {
    this.#user = event.user;
    this.#limits = { ...this.#limits, ...event.limits };
    if (!this.#token || !event.resume) return this.#online(event, event.resume);
    const rooms = {};
    for (const [room, place] of this.#places) if (place.since) rooms[room] = place.since;
    this.#ask({ type: "resume", resume: this.#token, rooms }, { resume: event });
  }

  #online(welcome, token) {
    this.#token = token;
    this.#enter({ phase: "online" });
    this.#tell({ ...welcome, user: this.#user });
    this.#pump();
  }

  #answered(asked, event) {
    this.#asked.delete(event.id);
    if (asked.message) asked.message.id = undefined;
    const error = event.type === "error" ? event : undefined;
    if (asked.resume) {
      this.#resumed(asked.resume, error ? {} : event);
    } else if (error && isForNow(error, asked)) {
      if (asked.room) this.#again(asked.room);
      else if (!asked.message && !asked.fence) this.#requests.push(asked);
      this.#pause(error);
    } else if (asked.message) {
      this.#settle(asked.message, event);
    } else if (asked.room) {
      if (error) this.#dismiss(asked.room, error);
      else this.#joined(event);
    } else if (asked.fence) {
      asked.fence.settle();
    } else if (error) {
      asked.reject?.(new RoomdError(error));
    } else {
      asked.resolve?.(event);
    }
    this.#pump();
  }

  #again(room) {
    const place = this.#places.get(room);
    if (place) place.standing = "wanted";
  }

  #settle(message, event) {
    this.#unsent = this.#unsent.filter((each) => each !== message);
    if (event.type === "error") message.reject(new RoomdError(event));
    else message.resolve(event);
  }

  // `rooms` is absent when the session is over: then every room is joined by itself.
  #resumed(welcome, { user, resume, rooms = {} }) {
    if (user) this.#user = user;
    const told = [];
    const left = [];
    for (const [room, answer] of Object.entries(rooms)) {
      const place = this.#places.get(room);
      if (!place?.answer) {
        // Left while there was no connection; or the answer of its join was lost, and it is joined anew.
        if (!room.startsWith("dm:")) left.push(room);
        continue;
      }
      if (answer.reason === "removed") {
        this.#dismiss(room, { code: "removed", message: "You were removed meanwhile" });
        continue;
      }
      const gap = place.resumed(answer);
      told.push({ type: "joined", room, again: true, resumed: true, recovered: !gap, missed: answer.missed });
      if (gap) told.push({ type: "gap", room, reason: gap });
    }
    for (const room of left) this.#ask({ type: "leave", room }, {});
    this.#online(welcome, resume ?? welcome.resume);
    for (const event of told) this.#tell(event);
  }

  #joined(event) {
    const place = this.#places.get(event.room);
    if (!place) return; // left again meanwhile; its `leave` is on the way
    const again = place.epoch !== undefined;
    const gap = place.joined(event);
    this.#ask({ type: "ping" }, { fence: place });
    for (const waiter of place.waiters.splice(0)) waiter.resolve(event);
    this.#tell({ ...event, type: "joined", again });
    if (gap) this.#tell({ type: "gap", room: event.room, reason: gap });
  }

  #dismiss(room, error) {
    const place = this.#places.get(room);
    if (!place) return;
    this.#places.delete(room);
    const refusal = new RoomdError(error);
    for (const { reject } of place.waiters) reject(refusal);
    if (error.code !== "left" && place.waiters.length === 0) this.#tell({ ...error, type: "removed", room });
  }

  // Private rooms have no epoch that a client sees; one that was closed counts from 1 again, later.
  #isNew({ room, seq, at }) {
    const seen = this.#privates.get(room);
    if (seen && seq <= seen.seq && at <= seen.at) return false;
    this.#privates.set(room, { seq, at });
    return true;
  }

  #pause({ room, message, code, retry_after_ms: ms = PAUSE_MS }) {
    clearTimeout(this.#pauses.get(room));
    this.#pauses.set(room, setTimeout(() => {
      this.#pauses.delete(room);
      this.#pump();
    }, ms));
    this.#tell({ type: "paused", room, message, code, until: Date.now() + ms });
  }

  // A listener that throws harms nobody else: its error is the environment's to report.
  #tell(event) {
    for (const listener of [...(this.#listeners.get(event.type) ?? []), ...(this.#listeners.get("*") ?? [])]) {
      queueMicrotask(() => listener(event));
    }
  }

  // --- The connection ---------------------------------------------------------------------------

  async #connect() {
    this.#drop();
    const attempt = ++this.#opening;
    this.#enter({ phase: "connecting" });
    this.#timers.watch = setInterval(() => this.#watch(), 1_000);
    const { token, WebSocket } = this.#options;
    let bearer;
    try {
      bearer = typeof token === "function" ? await token() : token;
    } catch (error) {
      if (attempt === this.#opening) this.#lost(0, String(error?.message ?? error));
      return;
    }
    if (attempt !== this.#opening) return;
    const url = new URL(this.#url);
    if (bearer === undefined && this.#user !== undefined) url.searchParams.set("user", this.#user);
    const socket = new WebSocket(url.href, ["roomd.v1.json", ...(bearer ? [`bearer.${bearer}`] : [])]);
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#lost(code);
    socket.onerror = () => {}; // a close follows
    this.#socket = socket;
  }

  // A network that vanishes closes nothing: only silence tells.
  #watch() {
    const now = Date.now();
    const online = this.#state.phase === "online";
    if (!online && now - this.#phaseSince > CONNECT_MS) return this.#lost(0);
    if (!online) return;
    if (this.#pingedAt && now - this.#pingedAt > ANSWER_MS) return this.#lost(0);
    if (this.#pingedAt || now - this.#heardAt < SILENCE_MS) return;
    this.#pingedAt = now;
    this.#send({ type: "ping" });
  }

  async #lost(code, problem) {
    const { phase } = this.#state;
    const goodbye = this.#goodbye;
    const steady = phase === "online" && Date.now() - this.#phaseSince > STEADY_MS;
    this.#drop();
    const opening = phase === "connecting";
    const attempt = this.#opening;
    const verdict = opening ? await this.#options.diagnose?.(code).catch(() => undefined) : undefined;
    if (attempt !== this.#opening) return; // it was closed meanwhile
    const reason = problem ?? REASONS.get(code) ?? (opening ? "the server cannot be reached" : "the connection was lost");
    if (verdict || FINAL.has(code) || goodbye?.reconnect === false) return this.#end(verdict ?? reason, verdict ? 0 : code);
    if (steady) this.#attempts = 0;
    const { retryMs = RETRY_MS, retryMsMax = RETRY_MS_MAX, random = Math.random } = this.#options;
    const grown = Math.min(retryMs * 2 ** this.#attempts++, retryMsMax);
    const ms = (goodbye?.retry_after_ms ?? grown / 2) + (random() * grown) / 2; // never all at once
    this.#timers.retry = setTimeout(() => this.#connect(), ms);
    this.#enter({ phase: "waiting", reason, code, retryAt: Date.now() + ms });
  }

  #end(reason, code) {
    this.#token = undefined;
    this.#enter({ phase: "closed", reason, code });
    for (const { waiters } of this.#places.values()) for (const { reject } of waiters.splice(0)) reject(interrupted());
  }

  // Forgets the socket, so that nothing it still has to say is heard. What was asked is lost; joins
  // and messages are said again on the next one.
  #drop(code) {
    for (const timer of [...Object.values(this.#timers), ...this.#pauses.values()]) clearTimeout(timer);
    this.#timers = {};
    this.#pauses.clear();
    const socket = this.#socket;
    this.#socket = this.#goodbye = undefined;
    this.#opening++;
    this.#pingedAt = 0;
    if (socket) {
      socket.onmessage = socket.onclose = null;
      socket.close(...(code ? [code] : []));
    }
    for (const place of this.#places.values()) place.lose();
    for (const message of this.#unsent) message.id = undefined;
    const broken = [...this.#asked.values(), ...this.#requests.splice(0)];
    this.#asked.clear();
    for (const { reject } of broken) reject?.(interrupted());
  }

  #enter(state) {
    this.#state = Object.freeze(state);
    this.#phaseSince = this.#heardAt = Date.now();
    this.#tell({ type: "state", ...state });
  }
}

// Whether it is asked again later. What is refused of a room alone holds up its messages, and is the
// answer to anything else.
function isForNow({ code, room }, asked) {
  if (room !== undefined && !asked.message) return false;
  return FOR_NOW.has(code) || (asked.room && code === "unavailable");
}

function putOut({ type, reason, by }) {
  if (type === "ended") return `${by ?? "The server"} has ended it`;
  return `${by ?? "The server"} has ${{ kicked: "put you out", banned: "banned you" }[reason] ?? "removed you"}`;
}

// Half a surrogate pair is no text to the server.
function bodyOf(body) {
  return typeof body === "string" ? { message: body.toWellFormed?.() ?? body } : { cipher: body.cipher };
}

// `crypto.randomUUID` exists only in secure contexts; a server in the house may speak plain HTTP.
export function newMid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function parsed(text) {
  try {
    const event = JSON.parse(text);
    return event !== null && typeof event === "object" ? event : undefined;
  } catch {
    return undefined; // not of this protocol
  }
}

function interrupted() {
  return new RoomdError({ code: "interrupted", message: "There is no connection" });
}
