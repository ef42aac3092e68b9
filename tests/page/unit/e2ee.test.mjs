// End-to-end encryption between devices in memory; the test passes the messages.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Encryption, KeyMissing, memoryStore } from "../../../src/page/e2ee.js";

const ROOM = "plans";
let marks = 0;
let numbers = 0;
const place = (user, more = {}) => ({ room: ROOM, user, mid: `m${++marks}`, ...more });

/** A device with the room's key, under a name. */
async function device(user, fragment, store = memoryStore()) {
  const encryption = await Encryption.load(store);
  const given = fragment && (await encryption.useFragment(ROOM, fragment));
  assert.ok(!fragment || given === "taken" || given === "same");
  return { encryption, user, store };
}

async function founded(...users) {
  const [first, ...others] = users;
  const founder = await device(first);
  const fragment = await founder.encryption.create(ROOM);
  return [fragment, founder, ...(await Promise.all(others.map((user) => device(user, fragment))))];
}

/** Says something from one device; what each of the others sees. */
async function say(from, text, ...readers) {
  const at = place(from.user);
  const cipher = await from.encryption.seal(at, { text });
  return show(at, cipher, ...readers);
}

async function show(at, cipher, ...readers) {
  const sent = { ...at, seq: ++numbers };
  const seen = await Promise.all(readers.map(({ encryption }) => encryption.open(sent, structuredClone(cipher))));
  return readers.length === 1 ? seen[0] : seen;
}

async function introduce(devices) {
  for (const each of devices) {
    const at = place(each.user);
    await show(at, await each.encryption.announce(at), ...devices);
  }
}

test("a device with the link decrypts, and one with another does not", async () => {
  const [, ann, bob] = await founded("Ann", "Bob");
  const [, carl] = await founded("Carl");
  const at = place("Ann");
  const cipher = await ann.encryption.seal(at, { text: "meet at six" });
  const [own, opened, strange] = await show(at, cipher, ann, bob, carl);
  assert.equal(opened.text, "meet at six");
  assert.deepEqual([opened.state, opened.device.trust], ["encrypted", "known"]);
  assert.equal(own.state, "verified");
  assert.deepEqual(strange, { state: "unreadable", reason: "no-key" });
  assert.ok(!JSON.stringify(cipher).includes("six"));
});

test("lengths are hidden up to a block, and no two ciphertexts are equal", async () => {
  const [, ann] = await founded("Ann");
  const at = place("Ann");
  const [yes, no] = await Promise.all(["yes", "no"].map((text) => ann.encryption.seal(at, { text })));
  assert.equal(yes.ct.length, no.ct.length);
  const again = await ann.encryption.seal(at, { text: "yes" });
  assert.notEqual(again.ct, yes.ct);
  assert.notEqual(again.iv, yes.iv);
});

test("a message decrypts only in its own context", async () => {
  const [, ann, bob] = await founded("Ann", "Bob");
  const at = place("Ann");
  const cipher = await ann.encryption.seal(at, { text: "yes" });
  for (const change of [{ user: "Bob" }, { mid: "other" }, { edit: true }]) {
    assert.equal((await show({ ...at, ...change }, cipher, bob)).reason, "damaged", JSON.stringify(change));
  }
  assert.equal((await show(at, cipher, bob)).text, "yes");
});

test("a message that is replayed with another seq is detected", async () => {
  const [, ann, bob] = await founded("Ann", "Bob");
  const at = place("Ann");
  const cipher = await ann.encryption.seal(at, { text: "send 100" });
  assert.equal((await show(at, cipher, bob)).text, "send 100");
  assert.deepEqual(await show(at, cipher, bob), { state: "unreadable", reason: "repeated" });
  // The same seq again is history.
  const sent = { ...at, seq: numbers - 1 };
  assert.equal((await bob.encryption.open(sent, cipher)).text, "send 100");
});

