// Loading older messages of a conversation until one of them is here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageHistory } from "../../../src/page/message-history.js";
import { Room } from "../../../src/page/room.js";

const message = (seq) => ({ seq, user: "Bob", message: `m${seq}`, at: "2026-01-01T00:00:00Z" });

test("a message is found although a page is on its way that was asked for before the first message was here", async () => {
  const room = new Room("room", "long");
  const answers = [];
  const client = { request: ({ before = 401, limit }) => new Promise((resolve) => answers.push(() => resolve({ epoch: "e", messages: Array.from({ length: Math.min(limit, before - 1) }, (_, i) => message(Math.max(1, before - limit) + i)), complete: before <= limit + 1 }))) };
  const history = new MessageHistory({ client, connection: { phase: "online" }, changed() {}, me: "Ann" });
  const early = history.loadOlder(room); // the room is joined, and nothing of it has arrived
  room.enter({ epoch: "e", seq: 400 });
  for (let seq = 351; seq <= 400; seq++) room.receive({ seq, user: "Bob", text: `m${seq}`, at: "2026-01-01T00:00:00Z" }, "Ann");
  const found = history.loadUntil(room, 7);
  const answering = setInterval(() => answers.splice(0).forEach((answer) => answer()));
  assert.equal(await found, 7);
  clearInterval(answering);
  await early;
});
