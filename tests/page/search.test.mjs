// Searching in the browser: any words, parts of words, and all rooms.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();

const search = (page) => page.getByRole("searchbox");
const results = (page) => page.locator(".search-results > li > button:not(.more)");

// Waits for a search of these words with so many results.
async function searched(page, words, status) {
  await search(page).fill(words);
  await search(page).press("Enter");
  await page.locator(".panel [role=status]", { hasText: status }).waitFor();
}

test("ordinary words and the beginnings of words are found", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("words");
  const texts = ["I don't know", "by e-mail", "ask @Annika", "the plan; it works", "100% sure", "call foo_bar", "see #tag", 'a "quoted" word', "yesterday evening"];
  for (const text of texts) await bob.client.publish("words", text);
  const { page } = await (await person()).enter(`${host.http}/chat/words`, "Ann");
  await page.getByRole("button", { name: "Search messages" }).click();
  const asked = ["don't", "e-mail", "@Annika", "plan;", "100%", "foo_bar", "#tag", '"quoted"', "yester"];
  for (const [i, words] of asked.entries()) {
    await searched(page, words, "1 message");
    assert.equal(await results(page).locator(".excerpt").innerText(), texts[i], words);
    assert.equal(await page.locator(".search-results mark").count(), 1, words);
    if (words.includes("%")) assert.equal(await page.locator(".search-results mark").innerText(), words);
  }
  await searched(page, "(", "No messages found");
  await page.getByRole("button", { name: "Search in all rooms" }).click();
  assert.equal(await page.getByRole("radio", { name: "All rooms" }).isChecked(), true);
  faultless();
});

test("a search in all rooms says where each message is, and opens it there", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  for (const room of ["garden", "kitchen", "cellar"]) await bob.client.join(room);
  for (let i = 1; i <= 60; i++) await bob.client.publish("cellar", `jar ${i} of beans`);
  await bob.client.publish("kitchen", "beans for dinner");
  await bob.client.publish("garden", "who waters the beans?");
  const ann = await (await person()).enter(`${host.http}/chat/garden`, "Ann");
  const { page } = ann;
  await ann.row("waters the beans").waitFor();
  await bob.client.whisper("Ann", "no beans for me");
  await ann.conversation("Bob").waitFor();
  await page.keyboard.press("Control+Shift+f");
  await searched(page, "bean", "1 message");
  await page.getByLabel("All rooms").check();
  await page.locator(".panel [role=status]", { hasText: "50 messages, and older ones" }).waitFor();
  const places = (await results(page).locator(".where bdi").allInnerTexts()).slice(0, 4);
  assert.deepEqual(places, ["Bob", "garden", "kitchen", "cellar"]);
  await page.getByRole("button", { name: "Show older" }).click();
  await page.locator(".panel [role=status]", { hasText: /^63 messages$/ }).waitFor();
  await results(page).filter({ hasText: "jar 2 of beans" }).click();
  await page.waitForURL(`${host.http}/chat/cellar/2`);
  await page.getByRole("heading", { name: "cellar" }).waitFor();
  await ann.row("jar 2 of beans").waitFor();
  await eventually(() => page.evaluate(() => document.activeElement.textContent), (text) => assert.match(text, /jar 2 of beans/));
  await results(page).filter({ hasText: "no beans for me" }).click();
  await page.getByRole("heading", { name: "Bob" }).waitFor();
  await page.locator(".message-row.target", { hasText: "no beans for me" }).waitFor();
  await page.getByRole("radio", { name: "This conversation" }).check();
  await page.locator(".panel [role=status]", { hasText: /^1 message$/ }).waitFor();
  faultless();
});

test("an encrypted conversation is part of a search in all rooms as far as the page has loaded it", async () => {
  const host = await server();
  const ann = await (await person()).enter(`${host.http}/chat/secrets`, "Ann");
  const { page } = ann;
  await page.getByRole("button", { name: /encrypt this conversation/ }).click();
  await page.getByRole("button", { name: "Encrypt with a new link" }).click();
  await page.locator(".new-link code").waitFor();
  await page.keyboard.press("Escape");
  await ann.say("the geese fly at dawn");
  await ann.sent("the geese");
  await page.keyboard.press("Control+Shift+f");
  await page.getByLabel("All rooms").check();
  await searched(page, "gees", /^1 message$/);
  assert.equal(await results(page).locator(".where bdi").innerText(), "secrets");
  faultless();
});
