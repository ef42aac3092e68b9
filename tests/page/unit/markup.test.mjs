// Links and code in messages; names; times.

import assert from "node:assert/strict";
import { test } from "node:test";
import { partsOf, previewOf, singleLine } from "../../../src/page/markup.js";
import { privateRoom, roomName, userName } from "../../../src/page/names.js";
import { formatCountdown, formatDay, formatTime, localizeTimes } from "../../../src/page/time-format.js";

const said = (text) => partsOf(text).map((part) => `${part.kind}:${part.text}`);

test("links end before the punctuation of a sentence", () => {
  assert.deepEqual(said("see https://a.example/b?c=1#d, or (https://b.example/x_(y))."), [
    "text:see ",
    "link:https://a.example/b?c=1#d",
    "text:, or (",
    "link:https://b.example/x_(y)",
    "text:).",
  ]);
});

test("what only looks like a link stays text", () => {
  for (const text of ["javascript:alert(1)", "https://", "data:text/html,x", "https://bank.example@evil.example/"]) {
    assert.deepEqual(said(text), [`text:${text}`]);
  }
  const [, link] = partsOf("go https://a.example/\u202egpj.exe");
  assert.equal(link.href, "https://a.example/");
});

test("code is kept verbatim, and no text is lost", () => {
  assert.deepEqual(said("a `b <i>` c\n```js\nlet x = `1`;\n```\nd"), [
    "text:a ",
    "code:b <i>",
    "text: c\n",
    "block:let x = `1`;",
    "text:\nd",
  ]);
  assert.deepEqual(said("```\n`"), ["text:```\n`"]);
  assert.deepEqual(said("<img src=x onerror=alert(1)>"), ["text:<img src=x onerror=alert(1)>"]);
});

test("a hostile text is parsed fast", () => {
  const hostile = ["`".repeat(60_000), "```a".repeat(15_000), "https://a.".repeat(6_000), "https://a" + "(".repeat(5_000) + ")".repeat(9_000)];
  for (const text of hostile) assert.equal(partsOf(text).map((part) => part.text).join("").length > 0, true);
});

test("the preview of a long text splits no character", () => {
  const lengthOf = (text) => previewOf(partsOf(text))?.reduce((sum, part) => sum + part.text.length, 0);
  assert.equal(lengthOf("short"), undefined);
  assert.equal(lengthOf("x".repeat(1_999) + "\u{1f600}"), 1_999);
  assert.equal(lengthOf("\n".repeat(100)), 23);
  assert.equal(lengthOf(`${"x".repeat(1_000)} https://a.example ${"x".repeat(1_000)}`), 2_000);
  assert.equal(lengthOf("`a`\n".repeat(24)), 24 * 2 - 1);
  assert.equal(singleLine("  a\n\n b "), "a b");
});

test("code that is cut stays code, and a link that is cut leads nowhere", () => {
  const kinds = (text) => previewOf(partsOf(text)).map(({ kind, href }) => (href ? `${kind} ${href}` : kind));
  assert.deepEqual(kinds(`see\n\`\`\`js\n${"let x;\n".repeat(100)}\`\`\`\nand`), ["text", "block"]);
  assert.deepEqual(kinds(`\`${"x".repeat(3_000)}\` and`), ["code"]);
  assert.deepEqual(kinds(`https://a.example/ ${"x".repeat(1_960)} https://b.example/very/long/path`), ["link https://a.example/", "text", "text"]);
});

test("names are valid where the server accepts them", () => {
  assert.equal(userName(" Zoe\u0308 "), "Zo\u00eb");
  for (const bad of ["", "a b", "a:b", "Error", "x".repeat(33), "a\u200bb", "a/b"]) assert.equal(userName(bad), undefined);
  for (const same of ["Alice\ufe0f", "Al\u200dice"]) assert.equal(userName(same), "Alice");
  for (const bad of ["\u2800", "\ufe0f", "a\u17b4", "\uff25rror"]) assert.equal(userName(bad), undefined);
  assert.equal(roomName("a:b"), "a:b");
  for (const bad of ["dm:a:b", "DM:a", ".", "..", "\uff0e", "a#b"]) assert.equal(roomName(bad), undefined);
  assert.equal(privateRoom("Bob", "Ann"), "dm:Ann:Bob");
  assert.equal(privateRoom("Ann", "Anna"), "dm:Ann:Anna");
  assert.equal(privateRoom("\u{1f600}", "\uff5e"), "dm:\uff5e:\u{1f600}");
});

test("days close to today have names", () => {
  const now = new Date(2026, 10, 21, 12).getTime();
  assert.equal(formatDay(new Date(2026, 10, 21, 0, 1), now), "Today");
  assert.equal(formatDay(new Date(2026, 10, 20, 23, 59), now), "Yesterday");
  assert.match(formatDay(new Date(2025, 0, 2), now), /2025/);
  const at = new Date(Date.now() - (Date.now() % 60_000)).toISOString();
  assert.equal(localizeTimes(`You are muted until ${at}, and ${at}`), `You are muted until ${formatTime(at)}, and ${formatTime(at)}`);
  assert.equal(localizeTimes("2026-11-20 is no moment"), "2026-11-20 is no moment");
  assert.deepEqual([0, 1_200, 120_000, 120_001, 7_200_001].map(formatCountdown), ["now", "in 2 s", "in 120 s", "in 3 min", "in 3 h"]);
});
