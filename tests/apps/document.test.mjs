// The application `document`: twenty who type at once while lines are cut and the server is killed, whoever comes late, what is
// written offline, and the page.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, afterEach, before, test } from "node:test";
import { difference, moved, pieces } from "../../examples/apps/document/page/changes.js";
import { Provider } from "../../examples/apps/document/page/provider.js";
import * as Y from "../../examples/apps/document/page/vendor/yjs.js";
import { Client } from "../../src/page/roomd.js";
import { Browser } from "../page/harness/browser.mjs";
import { eventually } from "../page/harness/fixtures.mjs";
import { look } from "../page/harness/look.mjs";
import { numbersFrom } from "../page/harness/random.mjs";
import { require } from "../page/harness/packages.mjs";
import { Relay } from "../page/harness/relay.mjs";
import { Program } from "./harness/program.mjs";

const { WebSocket } = require("ws");
const EDITORS = 20;
const WORDS = 120; // that each types, letter by letter

let program;
let browser;
const ends = [];
before(async () => {
  program = await Program.start("document");
  browser = await Browser.start();
});
after(async () => {
  await browser.end();
  await program.end();
});
afterEach(async () => {
  const faults = browser.faults();
  await browser.leave();
  for (const end of ends.splice(0).reverse()) end();
  assert.deepEqual(faults, []);
});

async function relay() {
  const made = await Relay.to(program);
  ends.push(() => made.end());
  return made;
}

// Somebody who edits without a browser.
function editor(room, ws = program.roomd.ws, kept = undefined) {
  const client = new Client(ws, { WebSocket, retryMs: 20, retryMsMax: 200 }).open();
  ends.push(() => client.close());
  const doc = new Y.Doc();
  const provider = new Provider(client, room, doc, { kept });
  const text = doc.getText("text");
  return { client, doc, provider, text, opened: provider.open(), type: (at, letters) => text.insert(at, letters) };
}

// As one is written: the number up to which it covers the room, and an update.
function snapshotOf(covers, update) {
  const bytes = Uint8Array.from([...Array(8).fill(0), ...update]);
  new DataView(bytes.buffer).setFloat64(0, covers);
  return bytes;
}

const saved = ({ provider }) => eventually(() => provider.state.phase, (phase) => assert.equal(phase, "saved"));
const reads = ({ text }, expected) => eventually(() => text.toString(), (found) => assert.equal(found, expected));

// The page, whose lines to roomd go through `wire`.
async function open(room, wire, options) {
  const person = await browser.person(options);
  await person.page.route("**/config.json", (route) => route.fulfill({ json: { roomd: wire.ws } }));
  await person.page.goto(`${program.address}?document=${room}`);
  await person.page.getByText("saved", { exact: true }).waitFor();
  return person;
}

const written = (page) => page.getByLabel("The text").inputValue();

