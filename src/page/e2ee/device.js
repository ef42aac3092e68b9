// Device keys: they sign messages and receive new room keys; and the safety numbers that people compare.
//
// A device is a browser profile or a terminal user. Its private keys are generated here and are not extractable.
// It has two key pairs, since one key must not both sign and agree: the signing key identifies the device.

import { ID_BYTES, KEY_BYTES, SECRET_BYTES, VERSION, Unreadable, fields, fromBase64, toBase64 } from "./format.js";
import { hkdf } from "./secret.js";

const { subtle } = globalThis.crypto;
const SIGNING = { name: "ECDSA", namedCurve: "P-256" };
const AGREEMENT = { name: "ECDH", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };

// A wrapping key is used once, so its IV can be constant.
const WRAP_IV = new Uint8Array(12);
const WRAPPED_BYTES = SECRET_BYTES + 16;

/**
 * This device's own keys, as they are stored.
 * @typedef {object} Keys
 * @property {CryptoKeyPair} signing
 * @property {CryptoKeyPair} agreement
 */

/** @returns {Promise<Keys>} */
export async function drawKeys() {
  return {
    signing: await subtle.generateKey(SIGNING, false, ["sign", "verify"]),
    agreement: await subtle.generateKey(AGREEMENT, false, ["deriveBits"]),
  };
}

/** @param {CryptoKey} key public */
export async function rawKey(key) {
  return new Uint8Array(await subtle.exportKey("raw", key));
}

/** The id of a device. @param {Uint8Array} key its public signing key */
export async function deviceId(key) {
  return toBase64((await subtle.digest("SHA-256", key)).slice(0, ID_BYTES));
}

/** @param {CryptoKey} key private @param {Uint8Array} data */
export async function sign(key, data) {
  return new Uint8Array(await subtle.sign(SIGNATURE, key, data));
}

/** @param {Uint8Array} key public @param {Uint8Array} signature @param {Uint8Array} data @throws {Unreadable} */
export async function verify(key, signature, data) {
  const imported = await subtle.importKey("raw", key, SIGNING, true, ["verify"]).catch(() => undefined);
  if (!imported || !(await subtle.verify(SIGNATURE, imported, signature, data))) throw new Unreadable("forged");
}

/**
 * The safety number that two people compare, in person or by voice: 60 digits in groups of five, the same on
 * both devices.
 * @param {{user: string, key: Uint8Array}} one a user with the device's public signing key
 * @param {{user: string, key: Uint8Array}} other
 */
export async function safetyNumber(one, other) {
  const halves = await Promise.all([one, other].map(half));
  return halves.sort().join(" ");
}

async function half({ user, key }) {
  const hash = new Uint8Array(await subtle.digest("SHA-512", fields(VERSION, "safety number", user, key)));
  const group = (at) => hash.slice(at, at + 5).reduce((sum, byte) => sum * 256 + byte, 0) % 100_000;
  return [0, 5, 10, 15, 20, 25].map((at) => String(group(at)).padStart(5, "0")).join(" ");
}

/**
 * Encrypts a new room key to each of these devices.
 * @param {string} room
 * @param {string} kid of the new key
 * @param {Uint8Array} secret the bytes of the new key
 * @param {{id: string, agreement: Uint8Array}[]} devices
 * @returns {Promise<{from: string, to: Object<string, string>}>} `to` by device id
 */
export async function wrap(room, kid, secret, devices) {
  const pair = await subtle.generateKey(AGREEMENT, false, ["deriveBits"]);
  const from = await rawKey(pair.publicKey);
  const to = {};
  for (const { id, agreement } of devices) {
    const key = await wrappingKey(pair.privateKey, agreement, { room, kid, from, id }, "encrypt");
    to[id] = toBase64(await subtle.encrypt({ name: "AES-GCM", iv: WRAP_IV }, key, secret));
  }
  return { from: toBase64(from), to };
}

/**
 * The bytes of the new key, or `undefined` if the message does not contain it for this device.
 * @param {string} room
 * @param {{kid: string, from: string, to: Object<string, string>}} rekey
 * @param {string} id of this device
 * @param {CryptoKey} agreement the private key of this device
 */
export async function unwrap(room, { kid, from, to }, id, agreement) {
  const theirs = fromBase64(from, KEY_BYTES);
  const wrapped = fromBase64(Object.hasOwn(to ?? {}, id) ? to[id] : undefined, WRAPPED_BYTES);
  if (!theirs || !wrapped) return undefined;
  try {
    const key = await wrappingKey(agreement, theirs, { room, kid, from: theirs, id }, "decrypt");
    return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv: WRAP_IV }, key, wrapped));
  } catch {
    return undefined; // it was encrypted for another context, or is not valid
  }
}

async function wrappingKey(own, theirs, { room, kid, from, id }, usage) {
  const other = await subtle.importKey("raw", theirs, AGREEMENT, true, []);
  const shared = await subtle.deriveBits({ name: "ECDH", public: other }, own, 256);
  const base = await subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  return subtle.deriveKey(hkdf("wrap", room, kid, from, id), base, { name: "AES-GCM", length: 256 }, false, [usage]);
}
