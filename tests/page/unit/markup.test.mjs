// The beginnings of texts; mentions; names; times.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mentions, singleLine } from "../../../src/page/markup.js";
import { privateRoom, roomName, userName } from "../../../src/page/names.js";
import { formatCountdown, formatDay, formatDuration, formatTime, localizeTimes } from "../../../src/page/time-format.js";

test("the beginning of a text is on one line, without the marks of its formatting", () => {
  assert.equal(singleLine("  a\n\n b "), "a b");
  assert.equal(singleLine("x".repeat(119) + "\u{1f600}"), "x".repeat(119));
  assert.equal(singleLine("# Plan\n> **really**\n- `one`\n```js\nlet x;\n```"), "Plan really one let x;");
  assert.equal(singleLine("see [the notes](https://a.example/b), 2 * 3 ** 4 and snake_case"), "see the notes, 2 * 3 ** 4 and snake_case");
  for (const text of ["**", "#", "```", "👍", "* * *"]) assert.notEqual(singleLine(text, 16), "", text);
});

test("a mention is a word of its own, outside of code", () => {
  for (const text of ["@Ann", "hi @ann, are you there?", "(@Ann)", "**@ANN**", "@Ann's turn".replace("'s", "!"), "_@Ann_ ".replaceAll("_", "*"), "a@b.example @Ann", "\uff20nope @Ann.", "@here", "come @HERE!"]) {
    assert.equal(mentions(text, "Ann"), true, text);
  }
  for (const text of ["Ann", "@Anna", "@Ann-Marie", "x@Ann", "mail@Ann.example", "`@Ann`", "```\n@Ann\n```", "```\n@Ann", "@ Ann", "@hereafter", "https://a.example/@Ann", "@@Ann"]) {
    assert.equal(mentions(text, "Ann"), false, text);
  }
  assert.equal(mentions("@Zoe\u0308", "Zo\u00eb"), true);
  assert.equal(mentions("@Dr.Who.", "Dr.Who"), true);
  assert.equal(mentions("@天気さん", "天気"), false);
  const hostile = "@Ann1".repeat(13_000) + "`".repeat(600);
  assert.equal(mentions(hostile, "Ann"), false);
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
  assert.deepEqual([-5, 7_900, 727_000, 3_727_000].map(formatDuration), ["0:00", "0:07", "12:07", "1:02:07"]);
  assert.deepEqual([0, 1_200, 120_000, 120_001, 7_200_001].map(formatCountdown), ["now", "in 2 s", "in 120 s", "in 3 min", "in 3 h"]);
});
