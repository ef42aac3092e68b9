// What a keyboard and a screen reader need: the focus is never lost, shortcuts and Escape do the same everywhere, and what
// happens elsewhere is announced.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();

const focused = (page) => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
const focusIs = (page, name) => eventually(() => focused(page), (found) => assert.match(found, name));
const announced = (page, text) => page.locator(".announcer p", { hasText: text }).first().waitFor({ state: "attached" });

test("what is closed, sent away or confirmed gives the focus back to the page", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(`${http}/chat/general`, "Ann");
  const { page } = ann;
  await page.getByRole("button", { name: "Call", exact: true }).waitFor(); // all of the page is loaded
  await ann.say("to be deleted");
  await ann.sent("to be deleted");
  // A dialog that is cancelled, and one after another.
  const open = async (label) => {
    await page.getByRole("button", { name: label }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
  };
  await open("Leave general");
  await focusIs(page, /^Leave general\?$/);
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).press("Enter");
  await focusIs(page, /^Leave general$/);
  await open(/your settings/);
  await page.getByRole("button", { name: "Use on another device…" }).press("Enter");
  await page.getByRole("dialog", { name: "Your devices" }).waitFor();
  await page.keyboard.press("Escape");
  await focusIs(page, /your settings/);
  // A button that its own dialog replaces.
  await open(/encrypt this conversation/);
  await page.getByRole("button", { name: "Encrypt with a new link" }).press("Enter");
  await page.locator(".new-link code").waitFor();
  await eventually(() => page.evaluate(() => Boolean(document.activeElement.closest("dialog"))), (inside) => assert.ok(inside));
  await page.keyboard.press("Escape");
  // A panel, whose place goes back to the members.
  await page.locator("textarea").focus();
  await page.keyboard.press("Control+Shift+f");
  await page.getByRole("button", { name: "Close search" }).press("Enter");
  await page.getByRole("complementary", { name: "Members" }).waitFor();
  await focusIs(page, /^Message to general$/);
  // A message that is deleted.
  await ann.row("to be deleted").focus();
  await page.getByRole("toolbar").getByRole("button", { name: "Delete" }).press("Enter");
  await page.getByRole("dialog").getByText("to be deleted").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).press("Enter");
  await ann.row("Message deleted").waitFor();
  await announced(page, "The message was deleted.");
  await eventually(() => page.evaluate(() => document.activeElement.closest(".message-list") !== null), (inside) => assert.ok(inside));
  // A conversation that is left.
  await open("Leave general");
  await page.getByRole("dialog").getByRole("button", { name: "Leave" }).press("Enter");
  await page.getByRole("heading", { name: "general" }).waitFor({ state: "detached" });
  await eventually(() => page.evaluate(() => document.activeElement !== document.body), (kept) => assert.ok(kept));
  faultless();
});

test("in one column the focus follows from the conversations to a conversation and back", async () => {
  const { http } = await server();
  const ann = await (await person({ viewport: { width: 640, height: 400 } })).enter(`${http}/chat/general`, "Ann");
  const { page } = ann;
  await page.getByRole("button", { name: "Call", exact: true }).waitFor();
  await page.getByRole("button", { name: "Conversations" }).press("Enter");
  await eventually(() => page.evaluate(() => document.activeElement.closest(".sidebar") !== null), (inside) => assert.ok(inside));
  await ann.conversation("general").press("Enter");
  await eventually(() => page.evaluate(() => document.activeElement.closest(".chat") !== null), (inside) => assert.ok(inside));
  faultless();
});

test("the first stop of the Tab key skips to the message field, and what a panel covers cannot be reached", async () => {
  const { http } = await server();
  const ann = await (await person({ viewport: { width: 390, height: 844 } })).enter(`${http}/chat/general`, "Ann");
  const { page } = ann;
  await page.getByRole("button", { name: "Call", exact: true }).waitFor();
  const skip = page.getByRole("button", { name: "Skip to the message field" });
  await page.evaluate(() => document.querySelector(".app").firstElementChild.focus());
  await focusIs(page, /^Skip to the message field$/);
  assert.ok((await skip.boundingBox()).width > 100, "it is not seen while it has the focus");
  await page.keyboard.press("Enter");
  await focusIs(page, /^Message to general$/);
  await page.locator(".chat").getByRole("button", { name: /member/ }).click();
  await page.getByRole("complementary", { name: "Members" }).waitFor();
  await eventually(() => page.evaluate(() => document.activeElement.closest(".panel") !== null), (inside) => assert.ok(inside));
  await page.locator("textarea").evaluate((field) => field.focus());
  assert.notEqual(await focused(page), "Message to general");
  await page.getByRole("button", { name: "Close members" }).click();
  await page.locator("main:not([inert])").waitFor();
  faultless();
});

