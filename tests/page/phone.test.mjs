// The page on a phone: the back button and the keyboard on the screen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

test("the back button closes what is open, and goes from a conversation to the list", async () => {
  const { http } = await server();
  const ann = await (await person(PHONE)).enter(`${http}/chat/general`, "Ann");
  const { page } = ann;
  const heading = page.getByRole("heading", { name: "general" });
  const back = () => page.evaluate(() => history.back()); // as a phone's button, also where it closes a dialog by itself
  await page.getByRole("button", { name: "Call", exact: true }).waitFor();
  const length = () => page.evaluate(() => history.length);
  const before = await length();
  // A dialog, and a panel.
  await page.getByRole("button", { name: /about this room/ }).tap();
  await page.getByRole("dialog", { name: "general" }).waitFor();
  await back();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await heading.waitFor();
  await page.locator(".chat").getByRole("button", { name: /member/ }).tap();
  await page.getByRole("complementary", { name: "Members" }).waitFor();
  await back();
  await page.getByRole("complementary", { name: "Members" }).waitFor({ state: "detached" });
  // What is closed without the button leaves nothing behind.
  await page.getByRole("button", { name: /about this room/ }).tap();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).tap();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await eventually(() => page.evaluate(() => history.state?.layer), (layer) => assert.equal(layer, "conversation"));
  await back();
  await ann.conversation("general").waitFor();
  await heading.waitFor({ state: "hidden" });
  // Into another conversation, by a dialog over the list; and back to the list, by the page's own button.
  await page.getByRole("button", { name: "Open or create a room" }).tap();
  await page.getByLabel("Room name").fill("second");
  await page.getByRole("button", { name: "Create", exact: true }).tap();
  await page.getByRole("heading", { name: "second" }).waitFor();
  await eventually(() => page.url(), (url) => assert.equal(url, `${http}/chat/second`));
  await page.getByRole("button", { name: "Conversations" }).tap();
  await ann.conversation("second").waitFor();
  await ann.conversation("general").tap();
  await heading.waitFor();
  await back();
  await ann.conversation("second").waitFor();
  // The list stays the list when the page is loaded again.
  await page.reload();
  await ann.conversation("second").waitFor();
  await heading.waitFor({ state: "hidden" });
  assert.equal(await length(), before);
  faultless();
});

test("Enter begins a new line on a phone, and sends where the user has chosen so", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("general");
  const ann = await (await person(PHONE)).enter(`${host.http}/chat/general`, "Ann");
  const { page } = ann;
  const field = page.locator(".composer textarea");
  await field.tap();
  await page.keyboard.type("one");
  await page.keyboard.press("Enter");
  await page.keyboard.type("two");
  assert.equal(await field.inputValue(), "one\ntwo");
  await page.getByRole("button", { name: "Send" }).tap();
  await bob.heard("one\ntwo");
  await page.getByRole("button", { name: "Conversations" }).tap();
  await page.getByRole("button", { name: /your settings/ }).tap();
  await page.getByRole("checkbox", { name: /^Enter sends/ }).check();
  await page.keyboard.press("Escape");
  await eventually(() => page.evaluate(() => history.state.layer), (layer) => assert.equal(layer, "list"));
  await page.reload();
  await ann.conversation("general").tap();
  await field.tap();
  await page.keyboard.type("three");
  await page.keyboard.press("Enter");
  await bob.heard("three");
  faultless();
});
