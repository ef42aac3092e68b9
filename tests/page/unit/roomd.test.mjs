// roomd.js with a socket and a browser that only exist here.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Client } from "../../../src/page/roomd.js";

const browser = new EventTarget();
globalThis.addEventListener = browser.addEventListener.bind(browser);
const happen = (type) => browser.dispatchEvent(new Event(type));
const settled = () => new Promise((resolve) => setTimeout(resolve));

let sockets;
let clients;
beforeEach(() => ([sockets, clients] = [[], []]));
afterEach(() => clients.forEach((client) => client.close()));

class Socket {
  isClosed = false;
  constructor() {
    sockets.push(this);
  }
  sent = [];
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.isClosed = true;
  }
  receive(event) {
    this.onmessage({ data: JSON.stringify(event) });
  }
}

function clientOf(options) {
  const client = new Client("ws://127.0.0.1/ws", { WebSocket: Socket, user: "Ann", retryMs: 3_600_000, retryMsMax: 3_600_000, ...options });
  clients.push(client);
  client.open();
  return client;
}

test("a browser without a network is offline at once, and reconnects when it has one", async () => {
  const client = clientOf();
  await settled();
  sockets[0].receive({ type: "welcome", user: "Ann" });
  assert.equal(client.state.phase, "online");
  happen("offline");
  const { phase, reason } = client.state;
  assert.deepEqual([phase, reason, sockets[0].isClosed], ["waiting", "this device is offline", true]);
  happen("online");
  await settled();
  assert.deepEqual([client.state.phase, sockets.length], ["connecting", 2]);
  sockets[1].receive({ type: "welcome", user: "Ann" });
  happen("online"); // changes nothing
  await settled();
  assert.deepEqual([client.state.phase, sockets.length], ["online", 2]);
});

test("an attempt to connect ends with the network, and its diagnosis does not delay the next", async () => {
  let diagnoses = 0;
  const client = clientOf({ diagnose: () => (diagnoses++, new Promise(() => {})) });
  await settled();
  happen("offline");
  assert.deepEqual([client.state.phase, diagnoses], ["waiting", 0]);
  happen("online");
  await settled();
  assert.equal(sockets.length, 2);
  sockets[1].onclose({ code: 1006 }); // refused; the browser does not say why
  assert.equal(diagnoses, 1);
  happen("online");
  await settled();
  assert.deepEqual([client.state.phase, sockets.length], ["connecting", 3]);
});

test("an attempt that fails with an error alone, as in Node 20, is over at once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const client = clientOf();
  await null; // no token is waited for
  sockets[0].onerror();
  t.mock.timers.tick(1_000);
  await null; // nobody diagnoses
  await null;
  assert.deepEqual([client.state.phase, client.state.reason], ["waiting", "the server cannot be reached"]);
});

test("a client that is closed stays closed, whatever happens to the network", async () => {
  const client = clientOf();
  await settled();
  client.close();
  for (const type of ["offline", "online"]) happen(type);
  await settled();
  assert.deepEqual([client.state.phase, sockets.length], ["closed", 1]);
});

test("a member of a group is in it again on the next connection, and is given what it had before", async () => {
  const client = clientOf();
  const given = [];
  client.on("message", (message) => given.push([message.seq, message.redelivered === true]));
  await settled();
  sockets[0].receive({ type: "welcome", user: "Ann" });
  const joined = client.join("jobs", { group: "agents", prefetch: 2 });
  const share = { type: "join", room: "jobs", group: "agents", prefetch: 2 };
  assert.deepEqual(sockets[0].sent.at(-1), { ...share, id: 1 });
  sockets[0].receive({ type: "joined", id: 1, room: "jobs", epoch: "e1", seq: 3, members: ["Ann"], count: 1, recovered: true });
  await joined;
  const message = { type: "message", room: "jobs", user: "Bob", message: "hi", at: "2026-11-20T18:00:00.000Z", group: "agents" };
  sockets[0].receive({ ...message, seq: 5 });
  sockets[0].receive({ ...message, seq: 4, redelivered: true });
  happen("offline");
  happen("online");
  await settled();
  sockets[1].receive({ type: "welcome", user: "Ann" });
  const again = sockets[1].sent.at(-1);
  assert.deepEqual(again, { ...share, id: again.id });
  sockets[1].receive({ type: "joined", id: again.id, room: "jobs", epoch: "e1", seq: 9, members: ["Ann"], count: 1, recovered: true });
  sockets[1].receive({ ...message, seq: 5, redelivered: true });
  await settled();
  assert.deepEqual(given, [[5, false], [4, true], [5, true]]);
});