test("an invalid cipher is unreadable, not an exception", async () => {
  const [, ann] = await founded("Ann");
  for (const cipher of [undefined, null, 7, "x", [], {}, { alg: "A256GCM" }, { alg: "A256GCM", kid: {}, iv: [], ct: 1 }]) {
    assert.equal((await show(place("Bob"), cipher, ann)).state, "unreadable");
  }
});

test("an edit is bound to its message and is not valid as a message", async () => {
  const [, ann, bob] = await founded("Ann", "Bob");
  const at = place("Ann");
  const edit = await ann.encryption.seal({ ...at, edit: true }, { text: "seven" });
  assert.equal((await show({ ...at, edit: true }, edit, bob)).text, "seven");
  assert.equal((await show(at, edit, bob)).reason, "damaged");
});

test("the first device of a user is known, a second is new until the user decides", async () => {
  const [fragment, ann, bob] = await founded("Ann", "Bob");
  const impostor = await device("Ann", fragment);
  assert.equal((await say(ann, "hi", bob)).device.trust, "known");
  const strange = await say(impostor, "I am Ann", bob);
  assert.deepEqual([strange.state, strange.device.trust], ["encrypted", "new"]);
  assert.ok(await bob.encryption.trust("Ann", strange.device.id, "known"));
  assert.equal((await say(impostor, "from my phone", bob)).device.trust, "known");
  assert.equal(await bob.encryption.trust("Ann", "nobody's", "verified"), false);
});

test("two users see the same safety number, and an impostor's differs", async () => {
  const [fragment, ann, bob] = await founded("Ann", "Bob");
  const impostor = await device("Ann", fragment);
  const { id: ofAnn } = (await say(ann, "hi", bob)).device;
  const { id: ofBob } = (await say(bob, "hi", ann)).device;
  const { id: ofImpostor } = (await say(impostor, "hi", bob)).device;
  const number = await bob.encryption.safetyNumber("Bob", "Ann", ofAnn);
  assert.match(number, /^(\d{5} ){11}\d{5}$/);
  assert.equal(await ann.encryption.safetyNumber("Ann", "Bob", ofBob), number);
  assert.notEqual(await bob.encryption.safetyNumber("Bob", "Ann", ofImpostor), number);
  await bob.encryption.trust("Ann", ofAnn, "verified");
  assert.equal((await say(ann, "hi again", bob)).state, "verified");
  assert.equal((await say(impostor, "hi again", bob)).state, "encrypted");
});

test("a different key is accepted only with replace", async () => {
  const [fragment, ann] = await founded("Ann");
  const [foreign] = await founded("Mallory");
  assert.equal(await ann.encryption.useFragment(ROOM, fragment), "same");
  assert.equal(await ann.encryption.useFragment(ROOM, foreign), "other");
  assert.equal(await ann.encryption.usePassphrase(ROOM, "a good long passphrase"), "other");
  assert.equal(await ann.encryption.useFragment(ROOM, "#section-2"), "none");
  assert.equal(await ann.encryption.useFragment(ROOM, foreign, { replace: true }), "taken");
  assert.equal(await ann.encryption.useFragment(ROOM, fragment), "older");
  await assert.rejects(ann.encryption.create(ROOM));
});

test("a passphrase gives the same key on each device, and a short one is refused", async () => {
  const [ann, bob, carl] = await Promise.all(["Ann", "Bob", "Carl"].map((user) => device(user)));
  assert.equal(await ann.encryption.usePassphrase(ROOM, "Zwölf große Vögel"), "taken");
  assert.equal(await bob.encryption.usePassphrase(ROOM, " Zwo\u0308lf große Vo\u0308gel\n"), "taken");
  assert.equal(await carl.encryption.usePassphrase(ROOM, "Zwölf kleine Vögel"), "taken");
  const [read, refused] = await say(ann, "hi", bob, carl);
  assert.deepEqual([read.text, refused.reason], ["hi", "no-key"]);
  assert.equal(await ann.encryption.usePassphrase(ROOM, "Zwölf große Vögel"), "same");
  await assert.rejects(ann.encryption.usePassphrase("x", "1234567"), RangeError);
});