test("Escape closes the search, whose shortcut always leads to its field; and switching rooms edits nothing", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(`${http}/chat/general`, "Ann");
  const { page } = ann;
  await ann.say("as it was");
  await ann.sent("as it was");
  await page.getByRole("button", { name: "Call", exact: true }).waitFor();
  await page.keyboard.press("Control+Shift+f");
  await focusIs(page, /^Search in general$/);
  await page.locator("textarea").focus();
  await page.keyboard.press("Control+Shift+f");
  await focusIs(page, /^Search in general$/);
  await page.keyboard.press("Escape");
  await page.getByRole("complementary", { name: "Search" }).waitFor({ state: "detached" });
  await focusIs(page, /^Message to general$/);
  await page.keyboard.press("Alt+ArrowUp");
  await announced(page, "No more conversations.");
  assert.equal(await focused(page), "Message to general");
  assert.equal(await page.locator("textarea").inputValue(), "");
  await page.keyboard.press("Control+/");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByLabel("Room name").fill("second");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "second" }).waitFor();
  await page.keyboard.press("Alt+ArrowUp");
  await page.getByRole("heading", { name: "general" }).waitFor();
  await announced(page, "general");
  faultless();
});

test("the actions of a message are one stop of the Tab key, and the arrow keys move between them", async () => {
  const host = await server();
  const ann = await person();
  await ann.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await ann.enter(`${host.http}/chat/general`, "Ann");
  const { page } = ann;
  await ann.say("a message");
  await ann.sent("a message");
  await page.getByRole("region", { name: "Messages in general" }).focus();
  await page.keyboard.press("ArrowUp");
  const stops = page.locator('.toolbar button[tabindex="0"]');
  await eventually(() => stops.count(), (count) => assert.equal(count, 1));
  await stops.focus();
  await page.keyboard.press("ArrowRight");
  await focusIs(page, /^React with ❤️$/);
  await page.keyboard.press("End");
  await focusIs(page, /^Delete$/);
  await page.keyboard.press("ArrowRight");
  await focusIs(page, /^React with 👍$/);
  assert.equal(await stops.count(), 1);
  await page.keyboard.press("Enter");
  await announced(page, "You reacted with 👍.");
  await page.locator('.toolbar [aria-label="React with 👍"][aria-pressed="true"]').waitFor();
  await page.getByRole("toolbar").getByRole("button", { name: "Copy link" }).press("Enter");
  await announced(page, "The link was copied.");
  // From the field, Tab goes to the list and not to the actions of the message that was the last one.
  await page.locator("textarea").focus();
  await page.locator(".toolbar").waitFor({ state: "detached" });
  faultless();
});

test("mentions elsewhere, answers, and what was not sent are announced", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  for (const room of ["general", "other"]) await bob.client.join(room);
  const ann = await (await person()).enter(`${host.http}/chat/other`, "Ann");
  const { page } = ann;
  await page.getByRole("button", { name: "Call", exact: true }).waitFor();
  await page.evaluate(() => history.pushState(null, "", "/chat/general") ?? dispatchEvent(new PopStateEvent("popstate")));
  await page.getByRole("heading", { name: "general" }).waitFor();
  await ann.say("who comes?");
  await bob.heard("who comes?");
  await bob.client.publish("general", "I do", { reply_to: 1 });
  await announced(page, "Bob replies to you: I do");
  await bob.client.publish("other", "hello @Ann");
  await announced(page, "Bob mentions you in other: hello @Ann");
  await bob.client.publish("other", "nothing special");
  await bob.client.whisper("Ann", "psst");
  await announced(page, "Bob in private: psst");
  assert.equal(await page.locator(".announcer p", { hasText: "nothing special" }).count(), 0);
  await page.goto(`${host.http}/?with=Nobody`);
  await page.getByRole("button", { name: "Call", exact: true }).waitFor();
  await ann.say("anyone?");
  await announced(page, "Not sent:");
  // The field says to whom it answers.
  await page.goto(`${host.http}/chat/general`);
  await ann.row("I do").hover();
  await page.getByRole("button", { name: "Reply", exact: true }).click();
  const described = await page.locator("textarea").evaluate((field) => document.getElementById(field.getAttribute("aria-describedby")).textContent);
  assert.match(described, /^Replying to Bob\s*: I do$/);
  faultless();
});