test("a first join goes on from a position that the program has kept, or says that it cannot", async () => {
  const client = clientOf();
  const heard = [];
  client.on("*", ({ type, seq, again, reason }) => ["joined", "gap", "message"].includes(type) && heard.push([type, again ?? reason ?? seq]));
  await settled();
  sockets[0].receive({ type: "welcome", user: "Ann" });
  const since = { epoch: "e1", seq: 40 };
  const joined = client.join("notes", { latest: true, since });
  assert.deepEqual(sockets[0].sent.at(-1), { type: "join", room: "notes", latest: true, since, history: 200, id: 1 });
  sockets[0].receive({ type: "joined", id: 1, room: "notes", epoch: "e1", seq: 41, members: ["Ann"], count: 1, recovered: true });
  await joined;
  const message = { type: "message", room: "notes", user: "Bob", message: "hi", at: "2026-11-20T18:00:00.000Z" };
  sockets[0].receive({ ...message, seq: 41 });
  const other = client.join("plans", { since });
  const { id } = sockets[0].sent.at(-1);
  sockets[0].receive({ type: "joined", id, room: "plans", epoch: "e2", seq: 7, members: ["Ann"], count: 1, recovered: false, reason: "epoch_changed" });
  await other;
  sockets[0].receive({ ...message, room: "plans", seq: 7 });
  await settled();
  assert.deepEqual(heard, [["joined", false], ["message", 41], ["joined", false], ["gap", "epoch_changed"], ["message", 7]]);
});

test("receipt counts are asked for on each connection", async () => {
  const client = clientOf();
  const counted = [];
  client.on("receipt_counts", ({ seq, written, received, read }) => counted.push([seq, written, received, read]));
  await settled();
  sockets[0].receive({ type: "welcome", user: "Ann" });
  const joined = client.join("hall", { receipt_counts: true });
  assert.equal(sockets[0].sent.at(-1).receipt_counts, true);
  sockets[0].receive({ type: "joined", id: 1, room: "hall", epoch: "e1", seq: 3, members: ["Ann"], count: 900, recovered: true });
  await joined;
  sockets[0].receive({ type: "receipt_counts", room: "hall", seq: 3, written: 812, received: 790, read: 113 });
  await settled();
  assert.deepEqual(counted, [[3, 812, 790, 113]]);
  happen("offline");
  happen("online");
  await settled();
  sockets[1].receive({ type: "welcome", user: "Ann" });
  assert.equal(sockets[1].sent.at(-1).receipt_counts, true);
});

