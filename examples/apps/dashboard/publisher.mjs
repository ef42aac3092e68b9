// Reads the machine's figures at each tick and publishes them, a message for each key. Run by main.mjs:
// `publisher.mjs WS METRICS EVERY_MS`. It goes on while the server is away, and what it has read by then is published when it is
// back, up to a bound.

import { Client } from "../../../src/page/roomd.js";
import { TOPICS } from "./page/figures.js";
import { Machine } from "./machine.mjs";

const UNSENT_MAX = 1_000; // beyond that a tick is left out, which is a gap

const [ws, metrics, everyMs] = process.argv.slice(2);
const every = Number(everyMs);
const client = new Client(ws, { user: "publisher", history: 0, retryMs: 100, retryMsMax: 1_000 }).open();
client.on("state", ({ phase, reason }) => {
  if (phase !== "closed") return;
  console.error(`publisher: ${reason}`);
  process.exit(1); // and is started again
});
await Promise.all(TOPICS.map(({ topic }) => client.join(topic)));
const machine = new Machine(metrics);
await machine.read(); // of which the first rates are the next one's
console.log("publisher: ready");

for (let last = 0; ; ) {
  // At the ticks of the clock, so that whoever sees two numbers knows what is between them.
  await new Promise((resolve) => setTimeout(resolve, every - (Date.now() % every)));
  const tick = Math.round(Date.now() / every);
  if (tick === last) continue; // the timer was early
  last = tick;
  const figures = await machine.read();
  if (client.unsent.length > UNSENT_MAX) continue;
  for (const [topic, key, value] of figures) {
    const message = JSON.stringify([tick, every, Number(value.toPrecision(6))]);
    client.publish(topic, message, { key }).catch((error) => console.error(`publisher: ${topic}: ${error.message}`));
  }
}
