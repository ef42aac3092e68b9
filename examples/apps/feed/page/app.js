// The page: two lines to the same prices, the picture of what each sees, and one instrument's book.

import { element, openClient } from "/page.js";
import { Client } from "/roomd.js";
import { drawMap, drawPlot, symbolAt, Track } from "./drawing.js";
import { Prices } from "./prices.js";
import { Trader } from "./trader.js";

const FRAME_MS = 100; // between two pictures
const ROWS = 6; // of each side of the book
const TRADES = 6;
const SIZE_MAX = 100_000;

const find = (id) => document.getElementById(id);
let frame; // in which something is shown
const { slow: slowAddress } = await (await fetch("/config.json")).json();
const client = await openClient({}, find("line"));
const slowClient = new Client(slowAddress, { retryMsMax: 4_000 }).open();
const lines = [
  { id: "fast", prices: new Prices(client), track: new Track(), before: { received: 0, newest: 0 } },
  { id: "slow", prices: new Prices(slowClient), track: new Track(), before: { received: 0, newest: 0 } },
];
const [fast, slow] = lines;

let symbols = [];
let first = new Map(); // the price with which each began
let symbol = new URLSearchParams(location.search).get("instrument");
let trader;

find("pick").addEventListener("change", ({ currentTarget }) => choose(currentTarget.value));
for (const { id } of lines) find(`${id}-map`).addEventListener("click", (event) => choose(symbolAt(event.currentTarget, symbols, event)));
find("order").addEventListener("submit", onOrder);
setInterval(draw, FRAME_MS);
setInterval(count, 1_000);

function choose(wanted) {
  if (!wanted || (wanted === symbol && trader)) return;
  symbol = wanted;
  find("symbol").textContent = find("pick").value = symbol;
  for (const line of lines) line.track = new Track();
  find("price").value = "";
  find("outcome").textContent = "";
  trader?.close().catch(() => {});
  trader = new Trader(client, symbol, showSoon);
  trader.open().catch(({ message }) => (find("outcome").textContent = `${message}.`));
  showSoon();
}

// All instruments have a price after the join: `latest` sends the newest of each.
function learn() {
  if (fast.prices.values.size === symbols.length) return;
  symbols = [...fast.prices.values.keys()].sort();
  first = new Map([...fast.prices.values].map(([name, { bid }]) => [name, first.get(name) ?? bid]));
  find("instruments").textContent = String(symbols.length);
  offer();
}

// All instruments, and first those that somebody trades: their books are rooms.
async function offer() {
  const { rooms } = await client.request({ type: "rooms" }).catch(() => ({ rooms: [] }));
  const traded = rooms.filter(({ room }) => room.startsWith("book.")).map(({ room }) => room.slice("book.".length)).sort();
  const group = (label, names) => element("optgroup", { label }, ...names.map((name) => element("option", {}, name)));
  find("pick").replaceChildren(group("Traded now", traded), group("All", symbols));
  if (!trader) choose(symbol ?? traded[0] ?? symbols[0]);
  find("pick").value = symbol;
}

function draw() {
  learn();
  const now = Date.now();
  for (const { id, prices, track } of lines) {
    track.add(now, prices.values.get(symbol));
    drawMap(find(`${id}-map`), symbols, prices.values, first, now);
  }
  drawPlot(find("plot"), fast.track, slow.track, now);
  const value = fast.prices.values.get(symbol);
  if (value && !find("price").value && document.activeElement !== find("price")) find("price").value = (value.ask / 100).toFixed(2);
}

// What has come in the last second.
function count() {
  for (const { id, prices, before } of lines) {
    const rate = prices.received - before.received;
    if (id === "fast") find("published").textContent = Math.max(0, prices.newest - before.newest).toLocaleString("en");
    Object.assign(before, { received: prices.received, newest: prices.newest });
    const figures = { "prices a second": rate, "ms old, half of them": prices.age(50), "ms old, 99 of 100": prices.age(99), "replaced by newer": prices.conflated };
    const rows = Object.entries(figures).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, compact(value))));
    find(`${id}-figures`).replaceChildren(...rows);
  }
}

const compact = (value) => (value < 100_000 ? Math.max(0, Math.round(value)).toLocaleString("en") : Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value));

// --- The book ---

function showSoon() {
  frame ??= requestAnimationFrame(() => {
    frame = undefined;
    showBook();
  });
}

function showBook() {
  const sells = trader.book.depth("sell", ROWS).reverse();
  const buys = trader.book.depth("buy", ROWS);
  const most = Math.max(1, ...[...sells, ...buys].map(([, size]) => size));
  const rows = [
    ...Array.from({ length: ROWS - sells.length }, () => rowOf()),
    ...sells.map((level) => rowOf("sell", level, most)),
    ...buys.map((level) => rowOf("buy", level, most)),
    ...Array.from({ length: ROWS - buys.length }, () => rowOf()),
  ];
  rows[ROWS].className = "best";
  find("book").tBodies[0].replaceChildren(...rows);
  const trades = trader.book.trades.slice(-TRADES).reverse();
  find("trades").replaceChildren(...trades.map(({ side, size, price, user }) =>
    element("li", {}, element("span", { class: side }, side), `${size} × ${(price / 100).toFixed(2)}`, element("bdi", {}, user === client.user ? "you" : user)),
  ));
}

function rowOf(side, [price, size] = [], most = 1) {
  const amount = (own) => {
    const cell = element("td", { class: side === own && own }, side === own ? size.toLocaleString("en") : "");
    cell.style.setProperty("--part", `${(size / most) * 100}%`);
    return cell;
  };
  return element("tr", {}, amount("buy"), element("td", {}, price ? (price / 100).toFixed(2) : ""), amount("sell"));
}

async function onOrder(event) {
  event.preventDefault();
  const side = event.submitter?.value === "sell" ? "sell" : "buy";
  const size = Math.min(SIZE_MAX, Math.floor(find("size").valueAsNumber));
  const price = Math.round(find("price").valueAsNumber * 100);
  if (!(size > 0 && price > 0)) return;
  const before = trader.conflicts;
  find("outcome").textContent = "Sent…";
  try {
    const { seq, left } = await trader.order(side, price, size);
    const again = trader.conflicts - before;
    const tries = again === 0 ? "" : `, ${again === 1 ? "once" : `${again} times`} computed again since the book had changed`;
    find("outcome").textContent = `Number ${seq}: ${size - left} executed, ${left} open${tries}.`;
  } catch ({ message }) {
    find("outcome").textContent = `Not executed: ${message}.`;
  }
}
