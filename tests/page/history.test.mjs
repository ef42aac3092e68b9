// Long histories and busy rooms: the list keeps its scroll position, and renders only what is visible.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { figure, longTasks } from "./harness/figures.mjs";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();

const ROWS_MAX = 150; // in the document at once, however many messages there are

// A server with a room that has this many messages, a minute apart.
async function withHistory(count) {
  const host = await server();
  await host.stop();
  const lines = [{ roomd: "history", version: 1, room: "long", epoch: "e1", newest: count }];
  const begin = Date.parse("2026-01-01T00:00:00Z");
  for (let seq = 1; seq <= count; seq++) {
    const message = seq % 17 === 0 ? `message ${seq} ${"of many words ".repeat(20)}` : `message ${seq}`;
    lines.push({ seq, at: new Date(begin + seq * 60_000).toISOString(), user: ["Ann", "Bob", "Cleo"][seq % 3], message });
  }
  const file = `${host.folder}/long.jsonl`;
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await host.command("import", file);
  await host.restart();
  return host;
}

const numberOf = (text) => Number(/message (\d+)/.exec(text)?.[1]);

// The message at the top of the viewport, and its distance from there.
const topOf = (page) =>
  page.evaluate(() => {
    const view = document.querySelector(".message-list").getBoundingClientRect();
    const line = [...document.querySelectorAll(".message-row")].find((each) => each.getBoundingClientRect().bottom > view.top);
    return { text: line.querySelector(".text").textContent, at: line.getBoundingClientRect().top - view.top };
  });

// Scrolls, and waits until the page has rendered the result.
async function scrolled(page, px) {
  await page.evaluate(async (px) => {
    document.querySelector(".message-list").scrollTop += px;
    for (let frames = 0; frames < 10; frames++) await new Promise(requestAnimationFrame);
  }, px);
  return topOf(page);
}

test("ten thousand messages can be scrolled through with few of them in the document", async () => {
  const { http } = await withHistory(10_000);
  const ann = await (await person()).enter(`${http}/chat/long`, "Dora");
  await ann.row("message 10000").waitFor();
  const ended = await longTasks(ann.page);
  const seen = await ann.page.evaluate(async () => {
    const log = document.querySelector(".message-list");
    const frame = () => new Promise(requestAnimationFrame);
    let most = 0;
    // Fast: several viewports per frame, until the beginning is reached.
    for (let frames = 0; frames < 6_000 && !document.querySelector(".beginning")?.textContent.startsWith("This is"); frames++) {
      log.scrollTop -= 2_500;
      await frame();
      most = Math.max(most, document.querySelectorAll(".message-row").length);
    }
    for (log.scrollTop = 0; log.scrollTop > 0; ) await frame();
    return most;
  });
  await ann.row("message 1").first().waitFor();
  await eventually(() => topOf(ann.page), ({ text }) => assert.equal(numberOf(text), 1));
  assert.ok(seen < ROWS_MAX, `${seen} lines were in the document at once`);
  await ann.page.getByRole("button", { name: "Jump to the latest messages" }).click();
  await ann.row("message 10000").waitFor();
  await ann.page.evaluate(async () => {
    const log = document.querySelector(".message-list");
    for (let frames = 0; frames < 200; frames++) {
      log.scrollTop += frames % 2 ? -40_000 : 39_000;
      await new Promise(requestAnimationFrame);
    }
  });
  figure("ten thousand messages scrolled", await ended());
  faultless();
});

test("the scroll position is kept while messages are added above and below", async () => {
  const host = await withHistory(600);
  const bob = client(host, "Bob");
  await bob.client.join("long");
  const ann = await (await person()).enter(`${host.http}/chat/long`, "Dora");
  await ann.row("message 600").waitFor();
  const before = await scrolled(ann.page, -900);
  assert.ok(numberOf(before.text) < 595);
  for (let i = 0; i < 20; i++) await bob.client.publish("long", `new ${i}`);
  await ann.page.getByRole("button", { name: "Jump to the latest messages: 20 new" }).waitFor();
  const after = await topOf(ann.page);
  assert.equal(after.text, before.text);
  assert.ok(Math.abs(after.at - before.at) < 2, `${after.at} and ${before.at}`);
  await ann.page.getByRole("button", { name: "Jump to the latest messages" }).click();
  await ann.row("new 19").waitFor();
  await ann.page.getByRole("button", { name: "Jump to the latest messages" }).waitFor({ state: "detached" });
  faultless();
});

test("a resized window keeps the same messages in view", async () => {
  const { http } = await withHistory(300);
  const ann = await (await person()).enter(`${http}/chat/long`, "Dora");
  await ann.row("message 300").waitFor();
  const before = await scrolled(ann.page, -1_500);
  assert.ok(numberOf(before.text) < 290);
  await ann.page.setViewportSize({ width: 500, height: 800 });
  await eventually(() => topOf(ann.page), ({ text }) => assert.equal(text, before.text));
  await ann.page.setViewportSize({ width: 1280, height: 500 });
  await eventually(() => topOf(ann.page), ({ text }) => assert.equal(text, before.text));
  faultless();
});

test("two hundred messages a second leave the page responsive", async () => {
  const host = await server("--rate-burst", "2000", "--rate-per-s", "2000");
  const bob = client(host, "Bob");
  await bob.client.join("fast");
  const ann = await (await person()).enter(`${host.http}/chat/fast`, "Ann");
  const ended = await longTasks(ann.page);
  const rate = 200;
  let said = 0;
  const began = Date.now();
  const saying = new Promise((resolve) => {
    const timer = setInterval(() => {
      while (said < ((Date.now() - began) / 1_000) * rate && said < 5 * rate) bob.client.publish("fast", `number ${++said}`);
      if (said >= 5 * rate) resolve(clearInterval(timer));
    }, 5);
  });
  const field = ann.page.locator("textarea");
  const waits = [];
  for (let i = 0; i < 10; i++) {
    const begin = Date.now();
    await field.press("x");
    waits.push(Date.now() - begin);
  }
  await saying;
  await ann.row(`number ${5 * rate}`).waitFor();
  assert.equal(await field.inputValue(), "x".repeat(10));
  assert.ok((await ann.page.locator(".message-row").count()) < ROWS_MAX);
  figure("200 messages a second", { ...(await ended()), slowestKey: Math.max(...waits) });
  faultless();
});
