// roomd.js in Node, against a real server behind a relay that cuts connections.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { RoomdError } from "../../src/page/roomd.js";
import { connect } from "./harness/client.mjs";
import { require } from "./harness/packages.mjs";
import { Relay } from "./harness/relay.mjs";
import { Server } from "./harness/server.mjs";

const RATE = ["--rate-burst", "1000", "--rate-per-s", "1000"];

let server;
let line;
let clients;

before(async () => {
  server = await Server.start(...RATE);
});
after(() => server.end());

beforeEach(async () => {
  line = await Relay.to(server);
  clients = [];
});
afterEach(() => {
  for (const { client } of clients) client.close();
  line.end();
});

function come(url, options) {
  const heard = connect(url, options);
  clients.push(heard);
  return heard;
}

const near = () => `${server.http.replace("http", "ws")}/ws`;
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

test("a published message is delivered once and in order", async () => {
  const ann = come(near(), { user: "Ann" });
  const bob = come(near(), { user: "Bob" });
  assert.deepEqual((await bob.client.join("order")).members, ["Bob"]);
  await ann.client.join("order");
  const sent = await Promise.all(numbers(1, 50).map((text) => ann.client.publish("order", text)));
  assert.deepEqual(sent.map(({ seq }) => seq), numbers(1, 50).map(Number));
  await bob.heard("50");
  assert.deepEqual(bob.texts("order"), numbers(1, 50));
  assert.equal(ann.client.unsent.length, 0);
});

test("a join whose reply was lost resolves after a reconnect, and joining twice is joining once", async () => {
  const bob = come(near(), { user: "Bob" });
  await bob.client.join("answer");
  await bob.client.publish("answer", "1");
  const ann = come(line.ws, { user: "Ann", token: undefined });
  await ann.phase("online");
  line.dropReplies();
  const joined = ann.client.join("answer");
  await bob.until(({ type, user }) => type === "join" && user === "Ann");
  await bob.client.publish("answer", "2");
  line.cut();
  await ann.phase("waiting");
  await bob.client.publish("answer", "3");
  line.restore();
  assert.equal((await joined).seq, 3);
  await ann.heard("3");
  await bob.client.publish("answer", "4");
  await ann.heard("4");
  assert.deepEqual(ann.texts("answer"), ["1", "2", "3", "4"]);
  assert.equal((await ann.client.join("answer")).seq, 3);
  assert.ok(!ann.events.some(({ type }) => ["refused", "removed", "gap"].includes(type)), JSON.stringify(ann.events));
});

for (const [from, step, most] of [["server", 31, 3_400], ["client", 13, 1_300]]) {
  test(`nothing is lost or duplicated wherever the connection from the ${from} is cut`, async () => {
    let breaks = 0;
    for (let bytes = 1; bytes < most; bytes += step) {
      const room = `${from}-${bytes}`;
      const wire = await Relay.to(server);
      wire.cutAfter(from, bytes);
      const bob = come(near(), { user: "Bob" });
      await bob.client.join(room);
      await bob.client.publish(room, "b1");
      const ann = come(wire.ws, { user: "Ann" });
      ann.client.join(room);
      for (const text of ["a1", "a2", "a3"]) ann.client.publish(room, text);
      for (const text of ["b2", "b3"]) bob.client.publish(room, text);
      for (const one of [ann, bob]) for (const text of ["b1", "a3", "b3"]) await one.heard(text);
      const texts = bob.texts(room);
      assert.deepEqual([...texts].sort(), ["a1", "a2", "a3", "b1", "b2", "b3"], room);
      assert.deepEqual(texts.filter((text) => text.startsWith("a")), ["a1", "a2", "a3"], room);
      assert.deepEqual(ann.texts(room), texts, room);
      const troubles = ann.events.filter(({ type }) => ["refused", "removed", "gap"].includes(type));
      assert.deepEqual(troubles, [], room);
      breaks += ann.events.filter(({ type, phase }) => type === "state" && phase === "waiting").length;
      for (const { client } of [ann, bob]) client.close();
      wire.end();
    }
    assert.ok(breaks >= most / step / 2, `${breaks} breaks`);
  });
}

