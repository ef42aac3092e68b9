// The first minute of a new user: which server this is, what a name is, a room in which nothing was said, the appearance.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures, RATE } from "./harness/fixtures.mjs";

const { server, person, faultless } = fixtures();

test("the entry says which server this is, and that a name becomes one's own", async () => {
  const named = await server(...RATE, "--name", "Tea House", "--welcome", "Be kind.\n<b>Ask</b> Ann.");
  const { page } = await person();
  await page.goto(named.http);
  await page.getByRole("heading", { name: "Welcome to Tea House" }).waitFor();
  assert.equal(await page.locator(".greeting").innerText(), "Be kind.\n<b>Ask</b> Ann.");
  await page.getByText("It becomes your own").waitFor();
  const plain = await server("--claims", "closed");
  await page.goto(plain.http);
  await page.getByRole("heading", { name: "Welcome", exact: true }).waitFor();
  await page.getByText("This browser remembers it.").waitFor();
  assert.equal(await page.getByText("It becomes your own").count(), 0);
  faultless();
});

test("a room in which nothing was said offers to bring others in, until something is said", async () => {
  const { http } = await server();
  const ann = await person();
  await ann.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await ann.enter(`${http}/chat/quiet`, "Ann");
  await ann.page.getByRole("button", { name: "Copy link" }).click();
  await eventually(() => ann.page.evaluate(() => navigator.clipboard.readText()), (text) => assert.equal(text, `${http}/chat/quiet`));
  await ann.page.getByRole("button", { name: "Invite people", exact: true }).click();
  await ann.page.getByRole("dialog", { name: "Invite people to quiet" }).waitFor();
  await ann.page.keyboard.press("Escape");
  await ann.say("hello?");
  await ann.page.getByRole("button", { name: "Invite people", exact: true }).waitFor({ state: "detached" });
  faultless();
});

test("a person's menu in the room's dialog leads to a private conversation", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(`${http}/chat/general`, "Ann");
  await (await person()).enter(`${http}/chat/general`, "Bob");
  await ann.page.locator(".members").getByText("Bob").waitFor();
  await ann.page.getByRole("button", { name: "about this room" }).click();
  await ann.page.getByLabel("Menu for Bob").click();
  assert.equal(await ann.page.getByRole("button", { name: "Kick" }).count(), 0);
  await ann.page.getByRole("dialog").getByRole("button", { name: "Message privately" }).click();
  await ann.page.getByRole("heading", { name: "Bob" }).waitFor();
  await ann.page.getByRole("dialog").waitFor({ state: "detached" });
  faultless();
});

test("light or dark is the user's choice, and stays", async () => {
  const { http } = await server();
  const ann = await (await person({ colorScheme: "light" })).enter(http, "Ann");
  const ground = () => ann.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  const choose = async (label) => {
    await ann.page.getByRole("button", { name: /your settings/ }).click();
    await ann.page.getByLabel("Appearance").selectOption({ label });
    await ann.page.keyboard.press("Escape");
  };
  await choose("dark");
  const dark = await ground();
  assert.notEqual(dark, light);
  await ann.page.reload();
  await ann.page.locator(".me", { hasText: "Online" }).waitFor();
  assert.equal(await ground(), dark);
  await choose("as the system has it");
  assert.equal(await ground(), light);
  faultless();
});
