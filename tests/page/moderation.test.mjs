// Private rooms and moderation on the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";
import { look } from "./harness/look.mjs";

const { server, person, faultless } = fixtures();

async function makeRoom({ page }, name, { isPrivate = false } = {}) {
  await page.getByRole("button", { name: "Open or create a room" }).click();
  await page.getByLabel("Room name").fill(name);
  await page.getByRole("checkbox", { name: /Private/ }).setChecked(isPrivate);
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name }).waitFor();
}

const about = ({ page }) => page.getByRole("button", { name: "about this room" }).click();

async function invite({ page }, name) {
  await page.getByRole("button", { name: "Invite people…" }).click();
  await page.getByLabel("Or invite by name").fill(name);
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText(`${name} is invited`).waitFor();
  await page.keyboard.press("Escape");
}

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
  await invite(ann, "Bob");
  await bob.page.locator(".banner", { hasText: "Ann invited you to plans." }).getByRole("button", { name: "Open" }).click();
  await bob.row("the secret is blue").waitFor();
  faultless();
});

test("slow mode shows a countdown in its room, and does not affect others", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(http, "Ann");
  await makeRoom(ann, "agora");
  const bob = await (await person()).enter(`${http}/chat/agora`, "Bob");
  await ann.page.locator(".members").getByText("Bob").waitFor(); // who is not in yet is not told of what changes
  await about(ann);
  await ann.page.getByLabel("Slow mode").selectOption("30");
  await ann.page.keyboard.press("Escape");
  await bob.page.locator(".notice", { hasText: /one message every 30 s/ }).waitFor();
  await bob.say("one");
  await bob.say("two");
  await bob.page.getByText(/This room takes one message of each user in 30 s\. You can continue in \d+ s\./).waitFor();
  assert.equal(await bob.page.locator('[data-state="waiting"]').count(), 1);
  await bob.page.keyboard.press("Control+k");
  await bob.page.getByLabel("Room name").fill("lobby");
  await bob.page.keyboard.press("Enter");
  await bob.page.getByRole("heading", { name: "lobby" }).waitFor();
  await bob.say("elsewhere");
  await bob.sent("elsewhere");
  assert.equal(await bob.page.getByText(/You can continue/).count(), 0);
  assert.deepEqual(await ann.texts(), ["one"]);
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
  await page.getByLabel("Reason (optional)").fill("off topic");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await bob.row("Message deleted: off topic").waitFor();
  assert.equal(await bob.page.getByText("buy my tea").count(), 0);
  await ann.row("Message deleted").waitFor();
  await about(ann);
  await page.getByLabel("Menu for Bob").click();
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
  await invite(ann, "Bob");
  await about(ann);
  await bob.page.locator(".banner", { hasText: "Ann invited you to den." }).getByRole("button", { name: "Open" }).click();
  await bob.say("thank you");
  await ann.row("thank you").waitFor();
  const row = ann.page.getByRole("dialog").locator(".room-members li", { hasText: "Bob" });
  await ann.page.getByLabel("Menu for Bob").click();
  await row.getByRole("button", { name: "Make a moderator" }).click();
  await bob.row("Ann made Bob a moderator").waitFor();
  await row.getByRole("button", { name: "Mute" }).click();
  await bob.row("Ann muted Bob").waitFor();
  await bob.page.locator(".banner", { hasText: "You are muted in this room until" }).waitFor();
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

test("a member in the panel leads to what one may do with them, and a muted member sees it at the field", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(http, "Ann");
  const { page } = ann;
  await makeRoom(ann, "agora");
  const bob = await (await person()).enter(`${http}/chat/agora`, "Bob");
  await bob.say("buy my tea");
  await ann.row("buy my tea").waitFor();
  const member = page.locator(".members").getByRole("button", { name: /Bob/ });
  await page.locator(".members li", { hasText: "Ann" }).getByText("owner").waitFor();
  await bob.page.locator(".members li", { hasText: "Ann" }).getByText("owner").waitFor();
  await member.click();
  const dialog = page.getByRole("dialog", { name: "Bob" });
  await dialog.getByText("can read, but not write").waitFor();
  await dialog.getByLabel("Mute or ban for").selectOption("an hour");
  await dialog.getByRole("button", { name: "Mute", exact: true }).click();
  await dialog.getByText(/muted until \S/).first().waitFor();
  await page.keyboard.press("Escape");
  await member.getByText(/muted until/).waitFor();
  await bob.page.locator(".banner", { hasText: /You are muted in this room until \S.*You can read, but not write\./ }).waitFor();
  await eventually(() => bob.page.locator(".composer textarea").getAttribute("readonly"), (readonly) => assert.notEqual(readonly, null));
  await bob.page.locator(".announcer p", { hasText: "Ann muted Bob." }).waitFor({ state: "attached" });
  // A reaction is refused, and is no message.
  await bob.row("buy my tea").hover();
  await bob.page.getByRole("button", { name: "React with 😢" }).click();
  await bob.page.locator(".banner", { hasText: "The reaction was refused: You are muted" }).waitFor();
  assert.equal(await bob.page.locator(".message-row.message").count(), 1);
  // After a reload it is known as soon as something is typed.
  await bob.page.reload();
  await bob.row("buy my tea").waitFor();
  await bob.page.locator(".composer textarea").pressSequentially("may");
  await bob.page.locator(".banner", { hasText: "You are muted in this room until" }).waitFor();
  await member.click();
  await dialog.getByRole("button", { name: "Unmute" }).click();
  await bob.page.locator(".banner", { hasText: "You are muted" }).waitFor({ state: "detached" });
  await bob.say("be quiet?");
  await ann.row("be quiet?").waitFor();
  // What only moderators may do is said before somebody tries.
  await page.keyboard.press("Escape");
  await about(ann);
  await page.getByLabel("Only moderators and people with a voice can post").click();
  await bob.page.locator(".banner", { hasText: "Only moderators and people with a voice can write here." }).waitFor();
  await page.getByLabel("People at most").fill("5");
  await page.getByLabel("People at most").blur();
  await bob.row("Ann changed the settings: at most 5 people").waitFor();
  await page.getByLabel("Everyone can set the topic").click();
  await bob.row("Ann changed the settings: everyone can set the topic").waitFor();
  // Who is given a voice may write all the same.
  await page.getByLabel("Menu for Bob").click();
  await page.getByRole("button", { name: "Give a voice" }).click();
  await bob.row("Ann gave Bob a voice").waitFor();
  await bob.page.locator(".banner", { hasText: "Only moderators and people with a voice can write here." }).waitFor({ state: "detached" });
  await bob.say("thanks for the voice");
  await ann.row("thanks for the voice").waitFor();
  await look(page, "voice");
  await page.getByRole("button", { name: "Take the voice" }).click();
  await page.getByLabel("Menu for Bob").press("Escape");
  // What an event does not name stays as it was.
  await bob.page.locator(".banner", { hasText: "Only moderators and people with a voice can write here." }).waitFor();
  await look(page, "room-limits");
  await page.getByLabel("Only moderators and people with a voice can post").click();
  await bob.page.locator(".banner", { hasText: "Only moderators and people with a voice can write here." }).waitFor({ state: "detached" });
  await about(bob);
  await bob.page.getByText("Change the topic", { exact: true }).click();
  assert.equal(await bob.page.getByLabel("Description").count(), 0);
  await bob.page.getByLabel("Topic", { exact: true }).fill("Tea");
  await bob.page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").getByText("Tea", { exact: true }).waitFor();
  await page.getByLabel("Menu for Bob").click();
  await page.getByLabel("Menu for Bob").press("Escape");
  await page.getByRole("button", { name: "Kick" }).waitFor({ state: "hidden" });
  await page.getByRole("dialog", { name: "agora" }).waitFor();
  await page.getByRole("button", { name: "Delete this room" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Yes, delete it" }).waitFor({ state: "detached" });
  faultless();
});