test("slow mode in one room does not delay others, and messages arrive once and in order", async () => {
  const claim = await fetch(`${server.http}/api/v1/claims`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"name":"Olga"}' });
  const olga = come(near(), await claim.json().then(({ token }) => ({ token })));
  await olga.phase("online");
  await olga.client.request({ type: "create", room: "slow" });
  await olga.client.request({ type: "settings", room: "slow", slow_mode_s: 1 });
  const [ann, bob] = [come(near(), { user: "Ann" }), come(near(), { user: "Bob" })];
  for (const { client } of [ann, bob]) await Promise.all(["slow", "quick"].map((room) => client.join(room)));
  const sent = ["1", "2", "3"].map((text) => ann.client.publish("slow", text));
  sent.push(ann.client.publish("quick", "at once"));
  await Promise.all(sent);
  await bob.heard("3");
  const told = bob.events.filter(({ type }) => type === "message").map(({ message }) => message);
  assert.deepEqual(told, ["1", "at once", "2", "3"]);
  const paused = ann.events.filter(({ type }) => type === "paused");
  assert.ok(paused.length >= 2 && paused.every(({ room }) => room === "slow"), JSON.stringify(paused));
});

test("a lost connection is restored, and nobody sees the user leave", async () => {
  const ann = come(line.ws, { user: "Ann" });
  const bob = come(near(), { user: "Bob" });
  await bob.client.join("broken");
  await ann.client.join("broken");
  await bob.client.publish("broken", "1");
  await ann.heard("1");
  line.cut();
  await ann.phase("waiting");
  for (const text of numbers(2, 9)) await bob.client.publish("broken", text);
  const late = ann.client.publish("broken", "10");
  assert.equal(ann.client.unsent.length, 1);
  line.restore();
  const { seq, duplicate } = await late;
  assert.deepEqual({ seq, duplicate }, { seq: 10, duplicate: false });
  await ann.heard("10");
  assert.deepEqual(ann.texts("broken"), numbers(1, 10));
  const again = ann.events.find(({ type, again }) => type === "joined" && again);
  assert.deepEqual({ ...again }, { type: "joined", room: "broken", again: true, resumed: true, recovered: true, missed: 8, read: 0 });
  await bob.heard("10");
  assert.ok(!bob.events.some(({ type }) => type === "leave"));
});

test("a message whose reply was lost is published once", async () => {
  const ann = come(line.ws, { user: "Ann" });
  const bob = come(near(), { user: "Bob" });
  await bob.client.join("once");
  await ann.client.join("once");
  line.dropReplies();
  const sent = ann.client.publish("once", "only this");
  await bob.heard("only this");
  line.cut();
  line.restore();
  const { duplicate } = await sent;
  assert.equal(duplicate, true);
  await ann.heard("only this");
  await bob.client.publish("once", "end");
  await Promise.all([ann.heard("end"), bob.heard("end")]);
  assert.deepEqual(ann.texts("once"), ["only this", "end"]);
  assert.deepEqual(bob.texts("once"), ["only this", "end"]);
});

test("after a crash of the server, rooms are joined again from the last message seen", async () => {
  const own = await Server.start(...RATE);
  try {
    const url = `${own.http.replace("http", "ws")}/ws`;
    const ann = come(url, { user: "Ann" });
    await ann.client.join("killed");
    await ann.client.publish("killed", "before");
    await own.stop("SIGKILL");
    await ann.phase("waiting");
    const late = ann.client.publish("killed", "meanwhile");
    await own.restart();
    const post = { user: "cron", message: "while nobody looked" };
    const body = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(post) };
    await fetch(`${own.http}/api/v1/rooms/killed/messages`, body);
    assert.ok((await late).seq > 1);
    await ann.heard("meanwhile");
    await ann.heard("while nobody looked");
    assert.deepEqual(ann.texts("killed").sort(), ["before", "meanwhile", "while nobody looked"]);
    assert.ok(!ann.events.some(({ type }) => type === "gap"));
    for (const { client } of clients) client.close();
  } finally {
    await own.end();
  }
});

test("a gap reports what cannot be replayed, and what follows is complete", async () => {
  const own = await Server.start(...RATE, "--history", "5");
  try {
    const url = `${own.http.replace("http", "ws")}/ws`;
    const far = await Relay.to(own);
    const ann = come(far.ws, { user: "Ann" });
    const bob = come(url, { user: "Bob" });
    await bob.phase("online");
    await bob.client.request({ type: "create", room: "short", durable: false });
    await bob.client.join("short");
    await ann.client.join("short");
    await bob.client.publish("short", "1");
    await ann.heard("1");
    far.cut();
    await ann.phase("waiting");
    for (const text of numbers(2, 20)) await bob.client.publish("short", text);
    far.restore();
    const gap = await ann.until(({ type }) => type === "gap");
    assert.equal(gap.room, "short");
    await bob.client.publish("short", "21");
    await ann.heard("21");
    assert.equal(ann.texts("short").filter((text) => text === "21").length, 1);
    for (const { client } of clients) client.close();
    far.end();
  } finally {
    await own.end();
  }
});

