// roomd.js: a client for roomd servers that reconnects automatically, for web pages and Node. It imports
// roomd-data.js, roomd-subscription.js, later roomd-rate.js, and nothing else; roomd.d.ts documents the API and its guarantees.
//
// No method blocks, and no listener is called from inside a method.

import { BINARY_PROTOCOL, decodeEvent, encodeCommand } from "./roomd-data.js";
import { HISTORY_MAX, Subscription } from "./roomd-subscription.js";

const RETRY_MS = 500; // the first delay; it doubles with each attempt
const RETRY_MS_MAX = 30_000;
const STEADY_MS = 10_000; // a connection that lasted this long resets the delays
const CONNECT_MS = 15_000;
const CLOSE_MS = 100; // for the close of an attempt that has failed
const PING_MS = 30_000; // without an event for this long, the client sends a ping
const PONG_TIMEOUT_MS = 15_000; // without an event for this long after that, it gives the connection up
const PAUSE_MS = 1_000; // when a temporary refusal has no `retry_after_ms`
const WINDOW = 32; // unacknowledged messages at once, where no refusal can reorder them
const ENVELOPE_BYTES = 4_000; // in a frame, beyond twice the bytes of the message; leaves room for an `id`

const MESSAGES = /^(message|private|edit|delete|search|subscribe)$/; // what counts for the rate

const TEMPORARY = new Set(["rate_limited", "too_many_requests", "draining"]);

// Close codes after which a reconnect would fail in the same way.
const FINAL = new Set([1002, 1003, 1007, 1009, 4401, 4403, 4409]);

const REASONS = new Map([
  [1001, "the server is shutting down"],
  [1002, "the server did not understand this client"],
  [1003, "the server did not understand this client"],
  [1007, "the server did not understand this client"],
  [1009, "a frame was too large"],
  [1011, "the server failed"],
  [4401, "the token has expired"],
  [4403, "this name belongs to a registered user"],
  [4408, "the connection was silent for too long"],
  [4409, "the session was resumed elsewhere"],
  [4429, "the rate limit was exceeded too often"],
  [4450, "the connection was too slow"],
  [4503, "the server is restarting"],
]);

