// A line to roomd that carries so many bytes a second to the reader, as a phone's on a bad day.

import { once } from "node:events";
import net from "node:net";

const TICK_MS = 50;
const CHUNK = 4_096; // bytes of one read

export class SlowLine {
  /** The port of roomd, which has one when it is started. */
  port;
  #listener;
  #sockets = new Set();
  /** What it carries from now on. */
  bytesPerSecond;

  constructor(bytesPerSecond) {
    this.bytesPerSecond = bytesPerSecond;
  }

  async listen() {
    this.#listener = net.createServer((near) => this.#join(near));
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
    return this;
  }

  get ws() {
    return `ws://127.0.0.1:${this.#listener.address().port}/ws`;
  }

  // Reads little at a time, so that no more than that waits here; what waits in the kernel is the line itself.
  #join(near) {
    let allowance = 0;
    const buffer = Buffer.alloc(CHUNK);
    const callback = (count) => {
      near.write(Buffer.from(buffer.subarray(0, count)));
      allowance -= count;
      return allowance > 0;
    };
    const far = net.connect({ port: this.port, host: "127.0.0.1", onread: { buffer, callback } });
    const timer = setInterval(() => {
      allowance = Math.min(allowance + (this.bytesPerSecond * TICK_MS) / 1_000, this.bytesPerSecond);
      if (allowance > 0) far.resume();
    }, TICK_MS);
    near.on("data", (bytes) => far.write(bytes));
    for (const [one, other] of [[near, far], [far, near]]) {
      this.#sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        clearInterval(timer);
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  end() {
    for (const socket of this.#sockets) socket.destroy();
    this.#listener.close();
  }
}
