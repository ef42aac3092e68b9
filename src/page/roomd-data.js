// Messages of bytes: how they stand in JSON and in a binary frame (docs/protocol.md), and in a line for people.

export const BINARY_PROTOCOL = "roomd.v1.binary";
const TYPES = new Set(["message", "private", "edit", "history", "found"]); // of events

// What is sent for a command: text, or where the server takes it a binary frame.
export function encodeCommand(command, protocol) {
  if (!(command.data instanceof Uint8Array)) return JSON.stringify(command);
  return protocol === BINARY_PROTOCOL ? toFrame(command) : JSON.stringify({ ...command, data: toBase64(command.data) });
}

// The event in a frame, text or binary, with bytes in the place of base64. Throws if there is none.
export function decodeEvent(frame) {
  const event = typeof frame === "string" ? JSON.parse(frame) : fromFrame(frame);
  if (!TYPES.has(event?.type)) return event;
  for (const message of [event, ...(event.messages ?? [])]) {
    if (typeof message.data === "string") message.data = fromBase64(message.data);
  }
  return event;
}

// What people read in place of so many bytes: `(binary, 3 KiB)`.
export function summaryOf(bytes) {
  const tenths = (unit) => Math.round((bytes * 10) / unit) / 10;
  if (bytes < 1024) return `(binary, ${bytes} ${bytes === 1 ? "byte" : "bytes"})`;
  return tenths(1024) < 1024 ? `(binary, ${tenths(1024)} KiB)` : `(binary, ${tenths(1024 * 1024)} MiB)`;
}

function toFrame({ data, ...head }) {
  const json = new TextEncoder().encode(JSON.stringify(head));
  const frame = new Uint8Array(4 + json.length + data.length); // behind the head's length, in four bytes
  new DataView(frame.buffer).setUint32(0, json.length);
  frame.set(json, 4);
  frame.set(data, 4 + json.length);
  return frame;
}

function fromFrame(buffer) {
  const end = 4 + new DataView(buffer).getUint32(0);
  const head = new TextDecoder("utf-8", { fatal: true }).decode(buffer.slice(4, end));
  return { ...JSON.parse(head), data: new Uint8Array(buffer.slice(end)) };
}

function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
