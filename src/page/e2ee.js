// End-to-end encryption of rooms: the server relays messages that it cannot read.
//
// The members of a room share a secret, from a link or a passphrase; each device signs its messages.
// docs/encryption.md describes the format, and what it protects. Needs only WebCrypto: a browser in a secure
// context (HTTPS or localhost), or Node 20.
//
//     const encryption = await Encryption.load(await indexedDbStore("roomd"));
//     await encryption.useFragment(room, location.hash);
//     const cipher = await encryption.seal({ room, user, mid }, { text: "hi" });
//     const opened = await encryption.open({ room, user, mid, seq }, cipher);

import { deviceId, safetyNumber, sign, unwrap, verify, wrap } from "./e2ee/device.js";
import {
  IV_BYTES,
  KEY_BYTES,
  Unreadable,
  additionalData,
  bodyBytesMax,
  fromBase64,
  parseBody,
  parseCipher,
  parseInside,
  parseKid,
  printBody,
  printCipher,
  printInside,
  signedData,
  toBase64,
} from "./e2ee/format.js";
import { Keyring } from "./e2ee/keyring.js";
import { bytesOfPassphrase, drawSecret, kidOf, parseFragment, printFragment, secretOf, senderKey } from "./e2ee/secret.js";

export { indexedDbStore, memoryStore } from "./e2ee/store.js";

const SENDER_KEYS_MAX = 1_000; // cached in memory
const SEEN_MAX = 10_000; // message ids that are remembered, to detect replays
const RECIPIENTS_MAX = 400; // devices to which one message can send a new key

/** Whether WebCrypto is available: not over plain HTTP, except on localhost. */
export const isAvailable = () => globalThis.crypto?.subtle !== undefined;

/** The room has no key, or its key was replaced and this device did not receive the new one. */
export class KeyMissing extends Error {}

/**
 * @typedef {import("./e2ee/format.js").Context} Context
 * @typedef {import("./e2ee/keyring.js").Trust} Trust
 *
 * @typedef {object} Opened a message after decryption
 * @property {"verified"|"encrypted"|"unreadable"} state `verified`: signed by this device, or by
 *   one whose safety number was compared; `encrypted`: signed by a device that was not compared
 * @property {string} [text] absent if the message is unreadable, or has no text
 * @property {"no-key"|"damaged"|"forged"|"repeated"} [reason] why it is unreadable
 * @property {{id: string, trust: Trust}} [device] `new`: another device of this user was known before
 * @property {boolean} [late] encrypted with a key after that key was replaced
 * @property {{kid: string, adopted: boolean}} [rekey] the message replaces the room's key;
 *   `adopted`: this device has the new one and encrypts with it
 */

export class Encryption {
  #ring;
  #senderKeys = new Map(); // kid, room and user → promise of a CryptoKey, oldest first
  #seen = new Map(); // room, user and mid → seq, oldest first
  #queues = new Map(); // room → promise of the last task

  /** @param {Keyring} ring */
  constructor(ring) {
    this.#ring = ring;
  }

  /** @param {import("./e2ee/store.js").Store} store */
  static async load(store) {
    return new Encryption(await Keyring.load(store));
  }

  // --- Room keys ------------------------------------------------------------------------------

