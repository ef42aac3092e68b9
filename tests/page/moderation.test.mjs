// Private rooms and moderation on the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, faultless } = fixtures();

async function makeRoom({ page }, name, { isPrivate = false } = {}) {
  await page.getByRole("button", { name: "Open or create a room" }).click();
  await page.getByLabel("Room name").fill(name);
  await page.getByRole("checkbox", { name: /Private/ }).setChecked(isPrivate);
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name }).waitFor();
}

const about = ({ page }) => page.getByRole("button", { name: "about this room" }).click();

test("a private room does not exist for others until they are invited", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(http, "Ann");
  await makeRoom(ann, "plans", { isPrivate: true });
  await ann.say("the secret is blue");
  await ann.sent("the secret is blue");
  const bob = await (await person()).enter(http, "Bob");
  await bob.page.getByRole("button", { name: "Open or create a room" }).click();
  await bob.page.getByRole("dialog").getByText("lobby").waitFor();
  assert.equal(await bob.page.getByRole("dialog").getByText("plans").count(), 0);
  await bob.page.keyboard.press("Escape");
  await bob.page.goto(`${http}/chat/plans`);
  await bob.page.getByText(/You cannot join plans/).waitFor();
  assert.equal(await bob.page.getByText("secret").count(), 0);
  const status = await bob.page.evaluate(async () => (await fetch("/api/v1/rooms/plans/messages")).status);
  assert.equal(status, 404);
  await about(ann);
  await ann.page.getByLabel("User to invite").fill("Bob");
  await ann.page.keyboard.press("Enter");
  await bob.page.getByText("Ann invited you to plans.").waitFor();
  await bob.conversation("plans").click();
  await bob.row("the secret is blue").waitFor();
  faultless();
});

test("slow mode shows a countdown in its room, and does not affect others", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(http, "Ann");
  await makeRoom(ann, "agora");
  const bob = await (await person()).enter(`${http}/chat/agora`, "Bob");
  await about(ann);
  await ann.page.getByLabel("Slow mode").selectOption("5");
  await ann.page.keyboard.press("Escape");
  await bob.page.getByText(/one message every 5 s/).waitFor();
  await bob.say("one");
  await bob.say("two");
  await bob.page.getByText(/This room takes one message of each user in 5 s\. You can continue in \d s\./).waitFor();
  assert.equal(await bob.page.locator('[data-state="waiting"]').count(), 1);
  await bob.page.keyboard.press("Control+k");
  await bob.page.getByLabel("Room name").fill("lobby");
  await bob.page.keyboard.press("Enter");
  await bob.page.getByRole("heading", { name: "lobby" }).waitFor();
  await bob.say("elsewhere");
  await bob.sent("elsewhere");
  assert.equal(await bob.page.getByText(/You can continue/).count(), 0);
  await ann.row("two").waitFor();
  assert.deepEqual(await ann.texts(), ["one", "two"]);
  faultless();
});

test("the creator of a public room can delete the messages of others, and kick them", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(http, "Ann");
  const { page } = ann;
  await makeRoom(ann, "agora");
  const bob = await (await person()).enter(http, "Bob");
  await bob.page.getByRole("button", { name: "Open or create a room" }).click();
  await bob.page.getByRole("dialog").getByText("agora").click();
  await bob.say("buy my tea");
  await ann.row("buy my tea").hover();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await bob.row("Message deleted").waitFor();
  assert.equal(await bob.page.getByText("buy my tea").count(), 0);
  await ann.row("Message deleted").waitFor();
  await about(ann);
  await page.getByRole("dialog").locator(".room-members li", { hasText: "Bob" }).getByRole("button", { name: "Kick" }).click();
  await bob.page.getByText(/You are no longer in agora: Ann kicked you/).waitFor();
  await page.getByRole("button", { name: "Show audit log" }).click();
  await eventually(() => page.locator(".audit li").allInnerTexts(), (entries) => {
    assert.match(entries[0], /^Ann kicked Bob/);
    assert.match(entries.at(-1), /^Ann created the room/);
  });
  faultless();
});

test("an owner appoints moderators, mutes and removes members, and deletes the room", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(http, "Ann");
  const bob = await (await person()).enter(http, "Bob");
  await makeRoom(ann, "den", { isPrivate: true });
  await about(ann);
  await ann.page.getByLabel("User to invite").fill("Bob");
  await ann.page.keyboard.press("Enter");
  await bob.conversation("den").click();
  await bob.say("thank you");
  await ann.row("thank you").waitFor();
  const row = ann.page.getByRole("dialog").locator(".room-members li", { hasText: "Bob" });
  await row.getByRole("button", { name: "Make a moderator" }).click();
  await bob.row("Ann made Bob a moderator").waitFor();
  await row.getByRole("button", { name: "Mute" }).click();
  await bob.row("Ann muted Bob").waitFor();
  await bob.say("can you hear me?");
  await bob.page.getByText(/^Not sent:/).waitFor();
  await ann.page.getByRole("dialog").getByRole("button", { name: "Unmute" }).click();
  await bob.row("Ann unmuted Bob").waitFor();
  await row.getByRole("button", { name: "Remove" }).click();
  await bob.page.getByText(/You are no longer in den: Ann removed you/).waitFor();
  await eventually(() => bob.page.locator("textarea").isDisabled(), (disabled) => assert.equal(disabled, true));
  await ann.page.getByRole("button", { name: "Delete this room" }).click();
  await ann.page.getByRole("button", { name: "Yes, delete it" }).click();
  await ann.page.getByText(/You are no longer in den: Ann deleted the room/).waitFor();
  faultless();
});
