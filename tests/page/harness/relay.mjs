// A TCP relay to a server that can cut connections. A cut is a reset, without a closing handshake.

import net from "node:net";
import { once } from "node:events";

export class Relay {
  #listener;
  #pairs = new Set();
  #up = true;
  #dropsReplies = false;
  #delayMs = 0;
  #cuts = {}; // "client" or "server" → bytes from there until the connection is cut
  port;

  static async to(server) {
    const relay = new Relay();
    relay.#listener = net.createServer({ pauseOnConnect: false }, (near) => relay.#join(near, server.port));
    relay.#listener.listen(0, "127.0.0.1");
    await once(relay.#listener, "listening");
    relay.port = relay.#listener.address().port;
    return relay;
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
        if (this.#dropsReplies && one === far) return;
        const from = one === far ? "server" : "client";
        const left = this.#cuts[from];
        if (left === undefined || left > bytes.length) {
          if (left !== undefined) this.#cuts[from] -= bytes.length;
          return this.#delayMs ? void setTimeout(() => other.write(bytes), this.#delayMs) : other.write(bytes);
        }
        delete this.#cuts[from];
        // The bytes before the cut arrive, and then the reset.
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

  // Cuts all connections, and refuses new ones until `restore`.
  cut() {
    this.#up = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  restore() {
    this.#up = true;
    this.#dropsReplies = false;
  }

  // From now on everything takes so long, in each direction.
  delay(ms) {
    this.#delayMs = ms;
  }

  // Cuts the connection, once, after this many bytes from the "client" or the "server".
  cutAfter(from, bytes) {
    this.#cuts[from] = bytes;
  }

  // Drops what the server sends from now on, as when a connection is lost before a reply arrives.
  dropReplies() {
    this.#dropsReplies = true;
  }

  end() {
    this.cut();
    this.#listener.close();
  }
}
