// A WebSocket of the least that a load needs: many frames in one write, and frames read without a copy of each.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import net from "node:net";

export class Line {
  isClosed = false;
  #socket;
  #opcode;
  #rest = Buffer.alloc(0);
  #onPayload;

  /** Opens `path` at a port of this machine; `onPayload` is given each frame's payload, which is not to be kept. */
  static async open(port, path, opcode, onPayload) {
    const line = new Line();
    [line.#opcode, line.#onPayload] = [opcode, onPayload];
    const socket = net.connect(port, "127.0.0.1");
    line.#socket = socket.setNoDelay();
    socket.on("error", () => {});
    socket.on("close", () => (line.isClosed = true));
    const key = randomBytes(16).toString("base64");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
    let head = Buffer.alloc(0);
    while (head.indexOf("\r\n\r\n") < 0) head = Buffer.concat([head, (await once(socket, "data"))[0]]);
    if (!head.toString("latin1").startsWith("HTTP/1.1 101")) throw new Error(head.toString("latin1"));
    socket.on("data", (bytes) => line.#read(bytes));
    line.#read(head.subarray(head.indexOf("\r\n\r\n") + 4));
    return line;
  }

  send(text) {
    this.sendAll([text]);
  }

  /** Each text in a frame of its own, all in one write. */
  sendAll(texts) {
    if (this.isClosed) return;
    this.#socket.write(Buffer.concat(texts.map((text) => frameOf(this.#opcode, Buffer.from(text)))));
  }

  close() {
    this.#socket.destroy();
  }

  #read(bytes) {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    for (;;) {
      if (data.length < 2) break;
      let [length, at] = [data[1] & 127, 2];
      if (length >= 126) {
        const size = length === 126 ? 2 : 8;
        if (data.length < 2 + size) break;
        length = size === 2 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
        at += size;
      }
      if (data.length < at + length) break;
      if ((data[0] & 15) < 8) this.#onPayload(data.subarray(at, at + length));
      data = data.subarray(at + length);
    }
    this.#rest = data;
  }
}

// A client's frames are masked: with zeros, which change nothing.
function frameOf(opcode, payload) {
  const { length } = payload;
  const head = length < 126 ? [0x80 | opcode, 0x80 | length] : [0x80 | opcode, 0x80 | 126, length >> 8, length & 255];
  if (length > 65_535) throw new RangeError("a frame of a load is short");
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}
