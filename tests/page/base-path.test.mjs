// The page below a path: what it loads, its connection, its addresses, and what it stores for itself alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fixtures, RATE } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();

test("the page, its connection and its addresses are below the path at which a proxy serves it", async () => {
  const host = await server(...RATE, "--base-path", "/chat");
  const bob = client(host, "Bob");
  await bob.client.join("garden");
  const ann = await person();
  const asked = [];
  ann.page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  ann.page.on("websocket", (socket) => asked.push(new URL(socket.url()).pathname));
  await ann.enter(`${host.http}/chat/chat/garden`, "Ann");
  await ann.say("hello from below");
  await bob.heard("hello from below");
  await bob.client.publish("garden", "and back");
  await ann.row("and back").waitFor();
  await ann.page.getByRole("button", { name: "Open or create a room" }).click();
  await ann.page.getByLabel("Room name").fill("shed");
  await ann.page.keyboard.press("Enter");
  await ann.page.waitForURL(`${host.http}/chat/chat/shed`);
  await ann.page.goBack();
  await ann.page.waitForURL(`${host.http}/chat/chat/garden`);
  await ann.row("and back").waitFor();
  assert.ok(asked.includes("/chat/ws") && asked.includes("/chat/assets/lazy.css"), asked.join(" "));
  assert.deepEqual(asked.filter((path) => !path.startsWith("/chat/")), []);
  const stored = await ann.page.evaluate(() => Object.keys(localStorage));
  assert.ok(stored.length > 0 && stored.every((key) => key.startsWith("roomd/chat/.")), stored.join(" "));
  faultless();
});
