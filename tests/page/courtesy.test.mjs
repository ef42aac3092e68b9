// What the page tells others, and what it leaves one in peace with.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();

test("a reload tells nobody that one left, and leaving does", async () => {
  const host = await server();
  const ann = await (await person()).enter(`${host.http}/chat/general`, "Ann");
  const bob = await (await person()).enter(`${host.http}/chat/general`, "Bob");
  const watcher = client(host, "Watcher");
  await watcher.client.join("general");
  await ann.page.locator(".notice", { hasText: "Watcher" }).waitFor();
  watcher.forget();
  await bob.page.reload();
  await watcher.until(({ type, user }) => type === "join" && user === "Bob");
  await bob.say("here again");
  await ann.row("here again").waitFor();
  await bob.page.getByRole("button", { name: "Leave general" }).click();
  await bob.page.getByRole("dialog").getByText("You can come back").waitFor();
  await bob.page.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
  await ann.page.locator(".notice", { hasText: /Bob left/ }).waitFor();
  assert.equal(await ann.page.locator(".notice", { hasText: "came back" }).count(), 0);
  // A reload does not lead back.
  assert.notEqual(new URL(bob.page.url()).pathname, "/chat/general");
  await bob.page.reload();
  await bob.page.locator(".me", { hasText: "Online" }).waitFor();
  assert.equal(await bob.conversation("general").count(), 0);
  faultless();
});

test("a room that is set to nothing says so in the list, and a mention there is not loud", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("busy");
  const ann = await (await person()).enter(`${host.http}/chat/busy`, "Ann");
  const { page } = ann;
  await page.getByRole("button", { name: "about this room" }).click();
  await page.getByLabel("Notify me of").selectOption("nothing");
  await page.keyboard.press("Escape");
  await ann.conversation("busy").getByRole("img", { name: "Notifies you of nothing" }).waitFor();
  await page.goto(`${host.http}/chat/calm`);
  await page.getByRole("heading", { name: "calm" }).waitFor();
  await ann.conversation("busy").waitFor();
  await bob.until(({ type, user }) => type === "join" && user === "Ann");
  await bob.client.publish("busy", "hey @Ann");
  await ann.conversation("busy").locator(".count", { hasText: "@" }).waitFor();
  assert.equal(await ann.conversation("busy").locator(".count:not(.quiet-count)").count(), 0);
  faultless();
});

test("a right click on a conversation, or its key, opens the menu of that conversation", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("busy");
  await bob.client.publish("busy", "first");
  const ann = await (await person()).enter(`${host.http}/chat/busy`, "Ann");
  const { page } = ann;
  await ann.row("first").waitFor();
  await page.goto(`${host.http}/chat/calm`);
  await ann.conversation("busy").getByText("Bob: first").waitFor();
  await bob.client.publish("busy", "second");
  await ann.conversation("busy").locator(".count").waitFor();
  await ann.conversation("busy").click({ button: "right" });
  const menu = page.getByRole("menu", { name: "busy" });
  await menu.getByRole("menuitem", { name: "Mark as read" }).click();
  await menu.waitFor({ state: "detached" });
  await ann.conversation("busy").locator(".count").waitFor({ state: "detached" });
  assert.ok(await page.getByRole("heading", { name: "calm" }).isVisible(), "the other conversation is still open");
  await ann.conversation("busy").press("Shift+F10");
  await menu.getByRole("menuitem", { name: "About this room…" }).waitFor();
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  await eventually(focused, (text) => assert.equal(text, "About this room…"));
  await page.keyboard.press("End");
  await eventually(focused, (text) => assert.equal(text, "Leave this room…"));
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await ann.conversation("busy").getByRole("img", { name: "Notifies you of nothing" }).waitFor();
  await ann.conversation("busy").click({ button: "right" });
  await menu.getByRole("menuitemradio", { name: "Notify me of nothing", checked: true }).waitFor();
  await page.keyboard.press("Escape");
  await menu.waitFor({ state: "detached" });
  faultless();
});

test("a tick tells whether all have read a message, or how many", async () => {
  const host = await server();
  const ann = await (await person()).enter(`${host.http}/chat/general`, "Ann");
  const [bob, cleo] = [client(host, "Bob"), client(host, "Cleo")];
  for (const { client } of [bob, cleo]) await client.join("general");
  await ann.say("have you seen this?");
  await ann.sent("have you seen this?");
  const tick = ann.row("have you seen this?").locator(".tick");
  bob.client.tell({ type: "read", room: "general", seq: 1 });
  await eventually(() => tick.getAttribute("data-level"), (level) => assert.equal(level, "some"));
  assert.match(await tick.innerText(), /^1/);
  assert.match(await tick.getAttribute("aria-label"), /^Read by Bob/);
  cleo.client.tell({ type: "read", room: "general", seq: 1 });
  await eventually(() => tick.getAttribute("data-level"), (level) => assert.equal(level, "read"));
  assert.match(await tick.getAttribute("aria-label"), /^Read by all: /);
  faultless();
});

test("Ctrl+K finds people, and says what Enter does", async () => {
  const host = await server();
  const bob = client(host, "Annika");
  await bob.client.join("general");
  const { page } = await (await person()).enter(`${host.http}/chat/general`, "Ann");
  await page.locator(".members").getByText("Annika").waitFor();
  await page.keyboard.press("Control+k");
  await page.getByLabel("Room name").fill("annik");
  await page.getByRole("list", { name: "People" }).getByRole("button", { name: /Annika/ }).waitFor();
  await page.getByText("There is no room of this name: Enter creates it, and it is public.").waitFor();
  await page.getByRole("checkbox", { name: /Private/ }).check();
  await page.getByText("Enter creates a private room of this name.").waitFor();
  await page.getByRole("checkbox", { name: /Private/ }).uncheck();
  await page.getByRole("list", { name: "People" }).getByRole("button", { name: /Annika/ }).click();
  await page.getByRole("heading", { name: "Annika" }).waitFor();
  // The choices for one room are none for the next.
  await page.keyboard.press("Control+k");
  await page.getByLabel("Room name").fill("mine");
  await page.getByRole("checkbox", { name: /Private/ }).check();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name: "mine" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByRole("checkbox", { name: /Private/ }).waitFor();
  assert.equal(await page.getByRole("checkbox", { name: /Private/ }).isChecked(), false);
  faultless();
});
