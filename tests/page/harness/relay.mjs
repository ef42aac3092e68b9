// A line to a server that can be cut: a TCP relay. A cut is a reset, not a close: nobody says goodbye.

import net from "node:net";
import { once } from "node:events";

export class Line {
  #relay;
  #pairs = new Set();
  #up = true;
  #deaf = false;
  #cuts = {}; // "client" or "server" → after how many more bytes from there the line breaks
  port;

  static async to(server) {
    const line = new Line();
    line.#relay = net.createServer({ pauseOnConnect: false }, (near) => line.#join(near, server.port));
    line.#relay.listen(0, "127.0.0.1");
    await once(line.#relay, "listening");
    line.port = line.#relay.address().port;
    return line;
  }

  get http() {
    return `http://127.0.0.1:${this.port}`;
  }

  get ws() {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  #join(near, port) {
    if (!this.#up) return near.resetAndDestroy();
    const far = net.connect(port, "127.0.0.1");
    const pair = [near, far];
    this.#pairs.add(pair);
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on("error", () => {});
      one.on("data", (bytes) => {
        if (this.#deaf && one === far) return;
        const from = one === far ? "server" : "client";
        const left = this.#cuts[from];
        if (left === undefined || left > bytes.length) {
          if (left !== undefined) this.#cuts[from] -= bytes.length;
          return other.write(bytes);
        }
        delete this.#cuts[from];
        // What was let through arrives, and then the reset.
        other.write(bytes.subarray(0, left), () => pair.forEach((socket) => socket.resetAndDestroy()));
        near.pause();
        far.pause();
      });
      one.on("end", () => other.end());
      one.on("close", () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }

  // Breaks every connection; no further one is made before `mend`.
  cut() {
    this.#up = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  mend() {
    this.#up = true;
    this.#deaf = false;
  }

  // Breaks the connection, once, when this many bytes have come from the "client" or the "server".
  cutAfter(from, bytes) {
    this.#cuts[from] = bytes;
  }

  // What the server says is lost from here on, as when the line breaks before an answer arrives.
  deafen() {
    this.#deaf = true;
  }

  end() {
    this.cut();
    this.#relay.close();
  }
}
