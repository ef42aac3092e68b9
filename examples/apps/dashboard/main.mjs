// A dashboard of this machine: a roomd, a publisher and the page, until Ctrl+C. `--every MS` is the time between two ticks.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { host } from "../shared/host.mjs";

const EVERY_MS = 500;
const AGAIN_MS = 500;
const FLAGS = ["--slow", "latest", "--durability", "os", "--retain-age", "1h", "--rate-burst", "5000", "--rate-per-s", "5000"];

const at = process.argv.indexOf("--every");
const every = at < 0 ? EVERY_MS : Number(process.argv[at + 1]);
if (!(every >= 10 && every <= 60_000)) {
  console.error("--every: a time in ms, from 10 to 60000");
  process.exit(2);
}

const app = await host({ page: new URL("page/", import.meta.url), flags: FLAGS, metrics: true });
let child;
process.on("exit", () => child?.kill());
publisher();
console.log(`dashboard  ${app.address}`);
console.log(`roomd      ${app.roomd.http}`);

// Starts it, and starts it again when it ends.
function publisher() {
  const file = fileURLToPath(new URL("publisher.mjs", import.meta.url));
  child = spawn(process.execPath, [...process.execArgv, file, app.roomd.ws, app.roomd.metrics, String(every)], { stdio: ["ignore", "ignore", "inherit"] });
  child.once("exit", () => setTimeout(publisher, AGAIN_MS));
}
