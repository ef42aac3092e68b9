// Messages of bytes: how they stand in JSON and in a binary frame (docs/protocol.md), and in a line for people.

export const BINARY_PROTOCOL = "roomd.v1.binary";
const LENGTH_BYTES = 4; // before the head of a frame
const CHUNK = 0x8000; // arguments of one call
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

// Bytes of the text that JSON has for so many.
export function base64Length(bytes) {
  return 4 * Math.ceil(bytes / 3);
}

// What people read in place of so many bytes: `(binary, 3 KiB)`.
export function summaryOf(bytes) {
  const tenths = (unit) => Math.round((bytes * 10) / unit) / 10;
  if (bytes < 1024) return `(binary, ${bytes} ${bytes === 1 ? "byte" : "bytes"})`;
  return tenths(1024) < 1024 ? `(binary, ${tenths(1024)} KiB)` : `(binary, ${tenths(1024 * 1024)} MiB)`;
}

function toFrame({ data, ...head }) {
  const json = new TextEncoder().encode(JSON.stringify(head));
  const frame = new Uint8Array(LENGTH_BYTES + json.length + data.length);
  new DataView(frame.buffer).setUint32(0, json.length);
  frame.set(json, LENGTH_BYTES);
  frame.set(data, LENGTH_BYTES + json.length);
  return frame;
}

function fromFrame(buffer) {
  const end = LENGTH_BYTES + new DataView(buffer).getUint32(0);
  const head = new TextDecoder("utf-8", { fatal: true }).decode(buffer.slice(LENGTH_BYTES, end));
  return { ...JSON.parse(head), data: new Uint8Array(buffer.slice(end)) };
}

function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(text);
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
