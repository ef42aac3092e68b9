// What the feed costs, beside NATS: `measure.mjs` prints both, from one run on this machine.
//
// Each server in turn is given 500 instruments at 20 000 updates a second by one publisher, has so many readers who read all and some behind a slow line, and
// runs for some seconds; all over WebSocket. roomd is that of `$ROOMD` (a release build, please), with `--slow latest`; NATS is Debian's
// nats-server with its defaults, which has no `latest`: a reader waits in its memory until it is cut. Flags: --readers 8 --slow 2 --seconds 10 --per-s 20000 --slow-kib 96.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Line } from "./line.mjs";
import { Market } from "./market.mjs";
import { SlowLine } from "./slow-line.mjs";

const PRESETS = { readers: "8", slow: "2", seconds: "10", "per-s": "20000", "slow-kib": "96" };
const { values } = parseArgs({ options: Object.fromEntries(Object.entries(PRESETS).map(([name, preset]) => [name, { type: "string", default: preset }])) });
const [READERS, SLOW, SECONDS, PER_S, SLOW_KIB] = Object.keys(PRESETS).map((name) => Number(values[name]));
const TICKS_PER_S = 100; // of the kernel's accounting
const BINARY = process.env.ROOMD ?? fileURLToPath(new URL("../../../target/release/roomd", import.meta.url));

// Each server: how it is started, what a reader and the publisher send, and how an update is found in what a reader is sent.
const ROOMD = {
  name: "roomd --slow latest",
  path: "/ws?format=json&echo=false",
  opcode: 1,
  start: (folder) => [BINARY, ["serve", "--listen", "127.0.0.1:0", "--lines", "off", "--data", `${folder}/roomd.db`, "--slow", "latest", "--outbox-messages", "2000", "--rate-per-s", "0", "--log-level", "error"]],
  enter: () => ['{"type":"create","room":"prices","durable":false}', '{"type":"join","room":"prices","history":0}'],
  update: (symbol, text) => `{"topic":"prices","key":"${symbol}","message":"${text}"}`,
  // A frame is an event.
  updates: (payload) => (payload.indexOf('"type":"message"') >= 0 ? [payload] : []),
};
const NATS = {
  name: "nats-server",
  path: "/",
  opcode: 2,
  start: (folder) => ["nats-server", ["-c", `${folder}/nats.conf`]],
  configuration: 'listen: "127.0.0.1:-1"\nwebsocket { listen: "127.0.0.1:-1", no_tls: true }\n',
  enter: (isReader) => ['CONNECT {"verbose":false,"pedantic":false,"echo":false}\r\n', ...(isReader ? ["SUB prices.* 1\r\n"] : [])],
  update: (symbol, text) => `PUB prices.${symbol} ${text.length}\r\n${text}\r\n`,
  // A frame may have several, and the end of one without its beginning.
  updates: (payload) => payload.toString("latin1").split("MSG ").slice(1),
};

for (const server of [ROOMD, NATS]) {
  const row = await measure(server);
  if (server === ROOMD) console.log(`${cpus()[0].model}, ${cpus().length} cores; ${READERS} readers, ${SLOW} of ${SLOW_KIB} KiB/s; ${SECONDS} s\n`);
  console.log(row);
}

async function measure(server) {
  const folder = await mkdtemp(`${tmpdir()}/roomd-feed-`);
  if (server.configuration) await writeFile(`${folder}/nats.conf`, server.configuration);
  const [command, words] = server.start(folder);
  const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"] });
  try {
    const port = await portOf(child);
    const slowLine = await new SlowLine(SLOW_KIB * 1024).listen();
    slowLine.port = port;
    const readers = [];
    for (let number = 0; number < READERS + SLOW; number++) {
      const at = number < READERS ? port : Number(new URL(slowLine.ws).port);
      readers.push(await reader(server, at, number >= READERS));
    }
    const publisher = await Line.open(port, server.path, server.opcode, () => {});
    for (const command of server.enter(false)) publisher.send(command);
    const result = await run(server, child.pid, publisher, readers);
    for (const { line } of readers) line.close();
    publisher.close();
    slowLine.end();
    return result;
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
    await rm(folder, { recursive: true, force: true });
  }
}