test("a session that goes on behind a gap is sent the last value of each key, as a join is", async () => {
  const own = await Server.start(...RATE, "--history", "5");
  try {
    const far = await Relay.to(own);
    const ann = come(far.ws, { user: "Ann" });
    const bob = come(`${own.http.replace("http", "ws")}/ws`, { user: "Bob" });
    await bob.phase("online");
    await bob.client.request({ type: "create", room: "values", durable: false });
    await bob.client.join("values");
    await ann.client.join("values", { latest: true });
    const value = (key, text) => bob.client.publish("values", text, { key });
    for (const key of ["a", "b", "c"]) await value(key, `${key}1`);
    await ann.heard("c1");
    // Once as it is, and once with a connection that is lost before they come.
    for (const round of ["2", "3"]) {
      ann.forget();
      far.cut();
      await ann.phase("waiting");
      await value("b", `b${round}`);
      for (const text of numbers(1, 10)) await bob.client.publish("values", text);
      await value("a", `a${round}`);
      if (round === "3") far.cutAfter("server", 900);
      far.restore();
      await ann.until(({ type }) => type === "gap");
      await ann.heard(`a${round}`);
      await ann.until(({ message, key }) => key === "c" && message === "c1");
      const heard = ann.events.filter(({ type, key }) => type === "message" && key);
      const newest = Object.fromEntries(heard.map(({ key, message }) => [key, message]));
      assert.deepEqual(newest, { a: `a${round}`, b: `b${round}`, c: "c1" });
      assert.ok(heard.every(({ replayed }) => replayed));
    }
    ann.forget();
    await value("c", "c2");
    await ann.heard("c2");
    assert.deepEqual(ann.texts("values"), ["c2"]);
    for (const { client } of clients) client.close();
    far.end();
  } finally {
    await own.end();
  }
});

test("as many messages are on their way as the rate surely allows, and keep their order where it allows no more", async () => {
  const own = await Server.start("--rate-burst", "20", "--rate-per-s", "20");
  try {
    const far = await Relay.to(own);
    const [ann, bob] = [come(far.ws, { user: "Ann" }), come(`${own.http.replace("http", "ws")}/ws`, { user: "Bob" })];
    await Promise.all([ann.client.join("many"), bob.client.join("many")]);
    far.dropReplies();
    const sent = numbers(1, 40).map((text) => ann.client.publish("many", text));
    await bob.heard("20");
    assert.ok(!bob.texts("many").includes("21"), "it would be refused");
    far.cut();
    await ann.phase("waiting");
    far.restore();
    const replies = await Promise.all(sent);
    assert.equal(replies.filter(({ duplicate }) => duplicate).length, 20);
    await bob.heard("40");
    assert.deepEqual(bob.texts("many"), numbers(1, 40));
    for (const { client } of clients) client.close();
    far.end();
  } finally {
    await own.end();
  }
});

test("messages to a room with a rate that came into force meanwhile keep their order", async () => {
  const folder = await mkdtemp(`${tmpdir()}/roomd-rate-`);
  const config = `${folder}/roomd.toml`;
  await writeFile(config, "rate_per_s = 0\n");
  const own = await Server.start("--config", config);
  try {
    const far = await Relay.to(own);
    const [ann, bob] = [come(far.ws, { user: "Ann" }), come(`${own.http.replace("http", "ws")}/ws`, { user: "Bob" })];
    await Promise.all([ann.phase("online"), bob.phase("online")]);
    await writeFile(config, "rate_per_s = 0\nroom_rate_per_s = 20\n");
    await own.reload();
    assert.equal(ann.client.limits.room_rate, undefined, "it was told before");
    await Promise.all([bob.client.join("later"), ann.client.join("later")]);
    far.delay(100); // so several are on their way when the first is refused, and a token for the room flows in between
    for (const say of [(text) => ann.client.publish("later", text), (text) => ann.client.whisper("Bob", text)]) {
      const sent = [];
      for (const text of numbers(1, 50)) {
        sent.push(say(text));
        await pause(5);
      }
      await Promise.all(sent);
    }
    await bob.until(({ type, message }) => type === "message" && message === "50");
    await bob.until(({ type, message }) => type === "private" && message === "50");
    assert.deepEqual(bob.texts("later"), numbers(1, 50));
    assert.deepEqual(bob.events.filter(({ type }) => type === "private").map(({ message }) => message), numbers(1, 50));
    for (const { client } of clients) client.close();
    far.end();
  } finally {
    await own.end();
    await rm(folder, { recursive: true });
  }
});

