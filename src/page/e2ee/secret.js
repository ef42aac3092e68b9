// Room secrets: how they are created and named, and the keys that are derived from them.
//
// A secret is 32 bytes that the members of a room share. It is kept as a non-extractable WebCrypto key; its bytes
// exist only while it is created, and in the link that shares it.

import { ID_BYTES, SECRET_BYTES, VERSION, fields, fromBase64, toBase64, utf8 } from "./format.js";

const { subtle } = globalThis.crypto;
const SHA256 = "SHA-256";

/** PBKDF2 rounds of a passphrase; part of the format. */
export const ROUNDS = 600_000;
/** The fewest characters of a passphrase: it catches a typing error, and does not ensure strength. */
export const PASSPHRASE_MIN = 8;

const FRAGMENT = /^#?key=([1-9][0-9]{0,8})\.([A-Za-z0-9_-]{43})$/;

/**
 * A room's secret.
 * @typedef {object} Secret
 * @property {number} epoch the number of the key in the room, from 1
 * @property {CryptoKey} key for HKDF, not extractable
 */

/** 32 random bytes. */
export const drawSecret = () => crypto.getRandomValues(new Uint8Array(SECRET_BYTES));

/** @param {Uint8Array} bytes @param {number} epoch @returns {Promise<Secret>} */
export async function secretOf(bytes, epoch) {
  return { epoch, key: await subtle.importKey("raw", bytes, "HKDF", false, ["deriveBits", "deriveKey"]) };
}

/** The fragment of a link to the room. @param {Uint8Array} bytes @param {number} epoch */
export function printFragment(bytes, epoch) {
  return `#key=${epoch}.${toBase64(bytes)}`;
}

/** The secret in a fragment, or `undefined` if there is none. @param {string} fragment */
export function parseFragment(fragment) {
  const [, epoch, text] = fragment.match(FRAGMENT) ?? [];
  const bytes = text && fromBase64(text, SECRET_BYTES);
  return bytes && { epoch: Number(epoch), bytes };
}

/**
 * Derives the secret's bytes from a passphrase. Takes some tenths of a second, to slow down guessing. White
 * space at the ends is ignored.
 * @param {string} room
 * @param {string} passphrase
 * @throws {RangeError} if it is too short
 */
export async function bytesOfPassphrase(room, passphrase) {
  const text = passphrase.trim().normalize("NFC");
  if ([...text].length < PASSPHRASE_MIN) throw new RangeError(`A passphrase has at least ${PASSPHRASE_MIN} characters`);
  const key = await subtle.importKey("raw", utf8(text), "PBKDF2", false, ["deriveBits"]);
  const salt = fields(VERSION, "passphrase", room);
  const bits = await subtle.deriveBits({ name: "PBKDF2", hash: SHA256, salt, iterations: ROUNDS }, key, SECRET_BYTES * 8);
  return new Uint8Array(bits);
}

/** The name of a secret in a room: `EPOCH.ID`. @param {Secret} secret @param {string} room */
export async function kidOf({ key, epoch }, room) {
  const bits = await subtle.deriveBits(hkdf("key id", room, String(epoch)), key, ID_BYTES * 8);
  return `${epoch}.${toBase64(bits)}`;
}

/** The key that one user's messages are encrypted with. @param {Secret} secret @param {string} room @param {string} user */
export function senderKey({ key, epoch }, room, user) {
  const how = hkdf("sender key", room, String(epoch), user);
  return subtle.deriveKey(how, key, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** @param {...(string|Uint8Array)} info */
export function hkdf(...info) {
  return { name: "HKDF", hash: SHA256, salt: new Uint8Array(), info: fields(VERSION, ...info) };
}
