// What asks for a user's attention: unread messages, mentions, and of which of them a room notifies the user, on every
// device.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();

test("a deleted message and a reaction are not unread, before and after a reload", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("quiet");
  await bob.client.publish("quiet", "before");
  const ann = await (await person()).enter(`${host.http}/chat/quiet`, "Ann");
  await ann.row("before").waitFor();
  await ann.page.goto(`${host.http}/chat/busy`);
  await ann.conversation("quiet").getByText("before").waitFor();
  const { seq } = await bob.client.publish("quiet", "one");
  await bob.client.publish("quiet", "two");
  await bob.client.publish("quiet", "👍", { react_to: seq });
  const unread = ann.conversation("quiet").locator(".count");
  await eventually(() => unread.innerText(), (text) => assert.match(text, /^2/));
  await bob.client.request({ type: "delete", room: "quiet", seq });
  await eventually(() => unread.innerText(), (text) => assert.match(text, /^1/));
  await ann.page.reload();
  await ann.conversation("quiet").getByText("two").waitFor();
  await eventually(() => unread.innerText(), (text) => assert.match(text, /^1/));
  assert.match(await ann.page.title(), /^\(1\)/);
  faultless();
});

test("unread messages beyond the newest are loaded and counted", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("quiet");
  await bob.client.publish("quiet", "before");
  const ann = await (await person()).enter(`${host.http}/chat/quiet`, "Ann");
  await ann.row("before").waitFor();
  await ann.page.goto("about:blank");
  await bob.until(({ type, user, status }) => user === "Ann" && (type === "leave" || status === "away"));
  const seqs = [];
  for (let i = 0; i < 40; i++) seqs.push((await bob.client.publish("quiet", `number ${i}`)).seq);
  for (const seq of seqs.slice(0, 15)) await bob.client.request({ type: "delete", room: "quiet", seq });
  for (const seq of seqs.slice(15, 20)) await bob.client.publish("quiet", "👍", { react_to: seq });
  await ann.page.goto(`${host.http}/chat/busy`);
  await eventually(() => ann.conversation("quiet").locator(".count").innerText(), (text) => assert.match(text, /^25/));
  faultless();
});

test("a mention is completed while typing, shown, and counted apart", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(`${http}/chat/general`, "Ann");
  const bob = await (await person()).enter(`${http}/chat/general`, "Bob");
  await ann.page.locator(".members").getByText("Bob").waitFor();
  await bob.page.goto(`${http}/chat/other`);
  await bob.conversation("general").waitFor();
  const field = ann.page.locator("textarea");
  await field.pressSequentially("see @b");
  await ann.page.getByRole("option", { name: /Bob/ }).waitFor();
  assert.equal(await field.getAttribute("aria-activedescendant"), "mention-0");
  await field.press("Enter");
  assert.equal(await field.inputValue(), "see @Bob ");
  await ann.page.getByRole("listbox").waitFor({ state: "detached" });
  await field.press("Enter");
  await ann.row("see @Bob").locator(".mention").waitFor();
  await ann.say("and @Cleo");
  await ann.say("and @here");
  const counts = bob.conversation("general").locator(".count");
  await eventually(() => counts.allInnerTexts(), (texts) => assert.deepEqual(texts.map((text) => text.replace(/\s+/g, " ")), ["@2 mentions", "3 unread"]));
  await bob.conversation("general").click();
  await bob.page.locator('.mention[data-me="true"]').first().waitFor();
  assert.equal(await bob.page.locator(".message-row.mentioned").count(), 2);
  await counts.first().waitFor({ state: "detached" });
  // The list closes with Escape, which then does what it does elsewhere; and a click takes a name.
  await field.pressSequentially("@");
  await ann.page.getByRole("option").first().waitFor();
  await field.press("Escape");
  await ann.page.getByRole("listbox").waitFor({ state: "detached" });
  await field.fill("");
  await field.pressSequentially("(@he");
  await ann.page.getByRole("option", { name: /here/ }).click();
  assert.equal(await field.inputValue(), "(@here ");
  await field.fill("");
  await field.pressSequentially("mail@b");
  assert.equal(await ann.page.getByRole("listbox").count(), 0);
  faultless();
});

test("what is read on one device is read on the other, and what is not is unread on both", async () => {
  const host = await server();
  const token = (await host.command("token", "--user", "Ann", "--for", "7d")).trim();
  const bob = client(host, "Bob");
  await bob.client.join("general");
  await bob.client.publish("general", "before");
  const desk = await (await person()).enter(`${host.http}/chat/general`, token);
  await desk.row("before").waitFor();
  await bob.client.whisper("Ann", "psst");
  await desk.conversation("Bob").click();
  await desk.row("psst").waitFor();
  await bob.until(({ type, status, room, seq }) => type === "receipt" && status === "read" && room === "dm:Ann:Bob" && seq === 1);
  await desk.page.goto(`${host.http}/chat/elsewhere`);
  await desk.conversation("general").getByText("before").waitFor();
  for (const text of ["one", "two"]) await bob.client.publish("general", text);
  await bob.client.whisper("Ann", "are you there?");
  const phone = await (await person()).enter(`${host.http}/chat/elsewhere`, token);
  for (const [name, count] of [["general", /^2/], ["Bob", /^1/]]) {
    for (const device of [desk, phone]) await eventually(() => device.conversation(name).locator(".count").innerText(), (text) => assert.match(text, count));
    await phone.conversation(name).click();
    for (const device of [phone, desk]) await device.conversation(name).locator(".count").waitFor({ state: "detached" });
  }
  faultless();
});

test("rooms, conversations and their levels of notification are the same on every device", async () => {
  const host = await server();
  const token = (await host.command("token", "--user", "Ann", "--for", "7d")).trim();
  const desk = await (await person()).enter(`${host.http}/chat/general`, token);
  const bob = client(host, "Bob");
  await bob.client.join("general");
  await bob.client.whisper("Ann", "psst");
  await desk.conversation("Bob").waitFor();
  await desk.page.getByRole("button", { name: "about this room" }).click();
  await desk.page.getByLabel("Notify me of").selectOption("mentions");
  await desk.page.keyboard.press("Escape");
  const phone = await (await person()).enter(host.http, token);
  await phone.conversation("general").waitFor();
  await phone.conversation("Bob").waitFor();
  // Its messages do not count in the title, unless they mention the user.
  await bob.client.publish("general", "hello");
  await phone.conversation("general").locator(".quiet-count").waitFor();
  assert.doesNotMatch(await phone.page.title(), /\(2\)/);
  await bob.client.publish("general", "hello @ann");
  await phone.conversation("general").getByText(/mention/).waitFor({ state: "attached" });
  await phone.conversation("Bob").click();
  await phone.page.getByRole("button", { name: "about this conversation" }).click();
  await phone.page.getByLabel("Notify me of").selectOption("nothing");
  await phone.page.keyboard.press("Escape");
  await desk.conversation("Bob").click();
  await desk.page.getByRole("button", { name: "about this conversation" }).click();
  await eventually(() => desk.page.getByLabel("Notify me of").inputValue(), (level) => assert.equal(level, "nothing"));
  await desk.page.keyboard.press("Escape");
  // What is left on one device is left on the other.
  await desk.conversation("general").click();
  await desk.page.getByRole("button", { name: "Leave general" }).click();
  await desk.page.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
  await phone.conversation("general").waitFor({ state: "detached" });
  faultless();
});