async function reader(server, port, isSlow) {
  const state = { isSlow, received: 0, at: 0, line: undefined };
  state.line = await Line.open(port, server.path, server.opcode, (payload) => {
    if (payload.indexOf("PING\r\n") >= 0) state.line.send("PONG\r\n");
    const updates = server.updates(payload);
    state.received += updates.length;
    // The time of the publisher is the last number of an update; of a thousand one is looked at, and of a slow reader's each.
    const last = updates.at(-1);
    if (last && (isSlow || state.received % 1_000 < updates.length)) state.age = Date.now() - Number(/\d{13}/.exec(String(last))?.[0] ?? NaN);
  });
  for (const command of server.enter(true)) state.line.send(command);
  return state;
}

async function run(server, pid, publisher, readers) {
  const market = new Market(500);
  let [published, due, before] = [0, 0, performance.now()];
  const publish = setInterval(() => {
    const now = performance.now();
    due = Math.min(due + ((now - before) * PER_S) / 1_000, PER_S / 4);
    before = now;
    const commands = [];
    for (; due >= 1; due--) {
      const at = market.move();
      commands.push(server.update(market.symbols[at], `${market.quote(at).join(" ")} ${Date.now()}`));
    }
    published += commands.length;
    publisher.sendAll(commands);
  }, 5);
  await seconds(2); // until all is in motion
  const [first, cpu, began] = [counts(), await cpuOf(pid), performance.now()];
  await seconds(SECONDS);
  const [last, cpuAfter, lasted] = [counts(), await cpuOf(pid), (performance.now() - began) / 1_000];
  clearInterval(publish);
  const rate = (name) => Math.round((last[name] - first[name]) / lasted).toLocaleString("en");
  const used = (cpuAfter - cpu) / lasted;
  const each = ((cpuAfter - cpu) * 1e6) / (last.fast + last.slow - first.fast - first.slow);
  const ages = (isSlow) => Math.max(...readers.filter((each) => each.isSlow === isSlow).map(({ age }) => age ?? NaN));
  return [
    `${server.name}`,
    `  updates in            ${rate("published")}/s`,
    `  deliveries out        ${rate("fast")}/s to ${READERS} readers, ${rate("slow")}/s to ${SLOW} slow ones`,
    `  CPU of the server     ${(used * 100).toFixed(0)} % of a core; ${each.toFixed(2)} µs a delivery`,
    `  memory                ${await memoryOf(pid)} MiB`,
    `  newest at the end     ${ages(false)} ms old at a reader; ${ages(true)} ms old at a slow one${readers.some(({ line }) => line.isClosed) ? " (some were cut)" : ""}`,
  ].join("\n");

  function counts() {
    const sum = (isSlow) => readers.reduce((sum, each) => sum + (each.isSlow === isSlow ? each.received : 0), 0);
    return { published, fast: sum(false), slow: sum(true) };
  }
}

function seconds(count) {
  return new Promise((resolve) => setTimeout(resolve, count * 1_000));
}

// Seconds of CPU, from the kernel.
async function cpuOf(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

async function memoryOf(pid) {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))[1]) / 1024);
}

async function portOf(child) {
  const said = [];
  for (const output of [child.stdout, child.stderr]) createInterface(output).on("line", (line) => said.push(line));
  for (let tries = 0; tries < 200; tries++) {
    for (const line of said) {
      const [, port] = /listening on http:\/\/[^:]+:(\d+)|websocket clients on ws:\/\/[^:]+:(\d+)/i.exec(line)?.filter(Boolean) ?? [];
      if (port) return Number(port);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no address in:\n${said.join("\n")}`);
}