test("private messages are delivered once, also over a lost connection", async () => {
  const ann = come(line.ws, { user: "Ann2" });
  const bob = come(near(), { user: "Bob2" });
  await Promise.all([ann.phase("online"), bob.phase("online")]);
  await bob.client.whisper("Ann2", "one");
  await ann.heard("one");
  line.cut();
  await ann.phase("waiting");
  await bob.client.whisper("Ann2", "two");
  line.restore();
  await ann.heard("two");
  await bob.client.whisper("Ann2", "three");
  await ann.heard("three");
  const told = ann.events.filter(({ type }) => type === "private").map(({ message }) => message);
  assert.deepEqual(told, ["one", "two", "three"]);
});

test("a rate limit pauses sending, keeps the order and loses nothing", async () => {
  const own = await Server.start("--rate-burst", "2", "--rate-per-s", "5");
  try {
    const ann = come(`${own.http.replace("http", "ws")}/ws`, { user: "Ann" });
    await ann.client.join("rate");
    await Promise.all(numbers(1, 12).map((text) => ann.client.publish("rate", text)));
    await ann.heard("12");
    assert.deepEqual(ann.texts("rate"), numbers(1, 12));
    const paused = ann.events.find(({ type }) => type === "paused");
    assert.equal(paused.code, "rate_limited");
    ann.client.close();
  } finally {
    await own.end();
  }
});

test("a refusal rejects with the server's code", async () => {
  const ann = come(near(), { user: "Ann" });
  await ann.phase("online");
  const refused = (code) => (error) => error instanceof RoomdError && error.code === code;
  await assert.rejects(ann.client.publish("never joined", "x"), refused("bad_request"));
  await assert.rejects(ann.client.publish("elsewhere", "x"), refused("not_member"));
  await assert.rejects(ann.client.join("no/name"), refused("bad_request"));
  await assert.rejects(ann.client.request({ type: "nonsense" }), refused("unknown_type"));
  await assert.rejects(ann.client.whisper("Nobody", "x"), refused("user_offline"));
  await ann.client.join("size");
  await assert.rejects(ann.client.publish("size", "x".repeat(65_537)), refused("too_large"));
  assert.equal((await ann.client.publish("size", `${"\u{1}".repeat(20_000)}.`)).seq, 1);
});

test("a message on a condition is published once, or refused with the newest", async () => {
  const ann = come(near(), { user: "Ann" });
  await ann.client.join("board");
  await ann.client.publish("board", "x", { if_seq: 0 });
  await assert.rejects(ann.client.publish("board", "o", { if_seq: 0 }), (error) => {
    assert.deepEqual([error.code, error.details.seq], ["conflict", 1]);
    return error instanceof RoomdError;
  });
  assert.equal((await ann.client.publish("board", "o", { if_seq: 1 })).seq, 2);
});

test("a latecomer is given the newest message of each key, also over a lost connection", async () => {
  const ann = come(near(), { user: "Ann" });
  await ann.client.join("prices");
  const say = (key, text, more) => ann.client.publish("prices", text, { key, ...more });
  await say("acme", "11");
  await say("dull", "7");
  await say("acme", "12", { if_key_seq: 1 });
  await say("dull", undefined, { deleted: true });
  const bob = come(line.ws, { user: "Bob" });
  const joined = await bob.client.join("prices", { latest: true });
  assert.deepEqual([joined.seq, joined.recovered], [4, true]);
  await bob.heard("12");
  line.cut();
  await say("acme", "13");
  line.restore();
  await bob.heard("13");
  // The tombstone came only if the line was cut before the values had settled.
  assert.deepEqual(bob.texts("prices").filter((text) => text), ["12", "13"]);
});

