// Finding one's way in a room: links to messages, days, what the room is about, and pinned messages.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();

test("a link leads to its message, in a room and in a private conversation", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("long");
  for (let i = 1; i <= 400; i++) bob.client.publish("long", i === 7 ? "the needle is here" : `hay ${i}`);
  await bob.heard("hay 400");
  const ann = await person();
  await ann.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await ann.enter(`${host.http}/chat/long/7`, "Ann");
  await ann.row("the needle is here").waitFor();
  await eventually(() => ann.page.evaluate(() => document.activeElement.textContent), (text) => assert.match(text, /needle/));
  await ann.row("hay 9").first().hover();
  await ann.page.getByRole("button", { name: "Copy link" }).click();
  const link = await eventually(() => ann.page.evaluate(() => navigator.clipboard.readText()), (text) => (assert.match(text, /\/chat\/long\/\d+$/), text));
  assert.equal(link, `${host.http}/chat/long/9`);
  // The address names the message until another conversation is open; and a message that is not there leads to the next.
  assert.equal(new URL(ann.page.url()).pathname, "/chat/long/7");
  await bob.client.whisper("Ann", "one");
  await bob.client.whisper("Ann", "two");
  await ann.page.goto(`${host.http}/?with=Bob&message=1`);
  await ann.page.locator(".message-row.target", { hasText: "one" }).waitFor();
  await bob.client.join("short");
  await bob.client.publish("short", "a");
  await bob.client.publish("short", "👍", { react_to: 1 });
  await bob.client.publish("short", "b");
  await ann.page.goto(`${host.http}/chat/short/2`);
  await ann.page.locator(".message-row.target", { hasText: "b" }).waitFor();
  const statuses = await Promise.all(["/chat/long/7", "/chat/long/0", "/chat/long/x", "/chat/long/7/8"].map(async (path) => (await fetch(host.http + path)).status));
  assert.deepEqual(statuses, [200, 404, 404, 404]);
  faultless();
});

test("a link to a message that is still arriving leads there", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("short");
  for (const text of ["a", "b"]) await bob.client.publish("short", text);
  const ann = await person();
  const held = [];
  let holds = true;
  await ann.page.routeWebSocket(/\/ws/, (socket) => {
    socket.connectToServer().onMessage((text) => {
      const { type, seq } = JSON.parse(text);
      if (holds && (held.length > 0 || (type === "message" && seq === 2))) held.push(() => socket.send(text));
      else socket.send(text);
    });
  });
  await ann.enter(`${host.http}/chat/short/2`, "Ann");
  await ann.row("a").waitFor();
  holds = false;
  for (const send of held) send();
  await ann.page.locator(".message-row.target", { hasText: "b" }).waitFor();
  faultless();
});

test("a day leads to its first message, and one without messages to the next", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("days");
  for (let i = 1; i <= 20; i++) await bob.client.publish("days", `hay ${i}`);
  const ann = await (await person()).enter(`${host.http}/chat/days`, "Ann");
  await ann.row("hay 20").waitFor();
  await ann.page.getByRole("button", { name: "Search messages" }).click();
  const field = ann.page.getByLabel("Go to date");
  await field.fill(await ann.page.evaluate(() => new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 10)));
  await field.press("Enter");
  await ann.page.locator(".message-row.target", { hasText: /hay 1(?!\d)/ }).waitFor();
  // A date that is typed leads nowhere before it is complete.
  await field.focus();
  for (const key of ["0", "1", "0", "2", "2", "0", "2", "0"]) await ann.page.keyboard.press(key);
  assert.equal(await field.evaluate((date) => date === document.activeElement), true);
  assert.equal(await field.inputValue(), "2020-01-02");
  await ann.page.keyboard.press("Enter");
  await ann.page.getByText("There are no messages of that day.").waitFor();
  await ann.page.getByRole("button", { name: "Jump to the latest messages" }).or(ann.row("hay 20")).first().waitFor();
  await ann.page.getByRole("button", { name: /^Go to the next message: Today, / }).click();
  await eventually(() => ann.page.evaluate(() => document.activeElement.textContent), (text) => assert.match(text, /hay 1(?!\d)/));
  await field.fill("2199-01-02");
  await field.press("Enter");
  await ann.page.getByText("There are no messages of that day or after it.").waitFor();
  faultless();
});

test("a moderator says what the room is about, and pins messages", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(http, "Ann");
  const { page } = ann;
  await page.keyboard.press("Control+k");
  await page.getByLabel("Room name").fill("garden");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name: "garden" }).waitFor();
  const bob = await (await person()).enter(`${http}/chat/garden`, "Bob");
  await ann.say("Water the tomatoes");
  await ann.sent("tomatoes");
  await bob.row("tomatoes").waitFor();
  await page.getByRole("button", { name: "about this room" }).click();
  await page.getByText("Change the topic and the description").click();
  await page.getByLabel("Topic", { exact: true }).fill("Tomatoes");
  await page.getByLabel("Description").fill("Everything about\nour garden");
  await page.getByRole("button", { name: "Save" }).click();
  await bob.page.locator(".subject", { hasText: "Tomatoes" }).waitFor();
  await bob.page.locator(".notice", { hasText: "Ann set the topic to “Tomatoes”" }).waitFor();
  await page.keyboard.press("Escape");
  await ann.row("Water").hover();
  await page.getByRole("button", { name: "Pin", exact: true }).click();
  await bob.page.getByRole("button", { name: "1 pinned message" }).click();
  await bob.page.getByRole("dialog").getByText("Water the tomatoes").waitFor();
  assert.equal(await bob.page.getByRole("dialog").getByRole("button", { name: "Unpin" }).count(), 0);
  await bob.page.getByRole("dialog").getByText("Water the tomatoes").click();
  await bob.page.locator(".message-row.target", { hasText: "Water" }).waitFor();
  // After a reload as well.
  await bob.page.reload();
  await bob.page.locator(".subject", { hasText: "Tomatoes" }).waitFor();
  await bob.page.getByRole("button", { name: "about this room" }).click();
  await bob.page.getByText("Everything about").waitFor();
  await bob.page.keyboard.press("Escape");
  await page.getByRole("button", { name: "1 pinned message" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Unpin" }).click();
  await page.keyboard.press("Escape");
  await bob.page.getByRole("button", { name: "1 pinned message" }).waitFor({ state: "detached" });
  faultless();
});