// What one code has several of.
const GOODBYES = new Map([
  ["signed_out", "this device was signed out"],
  ["ended_by_admin", "an admin of the server has ended this connection"],
  ["banned", "you are banned from this server"],
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
  #attempt = 0; // changes with each connection, so that late results of an earlier one are ignored
  #phaseSince = 0;
  #receivedAt = 0;
  #pingedAt = 0;
  #pauses = new Map(); // place whose messages are held back, or undefined for all commands → timer
  #spent = 0; // messages that the server may have counted for the rate and not forgotten
  #allowance; // counts better, once it is loaded
  #narrow = new Set(); // places that have refused a message for a limit of their own
  #timers = {}; // watch, retry
  #retries = 0;
  #goodbye;
  #resumeToken;
  #lastId = 0;
  #subscriptions = new Map(); // room → Subscription
  #patterns = new Map(); // pattern → "pending", "sent" or "subscribed"
  #privates = new Map(); // private room → {seq, at} of the newest message seen
  #pending = new Map(); // id → the command that waits for a reply
  #requests = []; // not sent yet
  #unsent = []; // messages without a reply, oldest first

  constructor(url, options = {}) {
    this.#url = new URL(url);
    this.#options = { WebSocket: globalThis.WebSocket, history: 20, ...options };
    if (!this.#options.WebSocket) throw new TypeError("this environment has no WebSocket: pass one in the options");
    this.#user = options.user;
    for (const type of ["offline", "online"]) globalThis.addEventListener?.(type, () => this.#onNetwork(type));
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

  join(room, { history = this.#options.history, latest, since, group, prefetch, visibility_s, receipt_counts } = {}) {
    return new Promise((resolve, reject) => {
      const share = group && { group, prefetch, visibility_s };
      const options = { history: Math.min(history, HISTORY_MAX), latest, since, share, counts: receipt_counts };
      const subscription = this.#subscriptions.get(room) ?? new Subscription(options);
      if (subscription.state === "joined") return resolve(subscription.reply);
      subscription.waiters.push({ resolve, reject });
      this.#subscriptions.set(room, subscription);
      this.#pump();
    });
  }

  leave(room) {
    this.#endSubscription(room, { code: "left", message: "The room was left" });
    return this.#state.phase === "online" ? this.request({ type: "leave", room }) : Promise.resolve();
  }

  async subscribe(pattern) {
    const reply = await this.request({ type: "subscribe", pattern });
    this.#patterns.set(pattern, "subscribed");
    return reply;
  }

  unsubscribe(pattern) {
    this.#patterns.delete(pattern);
    return this.request({ type: "unsubscribe", pattern });
  }

  publish(room, body, options) {
    return this.#deliver({ type: "message", room, ...bodyOf(body) }, options);
  }

  whisper(to, body, options) {
    return this.#deliver({ type: "private", to, ...bodyOf(body) }, options);
  }

  retract(mid) {
    const at = this.#unsent.findIndex((each) => each.mid === mid && each.id === undefined && !each.sent);
    if (at < 0) return false;
    this.#unsent.splice(at, 1)[0].reject(new RoomdError({ code: "retracted", message: "The message was retracted" }));
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
    if (!this.#canSend()) return false;
    this.#send(command);
    return true;
  }

  #deliver(command, { mid = newMid(), ...more } = {}) {
    return new Promise((resolve, reject) => {
      this.#unsent.push({ command: { ...command, ...more }, mid, resolve, reject, sent: false });
      this.#pump();
    });
  }

  // --- Sending ----------------------------------------------------------------------------------

  #canSend() {
    return this.#state.phase === "online" && !this.#pauses.has(undefined);
  }

  #pump() {
    if (!this.#canSend()) return;
    const requests = this.#requests.splice(0);
    const leaves = requests.filter(({ command }) => command.type === "leave"); // before a new join of the same room
    for (const leave of leaves) this.#sendCommand(leave.command, leave);
    for (const [room, subscription] of this.#subscriptions) {
      if (subscription.state !== "pending") continue;
      subscription.state = "joining";
      this.#sendCommand({ type: "join", room, ...subscription.request() }, { room });
    }
    for (const [pattern, state] of this.#patterns) {
      if (state !== "pending") continue;
      this.#patterns.set(pattern, "sent");
      this.#sendCommand({ type: "subscribe", pattern }, { pattern });
    }
    for (const request of requests) if (!leaves.includes(request)) this.#sendCommand(request.command, request);
    const sendable = this.#unsent.filter(({ command }) => !this.#pauses.has(placeOf(command)));
    for (const message of sendable.slice(0, WINDOW)) {
      if (message.id !== undefined) continue;
      if (this.#waitsForPlace(message, sendable)) continue;
      if (sendable.some(isUnderWay) && !this.#surelyPasses()) return; // it might overtake one that is refused
      if (this.#subscriptions.get(message.command.room)?.state === "joining") return; // it would be refused before the join
      const excess = this.#excessBytes(message);
      if (excess > 0) {
        this.#settle(message, { type: "error", code: "too_large", message: `The message is ${excess} ${excess === 1 ? "byte" : "bytes"} too long` });
        return this.#pump();
      }
      message.sent = true;
      message.id = this.#sendCommand({ ...message.command, mid: message.mid }, { message });
    }
  }

  // Whether the connection's rate surely allows one more.
  #surelyPasses() {
    const { rate } = this.#limits;
    if (rate?.per_s === 0) return true;
    if (rate && !this.#allowance) this.#loadAllowance();
    return this.#allowance?.tokens(Date.now()) >= 1;
  }

  // Whether it might overtake one that a limit of the place refuses. A room says its rate when it is joined: it was perhaps opened with
  // other settings of the server than those that the welcome told. A private conversation never says it.
  #waitsForPlace({ command: { room, to } }, sendable) {
    const place = placeOf({ room, to });
    const mayRefuse = to !== undefined || this.#limits.room_rate || this.#subscriptions.get(room)?.reply?.room_rate || this.#narrow.has(place);
    return mayRefuse && sendable.some((other) => isUnderWay(other) && placeOf(other.command) === place);
  }

  async #loadAllowance() {
    const { Allowance } = await import("./roomd-rate.js").catch(() => ({})); // without it they go one by one
    const { rate } = this.#limits;
    if (!Allowance || this.#allowance) return;
    this.#allowance = new Allowance(rate, rate.burst - this.#spent, Date.now());
    this.#pump();
  }

  // Counts anew from so many messages that were spent.
  #count(spent) {
    this.#spent = spent;
    this.#allowance = undefined;
  }

  #sendCommand(command, context) {
    const id = ++this.#lastId;
    this.#pending.set(id, { command, ...context });
    this.#send({ ...command, id });
    return id;
  }

  #send(command) {
    if (MESSAGES.test(command.type)) {
      this.#spent++;
      this.#allowance?.sent(command.id ?? this.#lastId + 0.5, Date.now());
    }
    this.#socket.send(encodeCommand(command, this.#socket.protocol));
  }

  #excessBytes({ command: { data, ...command }, mid }) {
    const bytes = (text) => new TextEncoder().encode(text).length;
    const max = this.#limits.message_bytes;
    const body = data?.length ?? bytes(command.message ?? JSON.stringify(command.cipher ?? ""));
    const frame = bytes(JSON.stringify({ ...command, mid })) + 4 * Math.ceil((data?.length ?? 0) / 3); // of base64
    return Math.max(body - max, frame - 2 * max - ENVELOPE_BYTES);
  }

  // --- Receiving --------------------------------------------------------------------------------

  #receive(frame) {
    const event = parsed(frame);
    if (!event) return;
    this.#receivedAt = Date.now();
    this.#pingedAt = 0;
    const pending = this.#pending.get(event.id);
    if (!pending) return this.#onEvent(event);
    this.#allowance?.replied(event.id, this.#receivedAt);
    this.#onReply(pending, event);
  }

  #onEvent(event) {
    if (event.topic) event.room = event.topic; // of a pattern's topics
    const { type, room } = event;
    switch (type) {
      case "welcome":
        return this.#onWelcome(event);
      case "goodbye":
        this.#goodbye = event;
        return;
      case "message":
        if (!(this.#subscriptions.get(room)?.accept(event) ?? true)) return;
        break;
      case "private":
        if (!this.#isNew(event)) return;
        break;
      case "left":
        return this.#endSubscription(room, { code: "removed", message: "The server removed you" });
      case "removed":
        if (event.user === this.#user) return this.#endSubscription(room, { ...event, code: event.reason, message: removalMessage(event) });
        break;
      case "ended":
        return this.#endSubscription(room, { ...event, code: "ended", message: removalMessage(event) });
      case "lagged":
        return this.#emit({ ...event, type: "gap", room, reason: "lagged" });
      case "error":
        return this.#emit({ ...event, type: "refused" });
      case "pong":
      case "sent":
        return; // a reply that is no longer waited for
    }
    this.#emit(event);
  }

  #onWelcome(event) {
    this.#user = event.user;
    this.#limits = { ...this.#limits, ...event.limits };
    this.#count(0);
    if (!this.#resumeToken || !event.resume) return this.#goOnline(event, event.resume);
    const rooms = {};
    for (const [room, subscription] of this.#subscriptions) if (subscription.since) rooms[room] = subscription.since;
    this.#sendCommand({ type: "resume", resume: this.#resumeToken, rooms }, { resume: event });
  }

  #goOnline(welcome, token) {
    this.#resumeToken = token;
    this.#setState({ phase: "online" });
    this.#emit({ ...welcome, user: this.#user });
    this.#pump();
  }

  #onReply(pending, event) {
    this.#pending.delete(event.id);
    if (pending.message) pending.message.id = undefined;
    const error = event.type === "error" ? event : undefined;
    if (pending.resume) {
      this.#onResumed(pending.resume, error ? {} : event);
    } else if (error && isTemporary(error, pending)) {
      if (pending.room) this.#rejoinLater(pending.room);
      else if (pending.pattern) this.#patterns.set(pending.pattern, "pending");
      else if (!pending.message && !pending.fence) this.#requests.push(pending);
      this.#pause(error, pending.message?.command);
    } else if (pending.message) {
      this.#settle(pending.message, event);
    } else if (pending.room) {
      if (error) this.#endSubscription(pending.room, error);
      else this.#onJoined(event);
    } else if (pending.pattern) {
      this.#onSubscribed(pending.pattern, error);
    } else if (pending.fence) {
      pending.fence.settle();
    } else if (error) {
      pending.reject?.(new RoomdError(error));
    } else {
      pending.resolve?.(event);
    }
    this.#pump();
  }

  // Subscribed again on another connection; or no longer, which was meant for now.
  #onSubscribed(pattern, error) {
    if (!this.#patterns.has(pattern)) return;
    if (!error) return void this.#patterns.set(pattern, "subscribed");
    this.#patterns.delete(pattern);
    this.#emit({ ...error, type: "refused" });
  }

  #setPatterns(state) {
    for (const pattern of this.#patterns.keys()) this.#patterns.set(pattern, state);
  }

  #rejoinLater(room) {
    const subscription = this.#subscriptions.get(room);
    if (subscription) subscription.state = "pending";
  }

  #settle(message, event) {
    this.#unsent = this.#unsent.filter((each) => each !== message);
    if (event.type === "error") message.reject(new RoomdError(event));
    else message.resolve(event);
  }

  // Without `rooms` the session has expired: then each room is joined again.
  #onResumed(welcome, { user, resume, rooms = {} }) {
    if (user) {
      this.#count(this.#limits.rate?.burst); // the session may have spent all
      this.#user = user;
      this.#setPatterns("subscribed"); // by the server, with the session
    }
    const events = [];
    const left = [];
    for (const [room, reply] of Object.entries(rooms)) {
      const subscription = this.#subscriptions.get(room);
      if (!subscription?.reply) {
        // The room was left without a connection; or the reply to the join was lost, and the room is joined again.
        if (!room.startsWith("dm:")) left.push(room);
        continue;
      }
      if (reply.reason === "removed") {
        this.#endSubscription(room, { code: "removed", message: "You were removed while disconnected" });
        continue;
      }
      const gap = subscription.resumed(reply);
      events.push({ type: "joined", room, again: true, resumed: true, recovered: !gap, missed: reply.missed, read: reply.read });
      if (gap) events.push({ type: "gap", room, reason: gap });
    }
    for (const room of left) this.#sendCommand({ type: "leave", room }, {});
    this.#goOnline(welcome, resume ?? welcome.resume);
    for (const event of events) this.#emit(event);
    for (const [room, subscription] of this.#subscriptions) if (subscription.owed !== undefined) this.#readLatest(room, subscription);
  }

  // What a join with `latest` is sent and a session that goes on is not: the last values of a room whose replay was not whole.
  async #readLatest(room, subscription) {
    try {
      let page;
      do {
        page = await this.request({ type: "history", room, latest: true, after: page?.messages.at(-1).seq, limit: HISTORY_MAX });
        if (this.#subscriptions.get(room) !== subscription) return;
        for (const message of page.messages.filter(({ seq }) => seq <= subscription.owed)) this.#emit({ ...message, type: "message", room, replayed: true });
      } while (!page.complete);
      subscription.owed = undefined;
    } catch {
      // Without a connection; over the next one the room is asked for anew.
    }
  }

  #onJoined(event) {
    const subscription = this.#subscriptions.get(event.room);
    if (!subscription) return; // the room was left meanwhile, and `leave` is sent
    const again = subscription.reply !== undefined;
    const gap = subscription.joined(event);
    this.#sendCommand({ type: "ping" }, { fence: subscription });
    for (const waiter of subscription.waiters.splice(0)) waiter.resolve(event);
    this.#emit({ ...event, type: "joined", again });
    if (gap) this.#emit({ type: "gap", room: event.room, reason: gap });
  }

  #endSubscription(room, error) {
    const subscription = this.#subscriptions.get(room);
    if (!subscription) return;
    this.#subscriptions.delete(room);
    const refusal = new RoomdError(error);
    for (const { reject } of subscription.waiters) reject(refusal);
    if (error.code !== "left" && subscription.waiters.length === 0) this.#emit({ ...error, type: "removed", room });
  }

  // Private rooms show no epoch: a seq that starts from 1 again has a later time.
  #isNew({ room, seq, at }) {
    const seen = this.#privates.get(room);
    if (seen && seq <= seen.seq && at <= seen.at) return false;
    this.#privates.set(room, { seq, at });
    return true;
  }

  // Holds back the messages to the place of the one that was refused, or all commands if it was not that place that refused it.
  #pause({ room, message, code, retry_after_ms: ms = PAUSE_MS }, refused) {
    const place = room === undefined ? undefined : placeOf(refused);
    if (place !== undefined) this.#narrow.add(place);
    else if (code === "rate_limited") this.#count(this.#limits.rate?.burst + this.#pending.size);
    clearTimeout(this.#pauses.get(place));
    this.#pauses.set(place, setTimeout(() => {
      this.#pauses.delete(place);
      this.#pump();
    }, ms));
    this.#emit({ type: "paused", room, message, code, until: Date.now() + ms });
  }

  // A listener that throws affects no other: the environment reports its error.
  #emit(event) {
    for (const listener of [...(this.#listeners.get(event.type) ?? []), ...(this.#listeners.get("*") ?? [])]) {
      queueMicrotask(() => listener(event));
    }
  }

  // --- The connection ---------------------------------------------------------------------------

  async #connect() {
    this.#drop();
    const attempt = ++this.#attempt;
    this.#setState({ phase: "connecting" });
    this.#timers.watch = setInterval(() => this.#checkAlive(), 1_000);
    const { token, WebSocket } = this.#options;
    let bearer;
    try {
      bearer = typeof token === "function" ? await token() : token;
    } catch (error) {
      if (attempt === this.#attempt) this.#onLost(0, String(error?.message ?? error));
      return;
    }
    if (attempt !== this.#attempt) return;
    const url = new URL(this.#url);
    if (bearer === undefined && this.#user !== undefined) url.searchParams.set("user", this.#user);
    const socket = new WebSocket(url.href, [BINARY_PROTOCOL, "roomd.v1.json", ...(bearer ? [`bearer.${bearer}`] : [])]);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#onLost(code);
    socket.onerror = () => {
      // A close follows; but not in Node 20, when there was no connection.
      if (this.#socket === socket && this.#state.phase === "connecting") this.#timers.close = setTimeout(() => this.#onLost(1006), CLOSE_MS);
    };
    this.#socket = socket;
  }

  // A network that vanishes closes no socket: only a timeout detects it.
  #checkAlive() {
    const now = Date.now();
    const online = this.#state.phase === "online";
    if (!online && now - this.#phaseSince > CONNECT_MS) return this.#onLost(0);
    if (!online) return;
    if (this.#pingedAt && now - this.#pingedAt > PONG_TIMEOUT_MS) return this.#onLost(0);
    if (this.#pingedAt || now - this.#receivedAt < PING_MS) return;
    this.#pingedAt = now;
    this.#send({ type: "ping" });
  }

  // The browser lost its network, or has one again. A server on this machine is reached all the same: the
  // attempts go on.
  #onNetwork(type) {
    const { phase } = this.#state;
    if (type === "online") return phase === "waiting" || phase === "connecting" ? this.#connect() : undefined;
    if (phase === "online" || phase === "connecting") this.#onLost(0, "this device is offline");
  }

  async #onLost(code, problem) {
    const { phase } = this.#state;
    const goodbye = this.#goodbye;
    const steady = phase === "online" && Date.now() - this.#phaseSince > STEADY_MS;
    this.#drop();
    const connecting = phase === "connecting";
    const attempt = this.#attempt;
    const verdict = connecting && !problem ? await this.#options.diagnose?.(code).catch(() => undefined) : undefined;
    if (attempt !== this.#attempt) return; // closed meanwhile
    const reason = problem ?? GOODBYES.get(goodbye?.reason) ?? REASONS.get(code) ?? (connecting ? "the server cannot be reached" : "the connection was lost");
    if (verdict || FINAL.has(code) || goodbye?.reconnect === false) return this.#end(verdict ?? reason, verdict ? 0 : code);
    if (steady) this.#retries = 0;
    const { retryMs = RETRY_MS, retryMsMax = RETRY_MS_MAX, random = Math.random } = this.#options;
    const delay = Math.min(retryMs * 2 ** this.#retries++, retryMsMax);
    const ms = (goodbye?.retry_after_ms ?? delay / 2) + (random() * delay) / 2; // jitter
    this.#timers.retry = setTimeout(() => this.#connect(), ms);
    this.#setState({ phase: "waiting", reason, code, retryAt: Date.now() + ms });
  }

  #end(reason, code) {
    this.#resumeToken = undefined;
    this.#setState({ phase: "closed", reason, code });
    for (const { waiters } of this.#subscriptions.values()) for (const { reject } of waiters.splice(0)) reject(interrupted());
  }

  // Abandons the socket and ignores its further events. Requests fail; joins and messages are sent again over
  // the next connection.
  #drop(code) {
    for (const timer of [...Object.values(this.#timers), ...this.#pauses.values()]) clearTimeout(timer);
    this.#timers = {};
    this.#pauses.clear();
    this.#narrow.clear();
    const socket = this.#socket;
    this.#socket = this.#goodbye = undefined;
    this.#attempt++;
    this.#pingedAt = 0;
    if (socket) {
      socket.onmessage = socket.onclose = null;
      socket.close(...(code ? [code] : []));
    }
    for (const subscription of this.#subscriptions.values()) subscription.disconnected();
    this.#setPatterns("pending");
    for (const message of this.#unsent) message.id = undefined;
    const failed = [...this.#pending.values(), ...this.#requests.splice(0)];
    this.#pending.clear();
    for (const { reject } of failed) reject?.(interrupted());
  }

  #setState(state) {
    this.#state = Object.freeze(state);
    this.#phaseSince = this.#receivedAt = Date.now();
    this.#emit({ type: "state", ...state });
  }
}

const isUnderWay = ({ id }) => id !== undefined;

// Where a message goes: a room, or a private conversation, which no room can be called like.
function placeOf({ room, to }) {
  return to === undefined ? room : `dm:${to}`;
}

// Whether the command is sent again later. A refusal by one room holds back that room's messages; for any
// other command it is the reply.
function isTemporary({ code, room }, pending) {
  if (room !== undefined && !pending.message) return false;
  return TEMPORARY.has(code) || (pending.room && code === "unavailable");
}

function removalMessage({ type, reason, by }) {
  if (type === "ended") return `${by ?? "The server"} deleted the room`;
  return `${by ?? "The server"} ${reason} you`;
}

// The server does not accept unpaired surrogates; bytes are copied, since they may wait.
function bodyOf(body) {
  if (body instanceof Uint8Array) return { data: body.slice() };
  return typeof body === "string" ? { message: body.toWellFormed?.() ?? body } : { cipher: body?.cipher };
}

// `crypto.randomUUID` exists only in secure contexts, and a page in a local network may come over plain HTTP.
export function newMid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function parsed(frame) {
  try {
    const event = decodeEvent(frame);
    return event !== null && typeof event === "object" ? event : undefined;
  } catch {
    return undefined; // no event
  }
}

function interrupted() {
  return new RoomdError({ code: "interrupted", message: "There is no connection" });
}