test("keys survive a reload, and can be forgotten", async () => {
  const [fragment, ann, bob] = await founded("Ann", "Bob");
  assert.equal((await say(ann, "one", bob)).text, "one");
  const again = await device("Bob", undefined, bob.store);
  assert.equal((await say(ann, "two", again)).text, "two");
  assert.equal((await say(ann, "two", again)).device.trust, "known");
  await again.encryption.forget(ROOM);
  assert.equal(await again.encryption.keyState(ROOM), "plain");
  assert.equal((await say(ann, "three", again)).reason, "no-key");
  await assert.rejects(again.encryption.seal(place("Bob"), { text: "x" }), KeyMissing);
  assert.equal(await again.encryption.useFragment(ROOM, fragment), "taken");
});

test("two tabs that start at once are one device", async () => {
  const store = memoryStore();
  const [one, two] = await Promise.all([device("Ann", undefined, store), device("Ann", undefined, store)]);
  const fragment = await one.encryption.create(ROOM);
  const bob = await device("Bob", fragment);
  const first = await say(one, "a", bob);
  assert.equal((await say(two, "b", bob)).device.id, first.device.id);
});

test("a text that just fits is as long as the server allows, and one byte more does not fit", async () => {
  const [, ann, bob] = await founded("Ann", "Bob");
  for (const limit of [1_000, 65_536]) {
    let text = "x".repeat(limit);
    text = text.slice(ann.encryption.excess(text, limit));
    while (ann.encryption.excess(`${text}x`, limit) <= 0) text += "x";
    const at = place("Ann");
    const cipher = await ann.encryption.seal(at, { text });
    assert.ok(JSON.stringify(cipher).length <= limit);
    assert.ok(JSON.stringify(cipher).length > limit - 200, `${JSON.stringify(cipher).length} of ${limit}`);
    assert.equal((await show(at, cipher, bob)).text, text);
  }
});

test("a new key reaches known devices and not a removed user", async () => {
  const [fragment, ann, bob, carl] = await founded("Ann", "Bob", "Carl");
  await introduce([ann, bob, carl]);
  const at = place("Ann");
  const rotation = await ann.encryption.rotate(at, ["Ann", "Bob", "Dora"]);
  assert.deepEqual(rotation.missing, ["Dora"]);
  // Until its message comes back, the old key stays current.
  assert.equal((await say(ann, "still the old one", carl)).text, "still the old one");
  const [own, forBob, forCarl] = await show(at, rotation.cipher, ann, bob, carl);
  for (const each of [own, forBob]) assert.deepEqual(each.rekey, { kid: rotation.kid, adopted: true });
  assert.deepEqual(forCarl.rekey, { kid: rotation.kid, adopted: false });
  const [read, removed] = await say(bob, "without Carl", ann, carl);
  assert.deepEqual([read.text, removed.reason], ["without Carl", "no-key"]);
  // The removed user does not encrypt with the old key by mistake.
  assert.equal(await carl.encryption.keyState(ROOM), "superseded");
  await assert.rejects(carl.encryption.seal(place("Carl"), { text: "x" }), KeyMissing);
  // A user with the new link reads new messages, and no earlier ones.
  const dora = await device("Dora", rotation.fragment);
  assert.equal((await say(ann, "welcome", dora)).text, "welcome");
  // The announced successor is accepted without replace; the old link is not.
  assert.equal(await carl.encryption.useFragment(ROOM, rotation.fragment), "taken");
  assert.equal(await bob.encryption.useFragment(ROOM, fragment), "older");
});