test("a message that is not stored reaches who is there, and neither hides nor repeats what is", async () => {
  const ann = come(near(), { user: "Ann" });
  const bob = come(near(), { user: "Bob" });
  for (const { client } of [ann, bob]) await client.join("arena");
  await ann.client.publish("arena", "kept");
  const { seq, store, number } = await ann.client.publish("arena", "left", { store: false });
  assert.deepEqual([seq, store, number], [1, false, 1]);
  await ann.client.publish("arena", "next");
  await bob.heard("next");
  assert.deepEqual(bob.texts("arena"), ["kept", "left", "next"]);
});

test("a message that was never sent can be retracted, and a closed client rejects requests", async () => {
  const ann = come(line.ws, { user: "Ann" });
  await ann.client.join("back");
  line.cut();
  await ann.phase("waiting");
  const regretted = ann.client.publish("back", "regretted", { mid: "m1" });
  assert.equal(ann.client.retract("m1"), true);
  assert.equal(ann.client.retract("m1"), false);
  await assert.rejects(regretted, { code: "retracted" });
  await assert.rejects(ann.client.request({ type: "rooms" }), { code: "interrupted" });
  assert.equal(ann.client.tell({ type: "typing", room: "back", typing: true }), false);
  ann.client.close();
  assert.equal(ann.client.state.phase, "closed");
});

test("a room that was left without a connection stays left", async () => {
  const ann = come(line.ws, { user: "Ann" });
  const bob = come(near(), { user: "Bob" });
  await bob.client.join("left");
  await ann.client.join("left");
  line.cut();
  await ann.phase("waiting");
  await ann.client.leave("left");
  line.restore();
  const leave = await bob.until(({ type, user }) => type === "leave" && user === "Ann");
  assert.equal(leave.room, "left");
  const again = await ann.client.join("left");
  assert.deepEqual(again.members, ["Ann", "Bob"]);
});

test("an unsent message is sent by another client with its mid, once", async () => {
  const first = come(line.ws, { user: "Ann" });
  await first.client.join("moved");
  line.cut();
  await first.phase("waiting");
  first.client.publish("moved", "typed before the reload").catch(() => {});
  const [{ mid, message }] = first.client.unsent;
  first.client.close();
  const second = come(near(), { user: "Ann" });
  await second.client.join("moved");
  const sent = await second.client.publish("moved", message, { mid });
  const again = await second.client.publish("moved", message, { mid });
  assert.deepEqual([sent.duplicate, again.duplicate, again.seq === sent.seq], [false, true, true]);
});

test("bytes arrive as they were sent, in binary frames and, from a server that knows none, in JSON", async () => {
  const { WebSocket } = require("ws");
  // As if the server did not know the sub-protocol.
  class JsonSocket extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols.filter((name) => name !== "roomd.v1.binary"));
    }
  }
  const ann = come(near(), { user: "Ann" });
  const bob = come(near(), { user: "Bob", WebSocket: JsonSocket });
  const all = Uint8Array.from({ length: 65_536 }, (_, i) => i % 256);
  for (const { client } of [ann, bob]) await client.join("bytes");
  const few = Uint8Array.of(0, 1, 255);
  const sending = ann.client.publish("bytes", few, { key: "state" });
  few[0] = 7; // what is sent is what it was
  const { seq } = await sending;
  await bob.client.publish("bytes", all);
  await bob.client.whisper("Ann", Uint8Array.of(9));
  for (const each of [ann, bob]) {
    const { events, client } = each;
    await each.until(({ type, data }) => type === "private" && data.length === 1 && data[0] === 9);
    const said = events.filter(({ type }) => type === "message");
    assert.deepEqual(said.map(({ data }) => data), [Uint8Array.of(0, 1, 255), all]);
    assert.deepEqual([said[0].key, said[0].message], ["state", undefined]);
    const { messages } = await client.request({ type: "history", room: "bytes" });
    assert.deepEqual(messages.map(({ data }) => data), [Uint8Array.of(0, 1, 255), all]);
  }
  await ann.client.request({ type: "edit", room: "bytes", seq, data: Uint8Array.of(5) });
  for (const each of [ann, bob]) assert.deepEqual((await each.until(({ type }) => type === "edit")).data, Uint8Array.of(5));
  await assert.rejects(ann.client.publish("bytes", new Uint8Array(65_537)), { code: "too_large", message: "The message is 1 byte too long" });
  await assert.rejects(ann.client.publish("bytes", new Uint8Array(0)), { code: "bad_request" });
});
