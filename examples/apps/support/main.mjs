// A support desk on this machine: a roomd, two dispatchers and the pages, until Ctrl+C. `--robots` adds three agents and a
// stream of customers.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { host } from "../shared/host.mjs";
import { robotAgent, robotCustomer } from "./robots.mjs";

const DISPATCHERS = 2; // one is enough; the second goes on while the first is started again
const AGAIN_MS = 500;
const FLAGS = ["--rate-burst", "1000", "--rate-per-s", "1000", "--grace", "3s"];

const app = await host({ page: new URL("page/", import.meta.url), flags: FLAGS });
const dispatchers = new Set();
process.on("exit", () => dispatchers.forEach((child) => child.kill()));
for (let number = 0; number < DISPATCHERS; number++) dispatcher();
console.log(`customers  ${app.address}`);
console.log(`agents     ${app.address}agent.html`);
console.log(`supervisor ${app.address}supervisor.html`);
console.log(`roomd      ${app.roomd.http}`);
if (process.argv.includes("--robots")) await robots();

// Starts one, and starts it again when it ends.
function dispatcher() {
  const file = fileURLToPath(new URL("dispatcher.mjs", import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, file, app.roomd.ws], { stdio: ["ignore", "ignore", "inherit"] });
  dispatchers.add(child);
  child.once("exit", () => {
    dispatchers.delete(child);
    setTimeout(dispatcher, AGAIN_MS);
  });
}

async function robots() {
  const { ws, http } = app.roomd;
  const thinkMs = () => 2_000 + Math.random() * 4_000;
  for (const name of ["Ann", "Bob", "Chloé"]) await robotAgent({ ws, name, capacity: 2, thinkMs });
  for (let number = 1; ; number++) {
    const robot = robotCustomer({ ws, http, name: `${["Dana", "Emil", "Fay", "Gus", "Hana", "Ida"][number % 6]}-${number}` });
    robot.over.then(robot.close);
    await new Promise((resolve) => setTimeout(resolve, number < 10 ? 200 : 2_500 + Math.random() * 2_500));
  }
}
