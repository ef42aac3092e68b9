// The state of a conversation.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Room } from "../../../src/page/room.js";
import { numbersFrom } from "../harness/random.mjs";

const message = (seq, more) => ({ seq, user: "Bob", text: `t${seq}`, at: "2026-01-01T00:00:00Z", ...more });
const seqs = (room) => room.entries.map(({ seq, notice }) => seq ?? notice);

function opened(seq = 0) {
  const room = new Room("room", "r");
  room.enter({ epoch: "e", seq, members: ["Ann", "Bob"], count: 2 });
  return room;
}

test("messages are in the server's order, each seq once", () => {
  const room = opened();
  for (const seq of [1, 2, 5, 3, 3, 4, 1]) room.receive(message(seq), "Ann");
  assert.deepEqual(seqs(room), [1, 2, 3, 4, 5]);
  assert.equal(room.indexOf(4), 3);
  assert.equal(room.indexOf(6), -1);
});

test("a notice stays after the message that it followed", () => {
  const room = opened();
  room.receive(message(3), "Ann");
  room.addMembershipNotice("Cleo", "join", "t");
  room.receive(message(4), "Ann");
  room.receive(message(2), "Ann");
  room.prepend([message(1)], true);
  assert.deepEqual(seqs(room), [1, 2, 3, "membership", 4]);
  assert.equal(room.indexOf(4), 4);
});

test("adjacent notices do not change the order of messages or their lookup", () => {
  const room = opened();
  for (const text of ["invited", "muted", "unmuted"]) room.addNotice(text, "t");
  room.addMembershipNotice("Cleo", "join", "t");
  for (const seq of [2, 1]) room.receive(message(seq), "Ann");
  assert.deepEqual(seqs(room), ["text", "text", "text", "membership", 1, 2]);
  room.edit({ seq: 1, text: "other" });
  assert.equal(room.bySeq(1).text, "other");
});

test("a notice that came before the history stays after it", () => {
  const room = opened(3);
  room.addMembershipNotice("Cleo", "join", "t");
  room.prepend([message(4)], false);
  assert.deepEqual(seqs(room), [4, "membership"]);
  assert.equal(room.bySeq(4)?.seq, 4);
  room.receive(message(5), "Ann");
  room.prepend([message(3)], true);
  assert.deepEqual(seqs(room), [3, 4, "membership", 5]);
});

test("joins and leaves without a message between them are one notice", () => {
  const room = opened();
  for (const [user, kind] of [["A", "join"], ["B", "join"], ["A", "leave"], ["C", "leave"]]) room.addMembershipNotice(user, kind, "t");
  assert.equal(room.entries.length, 1);
  const changes = [...room.entries[0].changes].map(([user, { first, last }]) => `${user} ${first} ${last}`);
  assert.deepEqual(changes, ["A join leave", "B join join", "C leave leave"]);
});

test("an own message is confirmed once, whether its reply or its event comes first", () => {
  for (const eventFirst of [true, false]) {
    const room = opened();
    room.addUnsent({ user: "Ann", text: "hi", mid: "m", at: "t" });
    assert.equal(room.last.state, "waiting");
    const event = () => room.receive(message(1, { user: "Ann", text: "hi", mid: "m" }), "Ann");
    const answer = () => room.confirm("m", { seq: 1, at: "t" }, "Ann");
    for (const step of eventFirst ? [event, answer] : [answer, event]) step();
    assert.deepEqual([seqs(room), room.unsent.length, room.unread, room.entries[0].state], [[1], 0, 0, undefined]);
  }
});

test("unread messages are counted once, over joins and replays", () => {
  const room = new Room("room", "r");
  room.read = 3;
  room.enter({ epoch: "e", seq: 5, members: [] });
  assert.equal(room.unread, 2);
  for (const seq of [4, 5, 6]) room.receive(message(seq), "Ann");
  assert.equal(room.unread, 3);
  assert.equal(room.markRead(), true);
  assert.equal(room.markRead(), false);
  assert.deepEqual([room.unread, room.read], [0, 6]);
});

