// A real server with a folder of its own, which can be stopped, killed and restarted.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { DEADLINE_MS } from "./deadline.mjs";
import { root } from "./packages.mjs";

const BINARY = process.env.ROOMD ?? `${root}target/debug/roomd`;

export class Server {
  #process;
  #flags;
  folder;
  port = 0; // the same after a restart

  static async start(...flags) {
    const server = new Server();
    server.folder = await mkdtemp(`${tmpdir()}/roomd-page-`);
    server.#flags = flags;
    await server.restart();
    return server;
  }

  get http() {
    return `http://127.0.0.1:${this.port}`;
  }

  get data() {
    return `${this.folder}/roomd.db`;
  }

  // Starts the server again; other flags replace the earlier ones.
  async restart(...others) {
    if (others.length > 0) this.#flags = others;
    const flags = ["--listen", `127.0.0.1:${this.port}`, "--lines", "off", "--data", this.data, ...this.#flags];
    this.#process = spawn(BINARY, ["serve", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    const said = [];
    const late = setTimeout(() => this.#process.kill("SIGKILL"), DEADLINE_MS); // which ends its output
    this.#process.stderr.on("data", (bytes) => said.push(bytes));
    for await (const line of createInterface(this.#process.stdout)) {
      const address = /listening on http:\/\/[^:]+:(\d+)/.exec(line);
      if (!address) continue;
      clearTimeout(late);
      this.port = Number(address[1]);
      this.#process.stdout.resume();
      return;
    }
    clearTimeout(late);
    throw new Error(`the server did not start: ${Buffer.concat(said)}`);
  }

  // Has it read its settings again.
  async reload() {
    let log = "";
    const loaded = new Promise((resolve) => {
      this.#process.stderr.on("data", (bytes) => (log += bytes).includes("settings loaded anew") && resolve());
    });
    this.#process.kill("SIGHUP");
    await loaded;
  }

  async stop(signal = "SIGTERM") {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill(signal);
    const late = setTimeout(() => this.#process.kill("SIGKILL"), DEADLINE_MS);
    const [, killed] = await ended;
    clearTimeout(late);
    if (killed === "SIGKILL" && signal !== killed) throw new Error("the server did not end");
  }

  async end() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  // Runs another command of the same binary with the same file.
  async command(...words) {
    const child = spawn(BINARY, [...words, "--data", this.data], { stdio: ["ignore", "pipe", "inherit"] });
    const out = [];
    child.stdout.on("data", (bytes) => out.push(bytes));
    const [code] = await once(child, "exit");
    if (code !== 0) throw new Error(`roomd ${words.join(" ")} ended with ${code}`);
    return Buffer.concat(out).toString();
  }
}
