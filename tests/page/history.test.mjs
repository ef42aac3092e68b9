// Long histories and fast rooms: the page keeps its place, and does work only for what is seen.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { figure, longTasks } from "./harness/figures.mjs";
import { eventually, stage } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = stage();

const LINES_MAX = 150; // that are in the document at once, however many there are

// A server whose room has a history of this many messages, a minute apart.
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
  await host.again();
  return host;
}

const numberOf = (text) => Number(/message (\d+)/.exec(text)?.[1]);

// The message at the top of the view, and how far it is from it.
const topOf = (page) =>
  page.evaluate(() => {
    const view = document.querySelector(".log").getBoundingClientRect();
    const line = [...document.querySelectorAll(".line")].find((each) => each.getBoundingClientRect().bottom > view.top);
    return { text: line.querySelector(".text").textContent, at: line.getBoundingClientRect().top - view.top };
  });

// Scrolls, and waits until the page has drawn what that brings.
async function scrolled(page, px) {
  await page.evaluate(async (px) => {
    document.querySelector(".log").scrollTop += px;
    for (let frames = 0; frames < 10; frames++) await new Promise(requestAnimationFrame);
  }, px);
  return topOf(page);
}

test("ten thousand messages are scrolled through, to the first and back, with few of them in the document", async () => {
  const { http } = await withHistory(10_000);
  const ann = await (await person()).enter(`${http}/chat/long`, "Dora");
  await ann.line("message 10000").waitFor();
  const ended = await longTasks(ann.page);
  const seen = await ann.page.evaluate(async () => {
    const log = document.querySelector(".log");
    const frame = () => new Promise(requestAnimationFrame);
    let most = 0;
    // As fast as a thumb can: several views a frame, until the beginning is there.
    for (let frames = 0; frames < 6_000 && !document.querySelector(".beginning")?.textContent.startsWith("This is"); frames++) {
      log.scrollTop -= 2_500;
      await frame();
      most = Math.max(most, document.querySelectorAll(".line").length);
    }
    for (log.scrollTop = 0; log.scrollTop > 0; ) await frame();
    return most;
  });
  await ann.line("message 1").first().waitFor();
  await eventually(() => topOf(ann.page), ({ text }) => assert.equal(numberOf(text), 1));
  assert.ok(seen < LINES_MAX, `${seen} lines were in the document at once`);
  await ann.page.getByRole("button", { name: "To the end" }).click();
  await ann.line("message 10000").waitFor();
  await ann.page.evaluate(async () => {
    const log = document.querySelector(".log");
    for (let frames = 0; frames < 200; frames++) {
      log.scrollTop += frames % 2 ? -40_000 : 39_000;
      await new Promise(requestAnimationFrame);
    }
  });
  figure("ten thousand messages scrolled", await ended());
  faultless();
});

test("the view keeps its place while older messages come above it, and new ones below", async () => {
  const host = await withHistory(600);
  const bob = client(host, "Bob");
  await bob.client.join("long");
  const ann = await (await person()).enter(`${host.http}/chat/long`, "Dora");
  await ann.line("message 600").waitFor();
  const before = await scrolled(ann.page, -900);
  assert.ok(numberOf(before.text) < 595);
  for (let i = 0; i < 20; i++) await bob.client.publish("long", `new ${i}`);
  await ann.page.getByRole("button", { name: "To the end: 20 new" }).waitFor();
  const after = await topOf(ann.page);
  assert.equal(after.text, before.text);
  assert.ok(Math.abs(after.at - before.at) < 2, `${after.at} and ${before.at}`);
  await ann.page.getByRole("button", { name: "To the end" }).click();
  await ann.line("new 19").waitFor();
  await ann.page.getByRole("button", { name: "To the end" }).waitFor({ state: "detached" });
  faultless();
});

test("a window that changes its width keeps what is read in view", async () => {
  const { http } = await withHistory(300);
  const ann = await (await person()).enter(`${http}/chat/long`, "Dora");
  await ann.line("message 300").waitFor();
  const before = await scrolled(ann.page, -1_500);
  assert.ok(numberOf(before.text) < 290);
  await ann.page.setViewportSize({ width: 500, height: 800 });
  await eventually(() => topOf(ann.page), ({ text }) => assert.equal(text, before.text));
  await ann.page.setViewportSize({ width: 1280, height: 500 });
  await eventually(() => topOf(ann.page), ({ text }) => assert.equal(text, before.text));
  faultless();
});

test("two hundred messages a second leave the page able to answer", async () => {
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
  await ann.line(`number ${5 * rate}`).waitFor();
  assert.equal(await field.inputValue(), "x".repeat(10));
  assert.ok((await ann.page.locator(".line").count()) < LINES_MAX);
  figure("200 messages a second", { ...(await ended()), slowestKey: Math.max(...waits) });
  faultless();
});
