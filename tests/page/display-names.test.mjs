// What users want to be called, beside the names that identify them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { shots } from "./harness/browser.mjs";
import { fixtures } from "./harness/fixtures.mjs";

const { server, person, faultless } = fixtures();

async function isCalled({ page }, name) {
  await page.getByRole("button", { name: /your settings/ }).click();
  await page.getByLabel("What you want to be called").fill(name);
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("#display-name-result:not(:empty)").waitFor();
  const result = await page.locator("#display-name-result").innerText();
  await page.keyboard.press("Escape");
  return result;
}

const head = (row) => row.locator(".head bdi, .head .handle").allInnerTexts();

test("a display name is shown beside the name, wherever that is, and a change at once", async () => {
  const host = await server();
  const chloe = await (await person()).enter(`${host.http}/chat/garden`, "chloe");
  await chloe.say("before it was set");
  await chloe.sent("before it was set");
  const bob = await (await person()).enter(`${host.http}/chat/garden`, "Bob");
  await bob.row("before it was set").waitFor();
  assert.deepEqual(await head(bob.row("before it was set")), ["chloe"]);
  assert.equal(await isCalled(chloe, "  Chloé   Nguyễn "), "Others see it beside your name.");
  // For whoever is there, also in what was said before.
  await bob.row("before it was set").locator(".handle").waitFor();
  assert.deepEqual(await head(bob.row("before it was set")), ["Chloé Nguyễn", "(chloe)"]);
  await bob.page.locator(".members .handle", { hasText: "chloe" }).waitFor();
  await bob.page.locator(".composer textarea").pressSequentially("@Chloé");
  await bob.page.getByRole("option", { name: /Chloé Nguyễn \(chloe\)/ }).waitFor();
  await bob.page.keyboard.press("Enter");
  await bob.page.keyboard.type("hello");
  await bob.page.keyboard.press("Enter");
  await chloe.row("@chloe hello").waitFor();
  // For who comes later, who was not there, and in a private conversation.
  const cem = await (await person()).enter(`${host.http}/chat/garden`, "Cem");
  await cem.row("before it was set").locator(".handle").waitFor();
  await cem.page.locator(".members button", { hasText: "Chloé Nguyễn" }).click();
  await cem.page.getByRole("button", { name: "Message privately" }).click();
  await cem.page.locator(".title h2", { hasText: "Chloé Nguyễn (chloe)" }).waitFor();
  await cem.say("just for you");
  await chloe.conversation("Cem").waitFor();
  await cem.page.screenshot({ path: `${shots}display-name.png` });
  assert.equal(await isCalled(chloe, ""), "Others see your name alone.");
  await bob.row("before it was set").locator(".handle").waitFor({ state: "detached" });
  assert.deepEqual(await head(bob.row("before it was set")), ["chloe"]);
  faultless();
});

test("a display name that is another's name, or that plays tricks, is refused with the reason", async () => {
  const host = await server();
  const ann = await (await person()).enter(host.http, "Ann");
  await (await person()).enter(host.http, "Bob");
  assert.equal(await isCalled(ann, "Bob"), "The name Bob is taken.");
  assert.match(await isCalled(ann, "Ann \u202e nnA"), /must not hold the character/);
  // Markup and a look-alike are text, beside the name.
  assert.equal(await isCalled(ann, "<b>Boss</b>"), "Others see it beside your name.");
  await ann.say("hi");
  await ann.row("hi").locator(".handle").waitFor();
  assert.deepEqual(await head(ann.row("hi")), ["<b>Boss</b>", "(Ann)"]);
  faultless();
});
