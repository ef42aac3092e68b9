// An application of examples/apps as somebody starts it, with its own roomd, which can be killed: the application starts it again.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { eventually } from "../../page/harness/fixtures.mjs";
import { DEADLINE_MS } from "../../page/harness/deadline.mjs";
import { root } from "../../page/harness/packages.mjs";

const NODE = ["--experimental-websocket", "--disable-warning=ExperimentalWarning"];

const SERVERS = new Set(["roomd", "game"]); // roomd, or a program with roomd inside

export class Program {
  #process;
  #printed = "";
  address; // of its page
  roomd; // { http, ws }

  /** Starts examples/apps/NAME, and resolves when it has printed its address. */
  static async start(name, ...flags) {
    const program = new Program();
    const main = `${root}examples/apps/${name}/main.mjs`;
    program.#process = spawn(process.execPath, [...NODE, main, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
    const late = setTimeout(() => program.#process.kill("SIGKILL"), DEADLINE_MS); // which ends its output
    for await (const line of createInterface(program.#process.stdout)) {
      const [address] = /http:\/\/\S+/.exec(line) ?? [];
      if (!address) continue;
      clearTimeout(late);
      program.#process.stdout.on("data", (bytes) => (program.#printed += bytes));
      program.address = address;
      const { roomd } = await (await fetch(new URL("/config.json", address))).json();
      program.roomd = { ws: roomd, http: new URL("/", roomd.replace("ws", "http")).href };
      return program;
    }
    throw new Error(`${name} did not start`);
  }

  /** Resolves when the program has printed this, behind its address. */
  async printed(text) {
    await eventually(() => this.#printed, (printed) => assert.ok(printed.includes(text), `${text}: not printed`));
  }

  /** For a relay. */
  get port() {
    return Number(new URL(this.roomd.http).port);
  }

  /** The ids of its processes: its roomd, and what else it has started. */
  async children() {
    const { pid } = this.#process;
    return (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ");
  }

  async #roomdPid() {
    for (const child of await this.children()) if (SERVERS.has((await readFile(`/proc/${child}/comm`, "utf8").catch(() => "")).trim())) return Number(child);
    return undefined;
  }

  /** Kills roomd, and resolves when another one serves in its place. */
  async killRoomd() {
    const killed = await this.#roomdPid();
    process.kill(killed, "SIGKILL");
    await eventually(
      async () => ({ pid: await this.#roomdPid(), ready: await fetch(`${this.roomd.http}readyz`).then(({ ok }) => ok, () => false) }),
      ({ pid, ready }) => {
        if (!pid || pid === killed || !ready) throw new Error("roomd was not started again");
      },
    );
  }

  async end() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGTERM");
    await once(this.#process, "exit");
  }
}