test("of two new keys made at once, the first in the room is adopted by all", async () => {
  const [, ann, bob, carl] = await founded("Ann", "Bob", "Carl");
  await introduce([ann, bob, carl]);
  const everybody = ["Ann", "Bob", "Carl"];
  const [atAnn, atBob] = [place("Ann"), place("Bob")];
  const fromAnn = await ann.encryption.rotate(atAnn, everybody);
  const fromBob = await bob.encryption.rotate(atBob, everybody);
  const first = await show(atAnn, fromAnn.cipher, ann, bob, carl);
  const second = await show(atBob, fromBob.cipher, ann, bob, carl);
  assert.ok(first.every(({ rekey }) => rekey.adopted));
  assert.ok(second.every(({ rekey }) => !rekey.adopted));
  for (const each of await say(carl, "one key", ann, bob)) assert.equal(each.text, "one key");
});

test("a removed device cannot replace the key, and its later messages are marked", async () => {
  const [fragment, ann, bob, mallory] = await founded("Ann", "Bob", "Mallory");
  await introduce([ann, bob, mallory]);
  const late = place("Mallory");
  const lateCipher = await mallory.encryption.seal(late, { text: "still here" });
  const fake = place("Mallory");
  const takeover = await mallory.encryption.rotate(fake, ["Ann", "Bob", "Mallory"]);
  const at = place("Ann");
  const rotation = await ann.encryption.rotate(at, ["Ann", "Bob"]);
  await show(at, rotation.cipher, ann, bob);
  const seen = await show(fake, takeover.cipher, bob);
  assert.equal(seen.rekey.adopted, false);
  assert.equal((await show(late, lateCipher, bob)).late, true);
  assert.equal((await say(bob, "safe", ann)).text, "safe");
  // Nor can an unknown device.
  const stranger = await device("Ann", fragment);
  const carl = await device("Carl", fragment);
  await say(mallory, "hi", carl);
  const strange = place("Mallory");
  const impostor = { ...stranger, user: "Mallory" };
  const theirs = await impostor.encryption.rotate(strange, ["Carl", "Mallory"]);
  const met = await show(strange, theirs.cipher, carl);
  assert.deepEqual([met.device.trust, met.rekey.adopted], ["new", false]);
  assert.equal(await carl.encryption.keyState(ROOM), "ready");
});

test("the room can change to a passphrase", async () => {
  const [, ann, bob] = await founded("Ann", "Bob");
  await introduce([ann, bob]);
  const at = place("Ann");
  const passphrase = "eleven quiet lamps";
  const { cipher } = await ann.encryption.rotate(at, ["Ann", "Bob"], { passphrase });
  await show(at, cipher, ann, bob);
  // A newcomer counts this key as the room's first, and the others as the second: it is the same key.
  const carl = await device("Carl");
  assert.equal(await carl.encryption.usePassphrase(ROOM, passphrase), "taken");
  assert.equal((await say(bob, "hi", carl)).text, "hi");
  assert.equal((await say(carl, "hi", bob)).text, "hi");
  await introduce([ann, bob, carl]);
  const next = place("Carl");
  const rotation = await carl.encryption.rotate(next, ["Ann", "Bob", "Carl"]);
  const seen = await show(next, rotation.cipher, ann, bob, carl);
  assert.ok(seen.every(({ rekey }) => rekey.adopted));
});

test("messages after a new key decrypt without waiting for it", async () => {
  const [, ann, bob] = await founded("Ann", "Bob");
  await introduce([ann, bob]);
  const at = { ...place("Ann"), seq: ++numbers };
  const { cipher } = await ann.encryption.rotate(at, ["Ann", "Bob"]);
  await ann.encryption.open(at, cipher);
  const after = { ...place("Ann"), seq: ++numbers };
  const text = await ann.encryption.seal(after, { text: "at once" });
  const [, second] = await Promise.all([bob.encryption.open(at, cipher), bob.encryption.open(after, text)]);
  assert.equal(second.text, "at once");
});
