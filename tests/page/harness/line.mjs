// A line to a server that can be cut: a TCP relay. A cut is a reset, not a close: nobody says goodbye.

import net from "node:net";
import { once } from "node:events";

export class Line {
  #relay;
  #pairs = new Set();
  #up = true;
  #deaf = false;
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
        if (!(this.#deaf && one === far)) other.write(bytes);
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

  // What the server says is lost from here on, as when the line breaks before an answer arrives.
  deafen() {
    this.#deaf = true;
  }

  end() {
    this.cut();
    this.#relay.close();
  }
}
