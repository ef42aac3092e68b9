// The dashboard's page: a card for each topic.

import { element, openClient, roomdAddress } from "/page.js";
import { Board, WINDOW_MS } from "./board.js";
import { TOPICS, written } from "./figures.js";
import { Plot } from "./plot.js";

const KEYS_MAX = 3; // that a card shows
const find = (selector) => document.querySelector(selector);
const cards = new Map();
for (const { topic, title, unit, max } of TOPICS) {
  const plot = new Plot(WINDOW_MS, max);
  const values = element("dl", { class: "values" });
  const said = element("p", { class: "gap-said" });
  const card = element("section", { class: "card", data: { topic } }, element("h2", {}, title), values, element("div", {}, plot.svg, said));
  cards.set(topic, { card, plot, values, said, unit });
  find("main").append(card);
}

const client = await openClient({}, find(".line"));
const { host } = new URL(await roomdAddress());
const board = new Board(client, `http://${host}`);
const changed = new Set();
let drawing;

board.onChange((topic) => {
  if (topic) changed.add(topic);
  drawing ??= requestAnimationFrame(draw);
});
// What is late shows as well when nothing comes.
setInterval(() => {
  for (const topic of board.topics.keys()) changed.add(topic);
  drawing ??= requestAnimationFrame(draw);
}, 1_000);
await board.open();

function draw() {
  drawing = undefined;
  find(".skipped").textContent = board.skipped > 0 ? `${board.skipped} values skipped, since newer ones came for this slow line` : "";
  for (const topic of changed) if (cards.has(topic)) show(topic, cards.get(topic));
  changed.clear();
}

function show(topic, { card, plot, values, said, unit }) {
  const series = [...board.topics.get(topic)].sort(([one], [other]) => (one < other ? -1 : 1)).slice(0, KEYS_MAX);
  const now = board.now();
  values.replaceChildren(...series.map(([key, { newest }]) => element("div", { data: { key } }, element("dt", {}, key), element("dd", {}, written(newest.value, unit)))));
  const gaps = plot.draw(series.map(([, each]) => each), now);
  const late = gaps.at(-1)?.to === now;
  card.classList.toggle("late", late);
  const seconds = Math.round((late ? gaps.at(-1).to - gaps.at(-1).from : gaps.reduce((sum, { from, to }) => sum + to - from, 0)) / 1_000);
  said.textContent = late ? `nothing for ${seconds} s` : gaps.length > 0 ? `${gaps.length === 1 ? "a gap" : `${gaps.length} gaps`}, ${seconds} s in all` : "";
}