// The same by what arrives and by what is loaded, whatever happened to the messages.
test("what was deleted, reactions and what the user said are not unread", () => {
  const history = [message(4), message(5), message(6, { reactTo: 4, text: "+1" }), message(7, { deleted: true, text: "" }), message(8, { cipher: {} })];
  const live = opened(3);
  for (const each of history) live.receive({ ...each, deleted: undefined }, "Ann");
  live.edit({ seq: 7, text: "", deleted: true });
  const joined = () => {
    const room = new Room("room", "r");
    room.read = 3;
    room.enter({ epoch: "e", seq: 8, members: [] });
    return room;
  };
  const replayed = joined();
  for (const each of history) replayed.receive({ ...each }, "Ann");
  const loaded = joined();
  assert.equal(loaded.unread, 5, "only the numbers are known");
  loaded.receive({ ...history.at(-1) }, "Ann");
  assert.deepEqual([loaded.unread, loaded.unreadUnknown], [5, 4]);
  loaded.prepend(history.slice(0, -1), false, "Ann");
  const announced = { state: "encrypted" }; // a message of an encrypting device, without text
  for (const room of [live, replayed, loaded]) {
    assert.deepEqual([room.unread, room.unreadUnknown], [3, 0]);
    room.setDecrypted(8, room.bySeq(8).cipher, announced);
    assert.equal(room.unread, 2);
    room.edit({ seq: 5, text: "", deleted: true });
    assert.equal(room.unread, 1);
  }
  // Said from another device: what came before it is read.
  const other = joined();
  other.receive(message(8), "Ann");
  other.prepend([message(5), message(6, { user: "Ann" }), message(7)], false, "Ann");
  assert.equal(other.unread, 2);
  // Retention has removed the others.
  const pruned = joined();
  pruned.prepend([message(8)], true, "Ann");
  assert.equal(pruned.unread, 1);
});

test("what was read on another device is read", () => {
  const room = new Room("room", "r");
  room.enter({ epoch: "e", seq: 9, members: [], read: 7 });
  assert.equal(room.unread, 2);
  room.enter({ epoch: "e", seq: 9, members: [], read: 4 });
  assert.equal(room.unread, 2);
  room.markRead(8);
  assert.equal(room.unread, 1);
});

test("the first private message is unread", () => {
  const room = new Room("private", "Bob", "dm:Ann:Bob");
  room.receive(message(12), "Ann");
  assert.equal(room.unread, 1);
});

test("a room that was never joined has nothing unread", () => {
  const room = new Room("room", "r");
  assert.equal(room.markRead(), false); // shown before it was joined
  room.enter({ epoch: "e", seq: 3, members: [] });
  assert.equal(room.unread, 0);
  assert.equal(opened(40).unread, 0);
});

test("a new epoch starts over", () => {
  const room = opened();
  room.receive(message(7), "Ann");
  room.enter({ epoch: "f", seq: 2, members: [] });
  assert.deepEqual([seqs(room), room.newest, room.read], [[], 2, 2]);
});

test("a receipt covers the messages up to its seq", () => {
  const room = opened();
  room.addReceipt({ user: "Bob", status: "read", seq: 2 });
  room.addReceipt({ user: "Bob", status: "written", seq: 5 });
  room.addReceipt({ user: "Cleo", status: "received", seq: 4 });
  assert.deepEqual(room.receiptsOf(2), { read: ["Bob"], received: ["Cleo"], written: [] });
  assert.deepEqual(room.receiptsOf(4), { read: [], received: ["Cleo"], written: ["Bob"] });
  assert.deepEqual(room.receiptsOf(6), { read: [], received: [], written: [] });
});

test("an edit replaces the entry, so that views can compare", () => {
  const room = opened();
  room.receive(message(1), "Ann");
  const [before] = room.entries;
  room.edit({ seq: 1, text: "other", edited: "t" });
  assert.notEqual(room.entries[0], before);
  assert.deepEqual([room.entries[0].text, room.entries[0].id], ["other", before.id]);
  room.edit({ seq: 9, text: "absent" });
});