test("twenty who type at full speed have one text, with each word once, after every cut and every end of the server", async () => {
  const wires = await Promise.all(Array.from({ length: 4 }, relay));
  const editors = Array.from({ length: EDITORS }, (_, number) => editor("storm", wires[number % wires.length].ws));
  await Promise.all(editors.map(({ opened }) => opened));
  const random = numbersFrom(7);
  // Each types its words letter by letter, into a line of its own or within others' text: marks around a word keep it whole.
  const typing = editors.map(async ({ provider, text, doc }, number) => {
    for (let word = 0; word < WORDS; word++) {
      let place = Y.createRelativePositionFromTypeIndex(text, random(text.length + 1));
      for (const letter of `‹${number}.${word}›`) {
        const { index } = Y.createAbsolutePositionFromRelativePosition(place, doc);
        text.insert(index, letter);
        place = Y.createRelativePositionFromTypeIndex(text, index + 1, -1); // behind the letter, whatever comes there
        provider.showCaret({ name: `Editor ${number}`, anchor: place, head: place });
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    }
  });
  let cuts = 0;
  let kills = 0;
  const isTyping = { now: true };
  const breaking = (async () => {
    while (isTyping.now) {
      const wire = wires[random(wires.length)];
      wire.cut();
      cuts++;
      await new Promise((resolve) => setTimeout(resolve, 150 + random(400)));
      wire.restore();
      if (cuts % 8 === 4) kills += await program.killRoomd().then(() => 1);
      await new Promise((resolve) => setTimeout(resolve, 300 + random(500)));
    }
  })();
  await Promise.all(typing);
  isTyping.now = false;
  await breaking;
  await Promise.all(editors.map(saved));
  const text = await eventually(
    () => new Set(editors.map(({ text }) => text.toString())),
    (texts) => assert.equal(texts.size, 1, `${texts.size} different texts`) ?? [...texts][0],
  );
  const letters = [...text].sort().join("");
  const typed = Array.from({ length: EDITORS }, (_, number) => Array.from({ length: WORDS }, (_, word) => `‹${number}.${word}›`)).flat(2);
  assert.equal(letters, [...typed.join("")].sort().join(""), "a letter was lost, or came twice");
  const sum = (name) => editors.reduce((sum, { provider }) => sum + provider.figures[name], 0);
  const all = ["sent", "snapshots", "conflicts", "paused", "unreadable"].map((name) => `${sum(name)} ${name}`).join(", ");
  console.log(`${EDITORS} editors, ${letters.length} letters, ${cuts} cuts, ${kills} kills: ${all}; ${editors[0].provider.state.position} messages`);
  assert.ok(kills > 0 && cuts > 4);
  assert.equal(sum("unreadable"), 0);

  const late = editor("storm");
  await late.opened;
  await reads(late, text);
  const { snapshotBytes, tail } = late.provider.figures;
  console.log(`a latecomer reads one snapshot of ${snapshotBytes} bytes and ${tail} of ${sum("sent")} changes`);
  assert.ok(snapshotBytes > 0 && tail < sum("sent") / 2, `${snapshotBytes} bytes and ${tail} changes`);
});

test("what is written offline is kept over a reload, and merges with what others have written", async () => {
  const wire = await relay();
  const bob = editor("trip");
  await bob.opened;
  bob.type(0, "Bring: tent, stove.");
  await saved(bob);
  const ann = await open("trip", wire, { bypassCSP: true }); // the relay is another address than the page may reach
  const area = ann.page.getByLabel("The text");
  await eventually(() => written(ann.page), (text) => assert.equal(text, "Bring: tent, stove."));
  wire.cut();
  await ann.page.locator('.line[data-phase="waiting"]').waitFor();
  await area.press("Control+End");
  await area.press("ArrowLeft");
  await area.pressSequentially(", maps");
  bob.type("Bring: ".length, "boots, ");
  await ann.page.getByText("not saved yet").waitFor();
  await ann.page.reload();
  await eventually(() => written(ann.page), (text) => assert.equal(text, "Bring: tent, stove, maps."));
  await saved(bob);
  wire.restore();
  const merged = "Bring: boots, tent, stove, maps.";
  await reads(bob, merged);
  await eventually(() => written(ann.page), (text) => assert.equal(text, merged));
  await ann.page.getByRole("button", { name: "Work offline" }).click();
  await area.press("Control+Home");
  await area.pressSequentially("1. ");
  assert.equal(bob.text.toString(), merged);
  await ann.page.getByRole("button", { name: "Work offline" }).click();
  await reads(bob, `1. ${merged}`);
  // One takes back what one has typed oneself, and nothing else.
  bob.type(0, "# ");
  await eventually(() => written(ann.page), (text) => assert.equal(text, `# 1. ${merged}`));
  await area.press("Control+z");
  await reads(bob, `# ${merged}`);
});

test("a server that has lost the room is given it again by who has it", async () => {
  const older = new Y.Doc();
  older.getText("text").insert(0, "kept by Cleo");
  // As after a restore of an older copy: the position from which Cleo goes on does not exist there.
  const state = Y.encodeStateAsUpdate(older);
  const kept = { load: () => ({ state, position: { epoch: "another", seq: 5 } }), keep() {}, keepWaiting() {} };
  const cleo = editor("empty", program.roomd.ws, kept);
  await cleo.opened;
  const dan = editor("empty");
  await reads(dan, "kept by Cleo");
  await saved(cleo);
});

test("what is no update, or lies, does no harm", async () => {
  const eve = editor("open");
  await eve.opened;
  eve.type(0, "fine\r\n");
  await saved(eve);
  for (const [body, options] of [
    ["no bytes at all", {}],
    [Uint8Array.from([255, 1, 2]), {}],
    ["no snapshot", { key: "snapshot" }],
    [snapshotOf(1e9, [0, 0]), { key: "snapshot" }],
    [snapshotOf(0.5, [0, 0]), { key: "snapshot" }],
    [snapshotOf(2, [255]), { key: "snapshot" }],
    [Uint8Array.from([1]), { key: "snapshot" }],
    ["[]", { store: false }],
    [JSON.stringify(["<b>Eve</b>", "AAA", "AAA"]), { store: false }],
  ]) await eve.client.publish("open", body, options);
  const ann = await open("open", program.roomd);
  await eventually(() => written(ann.page), (text) => assert.equal(text, "fine\n"));
  await reads(eve, "fine\n"); // a textarea has no carriage returns: the page has taken it out
  await ann.page.getByLabel("The text").press("Control+Home");
  await ann.page.getByLabel("The text").pressSequentially("All ");
  await reads(eve, "All fine\n");
});

test("each sees the others' carets and what they have selected, in light and in dark, on a desk and on a phone", async () => {
  const text = [
    "The lighthouse at Point Reyes",
    "",
    "The fog came in at four. By five the lamp was lit, and the keeper wrote the hour into the log, as every evening since the spring: wind from the northwest, the sea heavy, two sails to the south.",
    "",
    "Nobody had told him that the lamp would one day light itself. He wound the clockwork, all forty turns of it, and went down to see whether the bread had risen.",
    "",
    "What we still need: the name of the ship, and whether it was the winter of 1871 or that of 1872. Ask at the museum.",
  ].join("\n");
  const bob = editor("story");
  const cleo = editor("story");
  await Promise.all([bob.opened, cleo.opened]);
  bob.type(0, text);
  await reads(cleo, text);
  const caret = ({ provider, text }, name, from, to = from) => {
    const [anchor, head] = [from, to].map((index) => Y.createRelativePositionFromTypeIndex(text, index));
    provider.showCaret({ name, anchor, head });
  };
  const views = [
    ["desk-light", { viewport: { width: 1280, height: 860 }, colorScheme: "light" }],
    ["desk-dark", { viewport: { width: 1280, height: 860 }, colorScheme: "dark" }],
    ["phone-light", { viewport: { width: 390, height: 844 }, colorScheme: "light" }],
    ["phone-dark", { viewport: { width: 390, height: 844 }, colorScheme: "dark" }],
  ];
  for (const [view, options] of views) {
    const { page } = await open("story", program.roomd, options);
    await page.getByLabel("Your name").fill("Ann");
    caret(bob, "Bob", text.indexOf(". By five"));
    caret(cleo, "Cleo", text.indexOf("the winter"), text.indexOf(" or that"));
    await page.locator('.flag[data-name="Bob"]').waitFor({ state: "attached" });
    await page.locator("mark", { hasText: "the winter of 1871" }).waitFor({ state: "attached" });
    // Exactly where the letter is: the copy breaks its lines where the textarea does.
    const heights = await page.evaluate(() => ["mirror", "text"].map((id) => document.getElementById(id).scrollHeight));
    assert.equal(heights[0], heights[1]);
    await look(page, `apps-document-${view}`);
    await page.close();
  }
});

test("the library is as its script makes it, with its licence", () => {
  const vendor = new URL("../../examples/apps/document/page/vendor/", import.meta.url);
  const hash = createHash("sha256").update(readFileSync(new URL("yjs.js", vendor))).digest("hex");
  assert.equal(hash, "e40b45fe377f6c2f10849fa662ea6cc04f55b91b4b3a8d2e6e79e27527f9d2f3");
  assert.match(readFileSync(new URL("yjs.LICENSE", vendor), "utf8"), /MIT License/);
});

test("a change is found, a place is moved, and a long text is cut, and no character is halved", () => {
  assert.deepEqual(difference("abc", "abXc"), { index: 2, removed: 0, inserted: "X" });
  assert.deepEqual(difference("aa", "aaa", 1), { index: 0, removed: 0, inserted: "a" }); // typed before them
  assert.deepEqual(difference("aaa", "aa", 1), { index: 1, removed: 1, inserted: "" });
  assert.deepEqual(difference("same", "same"), undefined);
  assert.deepEqual(difference("🙂", "🙃"), { index: 0, removed: 2, inserted: "🙃" });
  assert.deepEqual(moved(3, [[{ retain: 1 }, { insert: "xx" }]]), 5);
  assert.deepEqual(moved(1, [[{ retain: 1 }, { insert: "xx" }]]), 1);
  assert.deepEqual(moved(5, [[{ retain: 2 }, { delete: 2 }], [{ delete: 1 }]]), 2);
  assert.deepEqual(moved(3, [[{ retain: 2 }, { delete: 9 }]]), 2);
  assert.deepEqual(pieces("ab🙂cd", 3), ["ab", "🙂c", "d"]);
  const random = numbersFrom(3);
  const some = () => Array.from({ length: random(8) }, () => ["a", "b", "🙂", "\n"][random(4)]).join("");
  for (let turn = 0; turn < 2_000; turn++) {
    const [one, other] = [some(), some()];
    const change = difference(one, other, random(other.length + 1));
    const result = change ? one.slice(0, change.index) + change.inserted + one.slice(change.index + change.removed) : one;
    assert.equal(result, other);
    assert.equal(pieces(one, 2 + random(4)).join(""), one);
  }
});
