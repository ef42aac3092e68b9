// Starts a roomd of its own, the publisher of prices, robots that trade, and the page. Flags: `--per-s N` updates a second, `--slow-kib N` KiB a second
// of the slow line, `--policy drop` to see what a slow reader has without `latest`, `--floor N` instruments with robots, `--updates N`: no prices after so
// many.

import { parseArgs } from "node:util";
import { host } from "../shared/host.mjs";
import { Floor } from "./floor.mjs";
import { Market } from "./market.mjs";
import { Publisher } from "./publisher.mjs";
import { SlowLine } from "./slow-line.mjs";

const options = { "per-s": "20000", "slow-kib": "96", policy: "latest", floor: "4", updates: "Infinity" };
const { values } = parseArgs({ options: Object.fromEntries(Object.entries(options).map(([name, preset]) => [name, { type: "string", default: preset }])) });

const market = new Market(500);
const slow = await new SlowLine(Number(values["slow-kib"]) * 1024).listen();
const { address, roomd } = await host({
  page: new URL("page/", import.meta.url),
  // Half of the messages that an outbox holds may be keys.
  flags: ["--slow", values.policy, "--outbox-messages", "2000", "--keys-max", "1000", "--rate-per-s", "0"],
  more: { slow: slow.ws },
});
slow.port = roomd.port;
const publisher = new Publisher(roomd, market, Number(values["per-s"]), Number(values.updates));
await publisher.start();
await new Floor(market).open(roomd, Number(values.floor), publisher.token);
console.log(`The market: ${address}`);
await publisher.ended;
console.log(`All prices are published; ${publisher.leftOut} more were left out, since the line was too slow.`);