test("reactions belong to their message, in whatever order they arrive, and are not unread", () => {
  const room = opened(0);
  room.receive(message(1), "Ann");
  room.markRead();
  room.receive(message(2, { reactTo: 1, text: "+1" }), "Ann");
  assert.deepEqual([room.entries.length, room.unread, room.newest], [1, 0, 2]);
  room.prepend([message(0, { reactTo: 1, text: "-1" })], true);
  assert.deepEqual([...room.reactions.get(1).values()].map(({ text }) => text), ["+1", "-1"]);
  const before = room.reactions.get(1);
  room.edit({ seq: 2, deleted: true });
  assert.notEqual(room.reactions.get(1), before);
  assert.deepEqual([...room.reactions.get(1).keys()], [0]);
});

test("a page of history that contains only reactions is counted as loaded", () => {
  const room = opened(9);
  room.receive(message(9, { replayed: true }), "Ann");
  room.prepend([message(7, { reactTo: 1, text: "+1" }), message(8, { reactTo: 1, text: "+1" })], false);
  assert.equal(room.oldest, 7);
});

// A room that receives a history in pieces, between notices, edits and own messages, shows exactly that history:
// each message once, in its place and in its current version.
test("in whatever order events arrive, the room shows what the server has", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = numbersFrom(seed * 0x9e3779b9 || 1);
    const history = Array.from({ length: 40 }, (_, i) => (random(6) === 0 && i > 0 ? message(i + 1, { reactTo: 1 + random(i), text: "+1" }) : message(i + 1, { user: random(3) === 0 ? "Ann" : "Bob", mid: `m${i + 1}` })));
    let [newest, oldest] = [random(20), undefined];
    oldest = newest + 1;
    const room = opened(newest);
    const done = [];
    const step = {
      live() {
        if (newest === history.length) return;
        const next = history[newest++];
        if (next.user === "Ann" && next.reactTo === undefined && random(2)) room.addUnsent({ user: "Ann", text: next.text, mid: next.mid, at: next.at });
        if (next.user === "Ann" && random(2)) room.confirm(next.mid, next, "Ann");
        room.receive({ ...next }, "Ann");
        if (random(4) === 0) room.receive({ ...next }, "Ann"); // replayed by a resume
      },
      older() {
        const page = history.slice(Math.max(0, oldest - 1 - (1 + random(8))), oldest - 1);
        oldest = page[0]?.seq ?? 1;
        room.prepend(page.map((each) => ({ ...each })), oldest === 1);
      },
      edit() {
        if (newest === 0) return;
        const about = history[random(newest)];
        const change = random(3) === 0 ? { text: "", deleted: true } : { text: `${about.text}'` };
        if (about.reactTo !== undefined && !change.deleted) return;
        Object.assign(about, change);
        room.edit({ seq: about.seq, ...change });
      },
      note: () => room.addNotice("a note", "t"),
      move: () => room.addMembershipNotice(["Cleo", "Dora"][random(2)], ["join", "leave"][random(2)], "t"),
      trim() {
        if (room.entries.length < 20) return;
        room.trim(10);
        oldest = room.oldest ?? newest + 1; // only notices are left
      },
    };
    const look = (whole) => {
      const said = `seed ${seed}: ${done.join(" ")}`;
      const shown = room.entries.filter(({ seq }) => seq !== undefined);
      const wanted = history.slice(whole ? 0 : oldest - 1, newest).filter(({ reactTo }) => reactTo === undefined);
      const sayings = (all) => all.map(({ seq, text, deleted }) => `${seq} ${text}${deleted ? " gone" : ""}`);
      assert.deepEqual(sayings(shown), sayings(wanted), said);
      for (const { seq } of wanted) assert.equal(room.bySeq(seq)?.seq, seq, said);
      for (const { seq, reactTo, deleted } of history.slice(oldest - 1, newest)) {
        if (reactTo !== undefined) assert.equal(room.reactions.get(reactTo)?.has(seq) ?? false, !deleted, said);
      }
      assert.equal(room.unsent.length, 0, said);
    };
    for (let steps = 0; steps < 60; steps++) {
      const names = Object.keys(step);
      done.push(names[random(names.length)]);
      step[done.at(-1)]();
      look(false);
    }
    while (oldest > 1) step.older();
    look(true);
  }
});
