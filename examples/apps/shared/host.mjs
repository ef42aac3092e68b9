// What each application is run with: a roomd of its own, and a small web server for its page. Both are on free ports of this
// machine and end with the program; the history is in a temporary folder. A roomd that ends by itself is started again on the
// same port with the same file, as a service manager would do it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { extname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../../", import.meta.url);
const BINARY = process.env.ROOMD ?? fileURLToPath(new URL("target/debug/roomd", ROOT));
const SERVE = ["serve", "--lines", "off", "--log-level", "warn"];
const START_MS_MAX = 60_000;
const AGAIN_MS = 500; // between the end of a roomd and its next start

const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };
// What a page finds outside its own folder.
const SHARED = {
  "/look.css": new URL("look.css", import.meta.url),
  "/page.js": new URL("page.js", import.meta.url),
  "/roomd.js": new URL("src/page/roomd.js", ROOT),
  "/roomd-data.js": new URL("src/page/roomd-data.js", ROOT),
  "/roomd-rate.js": new URL("src/page/roomd-rate.js", ROOT),
  "/roomd-subscription.js": new URL("src/page/roomd-subscription.js", ROOT),
};

/** Starts both. `page` is the URL of the folder with the page's files; `flags` are for `roomd serve`; with `metrics` its figures
 * have a port of their own (`roomd.metrics`, an address). `more` are further addresses that the page is told in /config.json,
 * and may connect to. A program with roomd inside is a `binary` of its own, which takes `--listen`, `--data` and `--origin`. */
export async function host({ page, binary, flags = [], metrics = false, more = {} }) {
  const folder = await mkdtemp(`${tmpdir()}/roomd-app-`);
  const site = http.createServer();
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  const address = `http://127.0.0.1:${site.address().port}`;
  const program = binary ? [binary] : [BINARY, ...SERVE];
  const roomd = new Roomd([...program, "--data", `${folder}/roomd.db`, "--origin", address, ...flags], metrics);
  await roomd.start();
  site.on("request", (request, response) => serve(request, response, { page, roomd, more }));
  const end = async () => {
    site.close();
    site.closeAllConnections();
    await roomd.stop();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => end().then(() => process.exit(0)));
  return { address: `${address}/`, roomd, end };
}

class Roomd {
  port = 0; // the same after each restart
  metrics; // the same, too
  #command;
  #child;
  #stopped = false;

  constructor(command, metrics) {
    this.#command = command;
    if (metrics) this.metrics = "http://127.0.0.1:0/metrics";
  }

  get http() {
    return `http://127.0.0.1:${this.port}`;
  }

  get ws() {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  // Resolves when it listens.
  async start() {
    const [binary, ...flags] = [...this.#command, "--listen", `127.0.0.1:${this.port}`];
    if (this.metrics) flags.push("--metrics", new URL(this.metrics).host);
    const child = spawn(binary, flags, { stdio: ["ignore", "pipe", "inherit"] });
    this.#child = child;
    child.on("error", (error) => console.error(`${binary}: ${error.message}`));
    const late = setTimeout(() => child.kill("SIGKILL"), START_MS_MAX); // which ends its output
    for await (const line of createInterface(child.stdout)) {
      const [, port] = /listening on http:\/\/[^:]+:(\d+)/.exec(line) ?? [];
      if (!port) continue;
      this.port = Number(port);
      if (this.metrics) [, this.metrics] = /figures on (\S+)/.exec(line);
      break;
    }
    clearTimeout(late);
    if (this.port === 0) throw new Error("roomd did not start");
    child.stdout.resume();
    if (child.exitCode !== null || child.signalCode !== null) this.#again();
    else child.once("exit", () => this.#again());
  }

  #again() {
    if (!this.#stopped) setTimeout(() => this.#stopped || this.start(), AGAIN_MS);
  }

  async stop() {
    this.#stopped = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGINT"); // at once: there is nobody to wait for
    await once(this.#child, "exit");
  }
}

async function serve({ method, url }, response, { page, roomd, more }) {
  const { pathname } = new URL(url, "http://page");
  const lines = [roomd.http, roomd.http.replace("http", "ws"), ...Object.values(more)].join(" ");
  const policy = `default-src 'self'; img-src 'self' data:; connect-src 'self' ${lines}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;
  const reply = (status, type, body) => {
    const fields = { "Content-Type": `${type}; charset=utf-8`, "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache" };
    response.writeHead(status, fields).end(method === "HEAD" ? undefined : body);
  };
  if (method !== "GET" && method !== "HEAD") return reply(405, "text/plain", "This page is only read.\n");
  if (pathname === "/config.json") return reply(200, "application/json", JSON.stringify({ roomd: roomd.ws, ...more }));
  const name = pathname === "/" ? "/index.html" : pathname;
  const type = TYPES[extname(name)];
  // One level, of plain names: nothing outside the folder is named by such a path.
  const file = SHARED[name] ?? (type && /^(\/vendor)?\/[\w-]+(\.[\w-]+)*$/.test(name) ? new URL(`.${name}`, page) : undefined);
  const bytes = file && (await readFile(file).catch(() => undefined));
  return bytes ? reply(200, type, bytes) : reply(404, "text/plain", "There is no such page.\n");
}