  /** Creates a key for a room that has none. @param {string} room @returns {Promise<string>} the fragment of its link */
  async create(room) {
    const bytes = drawSecret();
    if ((await this.#ring.give(room, { bytes, epoch: 1 }, false)) !== "taken") throw new Error("The room already has a key");
    return printFragment(bytes, 1);
  }

  /**
   * Uses the key in a link, if there is one. A key that is `other` or `older` is not used: ask the user, and
   * then pass `replace`.
   * @param {string} room
   * @param {string} fragment such as `location.hash`
   * @returns {Promise<"none"|"taken"|"same"|"older"|"other">}
   */
  async useFragment(room, fragment, { replace = false } = {}) {
    const given = parseFragment(fragment);
    return given ? this.#ring.give(room, given, replace) : "none";
  }

  /**
   * Uses a passphrase; resolves as `useFragment` does.
   * @param {string} room
   * @param {string} passphrase
   * @throws {RangeError} if it is too short
   */
  async usePassphrase(room, passphrase, { replace = false } = {}) {
    return this.#ring.give(room, { bytes: await bytesOfPassphrase(room, passphrase) }, replace);
  }

  /** Deletes a room's keys; messages that were encrypted with them become unreadable. @param {string} room */
  forget(room) {
    return this.#ring.forget(room);
  }

  /** Whether the room has a key, and whether it is current. @param {string} room @returns {Promise<"plain"|"ready"|"superseded">} */
  async keyState(room) {
    const keys = await this.#ring.room(room);
    if (!keys) return "plain";
    return keys.supersededBy ? "superseded" : "ready";
  }

  // --- Messages -------------------------------------------------------------------------------

  /**
   * Encrypts a message. The context must be what the server will report: the room, this user's name, and the
   * `mid` (of an edit: the `mid` of the message, with `edit: true`).
   * @param {Context} context
   * @param {{text: string}} body
   * @returns {Promise<{alg: string, kid: string, iv: string, ct: string}>} the command's `cipher`
   * @throws {KeyMissing}
   */
  async seal(context, body) {
    const keys = await this.#ring.room(context.room);
    if (!keys) throw new KeyMissing("The room has no key");
    if (keys.supersededBy) throw new KeyMissing("The room's key was replaced: ask for the new link");
    return this.#sealWith(keys, context, body);
  }

  /**
   * Announces this device to the room with a message without text, so that it can receive a new key. Send it
   * once after using a room's key for the first time.
   * @param {Context} context
   */
  announce(context) {
    return this.seal(context, { device: { agreement: toBase64(this.#ring.own.agreement) } });
  }

  /**
   * Decrypts a message. Messages of one room are decrypted in the order of the calls, so that a new key is
   * there for the messages after it. Does not reject for a message that is invalid.
   * @param {Context & {seq?: number}} context
   * @param {unknown} cipher
   * @returns {Promise<Opened>}
   */
  open(context, cipher) {
    const before = this.#queues.get(context.room) ?? Promise.resolve();
    const opened = before.then(() => this.#open(context, cipher));
    const settled = opened.catch(() => {}).then(() => {
      if (this.#queues.get(context.room) === settled) this.#queues.delete(context.room);
    });
    this.#queues.set(context.room, settled);
    return opened.catch((error) => {
      if (error instanceof Unreadable) return { state: "unreadable", reason: error.reason };
      throw error;
    });
  }

  /** By how many bytes a text exceeds what fits into a message; 0 or less if it fits. @param {string} text @param {number} messageBytes */
  excess(text, messageBytes) {
    return printBody({ text }).length - bodyBytesMax(messageBytes);
  }

  // --- Key rotation ---------------------------------------------------------------------------

  /**
   * Creates a new key for the room, and a message that sends it to those devices of these users that are known
   * and not `new`. The key is in use once `open` reports `adopted` for that message, since another member's
   * may come first. The users in `missing` need the link (or the passphrase).
   * @param {Context} context
   * @param {string[]} users who are to have it; include this user for their other devices
   * @param {{passphrase?: string}} [how] otherwise the key is random
   * @returns {Promise<{cipher: object, fragment: string, kid: string, missing: string[]}>}
   */
  async rotate(context, users, { passphrase } = {}) {
    const { room } = context;
    const keys = await this.#ring.room(room);
    if (!keys || keys.supersededBy) throw new KeyMissing("This device does not have the room's key");
    const bytes = passphrase === undefined ? drawSecret() : await bytesOfPassphrase(room, passphrase);
    const epoch = parseKid(keys.current).epoch + 1;
    const kid = await kidOf(await secretOf(bytes, epoch), room);
    const { own } = this.#ring;
    const recipients = [{ id: own.id, agreement: own.agreement }];
    const missing = [];
    for (const user of new Set(users)) {
      const devices = await this.#ring.devices(user);
      const reachable = devices.filter(({ trust, agreement }) => trust !== "new" && agreement);
      recipients.push(...reachable);
      if (reachable.length === 0 && user !== context.user) missing.push(user);
    }
    if (recipients.length > RECIPIENTS_MAX) throw new RangeError(`A new key reaches at most ${RECIPIENTS_MAX} devices`);
    const rekey = { kid, ...(await wrap(room, kid, bytes, recipients)) };
    return { cipher: await this.#sealWith(keys, context, { rekey }), fragment: printFragment(bytes, epoch), kid, missing };
  }

  // --- Devices --------------------------------------------------------------------------------

  /** @param {string} user @returns {Promise<{id: string, trust: Trust}[]>} */
  async devices(user) {
    return (await this.#ring.devices(user)).map(({ id, trust }) => ({ id, trust }));
  }

  /**
   * The safety number to compare with a user, who sees the same number for this device.
   * @param {string} me
   * @param {string} user
   * @param {string} id of their device
   */
  async safetyNumber(me, user, id) {
    const device = (await this.#ring.devices(user)).find((each) => each.id === id);
    return device && safetyNumber({ user: me, key: this.#ring.own.key }, { user, key: device.key });
  }

  /** Sets a device to `verified` after the numbers were compared, or to `known` if the user accepts it as theirs. @param {string} user @param {string} id @param {Trust} trust */
  trust(user, id, trust) {
    return this.#ring.setTrust(user, id, trust);
  }

  // --- Internals ------------------------------------------------------------------------------

  async #sealWith({ current, keys }, context, body) {
    const { own } = this.#ring;
    const bytes = printBody(body);
    const signature = await sign(own.keys.signing.privateKey, signedData(context, current, own.key, bytes));
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const held = keys.find(({ kid }) => kid === current);
    const how = { name: "AES-GCM", iv, additionalData: additionalData(context, current) };
    const key = await this.#senderKey(held, current, context);
    const ct = await crypto.subtle.encrypt(how, key, printInside(own.key, signature, bytes));
    return printCipher(current, iv, ct);
  }

  async #open(context, cipher) {
    const { kid, iv, ct } = parseCipher(cipher);
    const held = await this.#ring.find(context.room, kid);
    if (!held) throw new Unreadable("no-key");
    const how = { name: "AES-GCM", iv, additionalData: additionalData(context, kid) };
    const key = await this.#senderKey(held, kid, context);
    const inside = await crypto.subtle.decrypt(how, key, ct).catch(() => {
      throw new Unreadable("damaged");
    });
    const { key: signer, signature, body: bytes } = parseInside(new Uint8Array(inside));
    await verify(signer, signature, signedData(context, kid, signer, bytes));
    this.#detectReplay(context);
    const body = parseBody(bytes);
    const agreement = fromBase64(body.device?.agreement, KEY_BYTES);
    const id = await deviceId(signer);
    const trust = await this.#ring.seen(context.user, { id, key: signer, agreement });
    const opened = { state: trust === "verified" ? "verified" : "encrypted", device: { id, trust } };
    if (context.seq > held.until) opened.late = true;
    if (typeof body.text === "string") opened.text = body.text;
    if (body.rekey) opened.rekey = await this.#rekey(context, kid, held, trust, body.rekey);
    return opened;
  }

  // A new key is adopted if it follows the current one, and comes from a device that is not `new`.
  async #rekey({ room, seq }, kid, held, trust, rekey) {
    const next = parseKid(rekey.kid);
    const keys = await this.#ring.room(room);
    const { own } = this.#ring;
    if (next?.epoch !== parseKid(kid).epoch + 1) return { kid: String(rekey.kid), adopted: false };
    if (keys.current === held.kid && trust !== "new") {
      const bytes = await unwrap(room, rekey, own.id, own.keys.agreement.privateKey);
      await this.#ring.replace(room, held.kid, rekey.kid, bytes, seq);
    }
    return { kid: rekey.kid, adopted: (await this.#ring.room(room)).current === rekey.kid };
  }

  #senderKey({ key }, kid, { room, user }) {
    const name = JSON.stringify([kid, room, user]);
    return cached(this.#senderKeys, name, SENDER_KEYS_MAX, () => senderKey({ key, epoch: parseKid(kid).epoch }, room, user));
  }

  // The same message with another seq was replayed by the server, not sent again.
  #detectReplay({ room, user, mid, seq, edit }) {
    if (seq === undefined || edit) return;
    const first = cached(this.#seen, JSON.stringify([room, user, mid]), SEEN_MAX, () => seq);
    if (first !== seq) throw new Unreadable("repeated");
  }
}

function cached(map, name, max, make) {
  if (!map.has(name)) {
    map.set(name, make());
    if (map.size > max) map.delete(map.keys().next().value);
  }
  return map.get(name);
}
