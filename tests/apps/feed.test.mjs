// The application `feed`: what fast and slow readers have in the end, orders that are never executed twice, and the page.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { Market } from "../../examples/apps/feed/market.mjs";
import { Book } from "../../examples/apps/feed/page/book.js";
import { Prices } from "../../examples/apps/feed/page/prices.js";
import { Trader } from "../../examples/apps/feed/page/trader.js";
import { Client } from "../../src/page/roomd.js";
import { Browser } from "../page/harness/browser.mjs";
import { eventually } from "../page/harness/fixtures.mjs";
import { look } from "../page/harness/look.mjs";
import { numbersFrom } from "../page/harness/random.mjs";
import { require } from "../page/harness/packages.mjs";
import { Relay } from "../page/harness/relay.mjs";
import { Program } from "./harness/program.mjs";

const { WebSocket } = require("ws");
const INSTRUMENTS = 500;
const TRADERS = 20;
const ORDERS = 12; // of each
const ends = [];
let browser;
before(async () => (browser = await Browser.start()));
after(() => browser.end());
afterEach(async () => {
  const faults = browser.faults();
  await browser.leave();
  for (const end of ends.splice(0).reverse()) await end();
  assert.deepEqual(faults, []);
});

async function program(...flags) {
  const made = await Program.start("feed", ...flags);
  ends.push(() => made.end());
  return made;
}

