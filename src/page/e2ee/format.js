// The binary format of end-to-end encryption: how fields are joined, and what a ciphertext contains.
//
// What is hashed, signed or authenticated is a list of length-prefixed fields, so that different lists have
// different bytes. docs/encryption.md describes the format, which the terminal client shares. Pure: no keys,
// randomness or storage.

/** The label that begins every list of fields. */
export const VERSION = "roomd e2ee v1";

export const SECRET_BYTES = 32;
export const IV_BYTES = 12;
export const KEY_BYTES = 65; // a public key: an uncompressed point of P-256
export const ID_BYTES = 16; // of a key or a device: the beginning of a hash

const TAG_BYTES = 16;
const SIGNATURE_BYTES = 64;
const LAYOUT = 1; // the first byte inside a ciphertext
const HEAD_BYTES = 1 + KEY_BYTES + SIGNATURE_BYTES;
const BLOCK_BYTES = 64; // bodies are padded to a multiple of it
const KID = /^([1-9][0-9]{0,8})\.([A-Za-z0-9_-]{22})$/;

/** A message that cannot be decrypted; `reason` is for programs. */
export class Unreadable extends Error {
  /** @param {"no-key"|"damaged"|"forged"|"repeated"} reason */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** @param {string} text */
export const utf8 = (text) => new TextEncoder().encode(text);

/**
 * Joins fields: each is its length (four bytes, big-endian) and its bytes; texts are UTF-8.
 * @param {...(string|Uint8Array)} values
 */
export function fields(...values) {
  const parts = values.flatMap((value) => {
    const bytes = typeof value === "string" ? utf8(value) : value;
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length);
    return [length, bytes];
  });
  return join(parts);
}

/** @param {Uint8Array[]} parts */
export function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Base64url without padding (RFC 4648 §5). @param {ArrayBuffer|Uint8Array} bytes */
export function toBase64(bytes) {
  let text = "";
  for (const byte of new Uint8Array(bytes)) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * The bytes of a base64url text, or `undefined` if it is not in canonical form, or not of this length.
 * @param {unknown} text
 * @param {number} [length] in bytes
 */
export function fromBase64(text, length) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined;
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  if ((length !== undefined && bytes.length !== length) || toBase64(bytes) !== text) return undefined;
  return bytes;
}

/** The two parts of a `kid`, or `undefined`. @param {unknown} kid */
export function parseKid(kid) {
  const [, epoch, id] = (typeof kid === "string" && kid.match(KID)) || [];
  return id && { epoch: Number(epoch), id };
}

/**
 * The context of a message. It is authenticated with the ciphertext and signed by the device.
 * @typedef {object} Context
 * @property {string} room its name on the server
 * @property {string} user the sender
 * @property {string} mid the sender's id of the message
 * @property {boolean} [edit] whether it replaces the earlier text of the message
 */

/**
 * What is authenticated beside the ciphertext (GCM's additional data).
 * @param {Context} context
 * @param {string} kid
 */
export function additionalData({ room, user, mid, edit }, kid) {
  return fields(VERSION, edit ? "edit" : "message", room, user, mid, kid);
}

/**
 * What a device signs.
 * @param {Context} context
 * @param {string} kid
 * @param {Uint8Array} key the device's public key
 * @param {Uint8Array} body
 */
export function signedData({ room, user, mid, edit }, kid, key, body) {
  return fields(VERSION, "signature", edit ? "edit" : "message", room, user, mid, kid, key, body);
}

/** A body's bytes: JSON, and padded with spaces to whole blocks, so that its length reveals little. @param {object} body */
export function printBody(body) {
  const bytes = utf8(JSON.stringify(body));
  const padded = new Uint8Array(Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES).fill(0x20);
  padded.set(bytes);
  return padded;
}

/** @param {Uint8Array} bytes @throws {Unreadable} */
export function parseBody(bytes) {
  try {
    const body = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (body !== null && typeof body === "object" && !Array.isArray(body)) return body;
  } catch {
    // Falls through: not UTF-8, or not JSON.
  }
  throw new Unreadable("damaged");
}

/** What is encrypted. @param {Uint8Array} key @param {Uint8Array} signature @param {Uint8Array} body */
export function printInside(key, signature, body) {
  return join([Uint8Array.of(LAYOUT), key, signature, body]);
}

/** @param {Uint8Array} inside @throws {Unreadable} */
export function parseInside(inside) {
  if (inside[0] !== LAYOUT || inside.length < HEAD_BYTES) throw new Unreadable("damaged");
  return {
    key: inside.slice(1, 1 + KEY_BYTES),
    signature: inside.slice(1 + KEY_BYTES, HEAD_BYTES),
    body: inside.slice(HEAD_BYTES),
  };
}

/** The `cipher` of a command. @param {string} kid @param {Uint8Array} iv @param {ArrayBuffer} ct */
export function printCipher(kid, iv, ct) {
  return { alg: "A256GCM", kid, iv: toBase64(iv), ct: toBase64(ct) };
}

/** @param {any} cipher @throws {Unreadable} */
export function parseCipher(cipher) {
  const iv = fromBase64(cipher?.iv, IV_BYTES);
  const ct = fromBase64(cipher?.ct);
  const parts = parseKid(cipher?.kid);
  if (cipher?.alg !== "A256GCM" || !parts || !iv || !ct || ct.length < HEAD_BYTES + TAG_BYTES) {
    throw new Unreadable("damaged");
  }
  return { kid: cipher.kid, ...parts, iv, ct };
}

/**
 * The most bytes that a body may have so that its `cipher` fits into a message. A text fits if
 * `printBody({text})` is at most this long.
 * @param {number} messageBytes the server's limit, `limits.message_bytes` of its welcome
 */
export function bodyBytesMax(messageBytes) {
  const around = JSON.stringify(printCipher("9".repeat(9) + "." + "A".repeat(22), new Uint8Array(IV_BYTES), [])).length;
  const inside = Math.floor(((messageBytes - around) * 3) / 4) - TAG_BYTES - HEAD_BYTES;
  return Math.max(0, Math.floor(inside / BLOCK_BYTES) * BLOCK_BYTES);
}
