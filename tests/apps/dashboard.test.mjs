// examples/apps/dashboard: what a slow line shows in the end, and that what is missing shows.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Client } from "../../src/page/roomd.js";
import { Board } from "../../examples/apps/dashboard/page/board.js";
import { TOPICS, parsed, written } from "../../examples/apps/dashboard/page/figures.js";
import { Series, timeOf } from "../../examples/apps/dashboard/page/series.js";
import { SlowLine } from "../../examples/apps/feed/slow-line.mjs";
import { eventually, fixtures } from "../page/harness/fixtures.mjs";
import { look } from "../page/harness/look.mjs";
import { Program } from "./harness/program.mjs";

const { person, faultless } = fixtures();
const EVERY = 100;

function board(ws, http) {
  const client = new Client(ws, { retryMs: 50, retryMsMax: 300 }).open();
  return { client, board: new Board(client, http.replace(/\/$/, "")) };
}

// The process that publishes.
async function publisherPid(program) {
  return eventually(async () => {
    for (const child of await program.children()) if ((await readFile(`/proc/${child}/cmdline`, "utf8")).includes("publisher.mjs")) return Number(child);
    return undefined;
  }, (pid) => (assert.ok(pid), pid));
}

// What is stored of a topic: of each key the points, by time; with `latest` the newest.
async function stored(program, topic, latest = false) {
  const keys = new Map();
  for (let after = 0; ; ) {
    const response = await fetch(`${program.roomd.http}api/v1/rooms/${topic}/messages?after=${after}&limit=300${latest ? "&latest" : ""}`);
    const { messages, complete, next } = await response.json();
    for (const { key, message } of messages) keys.set(key, [...(keys.get(key) ?? []), parsed(message)]);
    if (complete) return keys;
    after = next;
  }
}

const ticks = (points) => points.map(({ tick }) => tick);

test("a line is drawn through ticks that follow each other, and never over one that is missing", () => {
  const series = new Series(10_000);
  for (const tick of [5, 3, 4, 9, 8, 9, 20]) series.add({ tick, every: 500, value: tick });
  assert.deepEqual(series.runs().map(ticks), [[3, 4, 5], [8, 9], [20]]);
  assert.deepEqual(series.gaps(10_500), [{ from: 2_500, to: 4_000 }, { from: 4_500, to: 10_000 }]);
  assert.deepEqual(series.gaps(12_000).at(-1), { from: 10_000, to: 12_000 });
  series.add({ tick: 6, every: 500, value: 6 });
  series.add({ tick: 7, every: 500, value: 7 });
  assert.deepEqual(series.runs().map(ticks), [[3, 4, 5, 6, 7, 8, 9], [20]]);
  series.add({ tick: 25, every: 500, value: 25 });
  assert.equal(series.points[0].tick, 5, "what is older than the window is forgotten");
  for (const [value, unit, text] of [[7, "%", "7.0 %"], [1_234_567, "B/s", "1.23 MB/s"], [3, "", "3"], [0.5, "", "0.50"]]) assert.equal(written(value, unit), text);
  for (const message of ["", "[1,2]", "[1,500,null]", '{"tick":1}', "[1.5,500,1]"]) assert.equal(parsed(message), undefined);
});

test("a line too slow for the values shows the newest of every key in the end, and how many it skipped", async (t) => {
  const program = await Program.start("dashboard", "--every", "20");
  t.after(() => program.end());
  const line = new SlowLine(12_000);
  line.port = program.port;
  await line.listen();
  t.after(() => line.end());
  const { client, board: slow } = board(line.ws, program.roomd.http);
  t.after(() => client.close());
  await slow.open();
  await eventually(() => slow.skipped, (skipped) => assert.ok(skipped > 200, `${skipped} skipped`));
  const behind = slow.now() - timeOf(slow.topics.get("dash.cpu").get("all").newest);
  const pid = await publisherPid(program);
  process.kill(pid, "SIGSTOP");
  t.after(() => process.kill(pid, "SIGKILL")); // it is not there to be asked
  await eventually(async () => {
    for (const { topic } of TOPICS) {
      for (const [key, [newest]] of await stored(program, topic, true)) assert.deepEqual(slow.topics.get(topic)?.get(key)?.newest, newest, `${topic} ${key}`);
    }
  }, () => {});
  t.diagnostic(`${slow.skipped} values skipped; behind by ${Math.round(behind)} ms under way`);
});