function client(ws, options = {}) {
  const made = new Client(ws, { WebSocket, retryMs: 20, retryMsMax: 200, ...options }).open();
  ends.push(() => made.close());
  return made;
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// All messages of a room, or the newest of each key.
async function messages(http, room, latest = "") {
  const found = [];
  for (let after = 0; after !== undefined; ) {
    const page = await fetch(`${http}api/v1/rooms/${room}/messages?${latest}after=${after}&limit=300`).then((response) => response.json());
    found.push(...page.messages);
    after = page.next;
  }
  return found;
}

// What a fast and a slow reader have when the publisher has ended: how many instruments, of which some have a price that is not the newest.
async function readers(policy, { kill = false } = {}) {
  const app = await program("--policy", policy, "--updates", "100000", "--floor", "0", "--slow-kib", "256");
  const { slow: slowLine } = await (await fetch(new URL("/config.json", app.address))).json();
  const fast = new Prices(client(app.roomd.ws));
  const slowClient = client(slowLine);
  const slow = new Prices(slowClient);
  const [{ seq: from }] = await Promise.all([slow.joined, fast.joined]);
  let live = 0; // what came on the slow line of what was published after it was there
  slowClient.on("message", ({ seq }) => seq > from && live++);
  if (kill) {
    await eventually(() => fast.newest, (newest) => assert.ok(newest > 20_000)); // in the middle of it
    await app.killRoomd();
  }
  await app.printed("All prices are published");
  const newest = new Map((await messages(app.roomd.http, "prices", "latest&")).map(({ key, message }) => [key, message]));
  const isStale = (prices) => ([key, message]) => {
    const { bid, ask, at } = prices.values.get(key) ?? {};
    return `${bid} ${ask} ${at}` !== message;
  };
  const settles = (prices) => eventually(() => [...newest].filter(isStale(prices)).length, (stale) => assert.equal(stale, 0, "prices that are not the newest"));
  await settles(fast);
  // A slow one has read all that waited for it when what came and what it is told of having missed are all that was published.
  await (kill ? settles(slow) : eventually(() => live + slow.missed, (all) => assert.equal(all, fast.newest - from)));
  const told = (prices) => `${prices.received} received, ${prices.conflated} replaced, ${prices.missed - prices.conflated} dropped`;
  const stale = (prices) => [...newest].filter(isStale(prices)).length;
  const result = { instruments: newest.size, fast: stale(fast), slow: stale(slow), received: slow.received, conflated: slow.conflated, dropped: slow.missed - slow.conflated };
  console.log(`${policy}: ${fast.newest} updates${kill ? ", the server killed once" : ""}; fast: ${told(fast)}, ${result.fast} stale; slow: ${told(slow)}, ${result.slow} of ${newest.size} stale`);
  await app.end();
  return result;
}

test("under `latest` a slow reader ends with the newest price of each instrument, also if the server was killed", async () => {
  const { instruments, fast, slow, received } = await readers("latest", { kill: true });
  assert.deepEqual({ instruments, fast, slow }, { instruments: INSTRUMENTS, fast: 0, slow: 0 });
  assert.ok(received > 0);
});

test("without it the same reader ends with prices of long ago", async () => {
  const { slow, dropped } = await readers("drop");
  assert.ok(slow > 0 && dropped > 0, `${slow} stale, ${dropped} dropped`);
});

test("twenty who trade one instrument execute no order twice, whatever is cut and killed", async () => {
  const app = await program("--per-s", "100", "--floor", "0");
  const wires = [];
  for (let number = 0; number < 4; number++) {
    wires.push(await Relay.to(app));
    ends.push(() => wires[number].end());
  }
  const traders = Array.from({ length: TRADERS }, (_, number) => {
    const line = client(wires[number % wires.length].ws, { user: `Trader-${number}` });
    return { user: `Trader-${number}`, line, trader: new Trader(line, "TEST") };
  });
  await Promise.all(traders.map(({ trader }) => trader.open()));
  const random = numbersFrom(11);
  const executed = []; // what each was told: the number of the order, and what it took
  const trading = traders.map(async ({ user, trader }) => {
    for (let number = 0; number < ORDERS; number++) {
      const side = random(2) === 0 ? "buy" : "sell";
      const { seq, take } = await trader.order(side, 9_990 + random(21), 1 + random(50));
      executed.push({ user, seq, take });
    }
  });
  let [cuts, kills] = [0, 0];
  let isTrading = true;
  const breaking = (async () => {
    while (isTrading) {
      const wire = wires[random(wires.length)];
      if (random(3) === 0) wire.dropReplies(); // what was stored is not acknowledged
      await wait(40 + random(100));
      wire.cut();
      cuts++;
      await wait(20 + random(80));
      wire.restore();
      if (cuts % 12 === 5) kills += await app.killRoomd().then(() => 1);
    }
  })();
  await Promise.all(trading);
  isTrading = false;
  await breaking;
  // The log itself, read as an auditor would: each execution is of an order that was open, and of no more than was left of it.
  const log = await messages(app.roomd.http, "book.TEST");
  const orders = log.filter(({ message }) => message !== undefined);
  const left = new Map();
  let shares = 0;
  for (const { seq, message } of orders) {
    const { side, price, size, take } = JSON.parse(message);
    const taken = take.reduce((sum, [, some]) => sum + some, 0);
    for (const [number, some] of take) {
      const open = left.get(number);
      assert.ok(open && open.side !== side && some <= open.left, `number ${seq} took ${some} of ${number}, of which ${open?.left} were left`);
      open.left -= some;
      shares += some;
    }
    left.set(seq, { side, price, left: size - taken });
  }
  assert.equal(orders.length, TRADERS * ORDERS, "each order is in the log once");
  assert.equal(new Set(log.map(({ mid }) => mid)).size, log.length);
  for (const { user, seq, take } of executed) {
    const order = log.find((message) => message.seq === seq);
    assert.deepEqual([order.user, JSON.parse(order.message).take], [user, take], "what the trader was told is what the log has");
  }
  // Each has the same book.
  const book = new Book();
  for (const message of log) book.apply(message);
  for (const { trader } of traders) {
    await eventually(() => trader.book.seq, (seq) => assert.equal(seq, book.seq));
    assert.deepEqual(trader.book.toJSON(), book.toJSON());
  }
  const conflicts = traders.reduce((sum, { trader }) => sum + trader.conflicts, 0);
  console.log(`${TRADERS} traders, ${orders.length} orders, ${shares} shares executed; ${conflicts} refused as conflicts and computed again; ${cuts} cuts, ${kills} kills; 0 twice`);
  assert.ok(conflicts > 0 && kills > 0 && shares > 0);
});

test("a book takes what fits it, and nothing else", () => {
  const book = new Book();
  let seq = 0;
  const say = (message, user = "Ann") => book.apply({ seq: ++seq, user, message: JSON.stringify(message) });
  const order = (side, price, size, take = []) => ({ side, price, size, take });
  say(order("sell", 101, 10), "Bob");
  say(order("sell", 100, 5), "Cy");
  say(order("sell", 100, 5), "Bob");
  assert.deepEqual(book.match("buy", 101, 12), [[2, 5], [3, 5], [1, 2]]);
  assert.deepEqual(book.match("buy", 99, 12), []);
  const void_ = [
    order("buy", 100, 5, [[1, 5]]), // at a worse price than its own
    order("buy", 101, 20, [[1, 11]]), // more than there is
    order("buy", 101, 5, [[1, 3], [1, 3]]), // twice the same
    order("buy", 101, 5, [[1, 6]]), // more than it wants
    order("sell", 90, 5, [[1, 5]]), // of its own side
    order("buy", 101, 5, [[9, 5]]), // of none
    order("buy", 101, 5, [[1, -5]]),
    order("buy", 1.5, 5),
    order("buy", 101, 5, [7]),
    order("hold", 101, 5),
    [1],
    null,
  ];
  const before = JSON.stringify([...book.orders]);
  for (const message of void_) assert.deepEqual(say(message), []);
  assert.deepEqual(book.apply({ seq: ++seq, user: "Eve", message: "no JSON" }), []);
  say({ cancel: 1 }); // not Ann's
  assert.equal(JSON.stringify([...book.orders]), before);
  assert.deepEqual(say(order("buy", 101, 14, book.match("buy", 101, 14))).map(({ order, size, maker }) => [order, size, maker]), [[2, 5, "Cy"], [3, 5, "Bob"], [1, 4, "Bob"]]);
  assert.deepEqual([book.depth("sell", 5), book.depth("buy", 5)], [[[101, 6]], []]);
  say({ cancel: 1 }, "Bob");
  say(order("buy", 99, 7));
  assert.deepEqual([book.depth("sell", 5), book.depth("buy", 5)], [[], [[99, 7]]]);
  const copy = new Book();
  assert.ok(copy.load(JSON.parse(JSON.stringify(book))));
  assert.deepEqual(copy.toJSON(), book.toJSON());
  assert.ok(!copy.load({ covers: "all" }));
});

test("five hundred instruments have five hundred names", () => {
  const { symbols } = new Market(INSTRUMENTS);
  assert.equal(new Set(symbols).size, INSTRUMENTS);
});

test("the page shows what both lines see, and an order on it executes what is open", async () => {
  const app = await program("--per-s", "4000");
  const views = [
    ["desk-light", { viewport: { width: 1280, height: 1000 }, colorScheme: "light" }],
    ["desk-dark", { viewport: { width: 1280, height: 1000 }, colorScheme: "dark" }],
    ["phone-light", { viewport: { width: 390, height: 844 }, colorScheme: "light" }],
    ["phone-dark", { viewport: { width: 390, height: 844 }, colorScheme: "dark" }],
  ];
  for (const [view, options] of views) {
    const { page } = await browser.person(options);
    await page.goto(app.address);
    await page.locator("#instruments", { hasText: "500" }).waitFor();
    await page.locator("#trades li").first().waitFor();
    await page.locator("#book td.sell").first().waitFor();
    await eventually(() => page.locator("#slow-figures dd").first().innerText(), (rate) => assert.ok(parseInt(rate) > 0));
    if (view === "desk-light") {
      await page.getByRole("spinbutton", { name: "Size" }).fill("3");
      await page.getByRole("spinbutton", { name: "Price" }).fill("9999");
      await page.getByRole("button", { name: "Buy", exact: true }).click();
      await page.locator("#outcome", { hasText: "3 executed, 0 open" }).waitFor();
      await page.locator("#trades li", { hasText: "you" }).first().waitFor();
      await eventually(() => page.evaluate(() => performance.now()), (now) => assert.ok(now > 16_000)); // for the picture: most of the plot is there
    }
    await look(page, `apps-feed-${view}`);
    await page.close();
  }
});