test("a pattern is subscribed to on each connection, unless the session goes on, and a topic is a room", async () => {
  const client = clientOf();
  await settled();
  const subscribes = (socket) => socket.sent.filter(({ type }) => type === "subscribe").map(({ pattern }) => pattern);
  sockets[0].receive({ type: "welcome", user: "Ann", resume: "secret" });
  const subscribed = client.subscribe("prices.*");
  sockets[0].receive({ type: "subscribed", pattern: "prices.*", id: sockets[0].sent.at(-1).id });
  assert.equal((await subscribed).pattern, "prices.*");
  const rooms = [];
  client.on("message", ({ room, message }) => rooms.push(`${room} ${message}`));
  sockets[0].receive({ type: "message", topic: "prices.eur", message: "1.08", seq: 1, user: "Feed" });
  await settled();
  assert.deepEqual(rooms, ["prices.eur 1.08"]);
  sockets[0].onclose({ code: 1006 });
  client.retry();
  await settled();
  sockets[1].receive({ type: "welcome", user: "Ann", resume: "other" });
  const { id } = sockets[1].sent.find(({ type }) => type === "resume");
  sockets[1].receive({ type: "resumed", id, user: "Ann", resume: "secret", rooms: {} });
  assert.deepEqual(subscribes(sockets[1]), [], "the server has it with the session");
  sockets[1].onclose({ code: 1006 });
  client.retry();
  await settled();
  sockets[2].receive({ type: "welcome", user: "Ann", resume: "third" });
  const again = sockets[2].sent.find(({ type }) => type === "resume");
  sockets[2].receive({ type: "error", id: again.id, code: "session_expired", message: "gone" });
  assert.deepEqual(subscribes(sockets[2]), ["prices.*"]);
  sockets[2].receive({ type: "subscribed", pattern: "prices.*", id: sockets[2].sent.at(-1).id });
  const ended = client.unsubscribe("prices.*");
  sockets[2].receive({ type: "unsubscribed", pattern: "prices.*", id: sockets[2].sent.at(-1).id });
  await ended;
  sockets[2].onclose({ code: 1006 });
  client.retry();
  await settled();
  sockets[3].receive({ type: "welcome", user: "Ann" });
  assert.deepEqual(subscribes(sockets[3]), []);
});

const sentTexts = (type) => sockets[0].sent.filter((each) => each.type === type).map(({ message }) => message);
const reply = (event, text) => sockets[0].receive({ ...event, id: sockets[0].sent.findLast(({ message }) => message === text).id });

test("messages to a room that says its rate when it is joined go one by one, and those to others do not wait for them", async () => {
  const client = clientOf();
  await settled();
  sockets[0].receive({ type: "welcome", user: "Ann", limits: { rate: { burst: 10, per_s: 0 } } });
  for (const [room, more] of [["narrow", { room_rate: { burst: 20, per_s: 20 } }], ["wide", {}]]) {
    client.join(room);
    const { id } = sockets[0].sent.findLast(({ type }) => type === "join");
    sockets[0].receive({ type: "joined", id, room, epoch: "e", seq: 0, members: [], count: 0, recovered: true, ...more });
  }
  for (const text of ["n1", "n2"]) client.publish("narrow", text);
  for (const text of ["w1", "w2"]) client.publish("wide", text);
  assert.deepEqual(sentTexts("message"), ["n1", "w1", "w2"]);
  reply({ type: "error", code: "rate_limited", room: "narrow", message: "…", retry_after_ms: 0 }, "n1");
  assert.deepEqual(sentTexts("message"), ["n1", "w1", "w2"], "what would overtake it waits");
  await settled();
  reply({ type: "sent", room: "narrow", seq: 1 }, "n1");
  assert.deepEqual(sentTexts("message"), ["n1", "w1", "w2", "n1", "n2"]);
});

test("a private message that its conversation refuses for now is sent again when it says, and others are not held back", async () => {
  const client = clientOf();
  await settled();
  sockets[0].receive({ type: "welcome", user: "Ann", limits: { rate: { burst: 10, per_s: 0 } } });
  for (const text of ["b1", "b2"]) client.whisper("Bob", text);
  assert.deepEqual(sentTexts("private"), ["b1"], "it could have a rate of its own");
  reply({ type: "error", code: "rate_limited", room: "dm:Ann:Bob", message: "…", retry_after_ms: 3_600_000 }, "b1");
  client.whisper("Cleo", "c1");
  client.publish("r", "r1");
  assert.deepEqual([sentTexts("private"), sentTexts("message")], [["b1", "c1"], ["r1"]]);
});