test("a restart of the server loses nothing, and one of the publisher is a gap", async (t) => {
  const program = await Program.start("dashboard", "--every", String(EVERY));
  t.after(() => program.end());
  const { client, board: live } = board(program.roomd.ws, program.roomd.http);
  t.after(() => client.close());
  await live.open();
  const newest = () => live.topics.get("dash.cpu")?.get("all")?.newest;
  await eventually(newest, (point) => assert.ok(point));
  const passes = async () => {
    const at = timeOf(newest());
    await eventually(() => timeOf(newest()), (time) => assert.ok(time > at + 10 * EVERY));
  };
  await passes();
  const killed = Date.now();
  await program.killRoomd();
  const back = Date.now();
  await passes();
  process.kill(await publisherPid(program), "SIGKILL");
  const gone = Date.now();
  await eventually(() => newest(), (point) => assert.ok(timeOf(point) > gone + 500)); // it is started again after that
  await passes();
  process.kill(await publisherPid(program), "SIGSTOP"); // what was published is all there is
  const stopped = await publisherPid(program);
  t.after(() => process.kill(stopped, "SIGKILL"));
  await eventually(async () => {
    for (const { topic } of TOPICS) {
      for (const [key, points] of await stored(program, topic)) assert.deepEqual(ticks(live.topics.get(topic).get(key).points), ticks(points), `${topic} ${key}`);
    }
  }, () => {});
  const { points } = live.topics.get("dash.cpu").get("all");
  assert.ok(points.some((point) => timeOf(point) > killed && timeOf(point) < back), "what was measured without a server is lost");
  const gaps = live.topics.get("dash.cpu").get("all").gaps(timeOf(newest()));
  const jumps = points.filter((point, at) => at > 0 && point.tick !== points[at - 1].tick + 1);
  assert.equal(gaps.length, jumps.length);
  assert.ok(gaps.some(({ from, to }) => from <= gone && to > gone + 400), "the publisher's end does not show");
});

test("the page shows the newest values at once, live plots, and that nothing comes", async (t) => {
  const program = await Program.start("dashboard");
  t.after(() => program.end());
  const pages = [];
  for (const options of [{}, { colorScheme: "dark" }, { viewport: { width: 390, height: 844 } }]) {
    const { page } = await person(options);
    await page.goto(program.address);
    pages.push(page);
  }
  const values = (page) => page.locator('[data-topic="dash.cpu"] dd').first();
  for (const page of pages) await values(page).waitFor();
  // The points of the first plot, in all of its runs.
  const paths = () => pages[0].locator('[data-topic="dash.cpu"] g').first().locator("path").evaluateAll((all) => all.map((path) => path.getAttribute("d")));
  const drawn = async (most) => eventually(paths, (all) => assert.ok(all.join("").split(/[ML]/).length > most));
  await drawn(15);
  process.kill(await publisherPid(program), "SIGKILL");
  await eventually(() => pages[0].locator('[data-topic="dash.cpu"] .gap').count(), (count) => assert.ok(count > 0));
  await drawn(30);
  for (const [at, view] of ["", "-dark", "-phone"].entries()) await look(pages[at], `apps-dashboard${view}`);
  const pid = await publisherPid(program);
  process.kill(pid, "SIGSTOP");
  t.after(() => process.kill(pid, "SIGKILL"));
  await pages[0].locator('[data-topic="dash.cpu"] .gap-said', { hasText: "nothing for" }).waitFor();
  faultless();
});
