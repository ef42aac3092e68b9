// End-to-end encryption of rooms: the server passes on what it cannot read.
//
// A room's members share a secret, from a link or a passphrase; each device signs what it writes.
// docs/encryption.md has the format, and what it protects and what it does not. Needs WebCrypto and
// nothing else: a browser in a secure context (https, or localhost), or Node 20. No document.
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

const SENDER_KEYS_MAX = 1_000; // kept ready in memory
const SEEN_MAX = 10_000; // marks of messages that are remembered, to notice a repetition
const RECIPIENTS_MAX = 400; // devices that one message can give a new key

/** Whether this browser lets the page encrypt: not on plain HTTP, but for localhost. */
export const isAvailable = () => globalThis.crypto?.subtle !== undefined;

/** The room has no key, or only one that was replaced by one that did not reach this device. */
export class KeyMissing extends Error {}

/**
 * @typedef {import("./e2ee/format.js").Place} Place
 * @typedef {import("./e2ee/keyring.js").Trust} Trust
 *
 * @typedef {object} Opened what a reader is shown of a message
 * @property {"verified"|"encrypted"|"unreadable"} state `verified`: signed by a device whose safety
 *   number was compared, or by this one; `encrypted`: by a device that was not compared
 * @property {string} [text] absent if it is unreadable, or not for people
 * @property {"no-key"|"damaged"|"forged"|"repeated"} [reason] why it is unreadable
 * @property {{id: string, trust: Trust}} [device] `new`: another device of this user was met before
 * @property {boolean} [late] written with a key after that was replaced
 * @property {{kid: string, adopted: boolean}} [rekey] the message replaces the room's key;
 *   `adopted`: this device has the new one and writes with it
 */

export class Encryption {
  #ring;
  #senderKeys = new Map(); // kid, room and user → promise of a CryptoKey, oldest first
  #seen = new Map(); // room, user and mid → seq, oldest first
  #lines = new Map(); // room → promise of the last task

  /** @param {Keyring} ring */
  constructor(ring) {
    this.#ring = ring;
  }

  /** @param {import("./e2ee/store.js").Store} store */
  static async load(store) {
    return new Encryption(await Keyring.load(store));
  }

  // --- The keys of rooms ----------------------------------------------------------------------

  /** Makes a key for a room that has none. @param {string} room @returns {Promise<string>} the fragment of its link */
  async create(room) {
    const bytes = drawSecret();
    if ((await this.#ring.give(room, { bytes, epoch: 1 }, false)) !== "taken") throw new Error("The room has a key");
    return printFragment(bytes, 1);
  }

  /**
   * Takes the key in a link, if it holds one. `other` and `older` are not taken: ask the reader,
   * and say `replace`.
   * @param {string} room
   * @param {string} fragment such as `location.hash`
   * @returns {Promise<"none"|"taken"|"same"|"older"|"other">}
   */
  async useFragment(room, fragment, { replace = false } = {}) {
    const given = parseFragment(fragment);
    return given ? this.#ring.give(room, given, replace) : "none";
  }

  /**
   * Takes a passphrase; answers as `useFragment`.
   * @param {string} room
   * @param {string} passphrase
   * @throws {RangeError} if it is too short
   */
  async usePassphrase(room, passphrase, { replace = false } = {}) {
    return this.#ring.give(room, { bytes: await bytesOfPassphrase(room, passphrase) }, replace);
  }

  /** Forgets a room's keys; what was written with them cannot be read any more. @param {string} room */
  forget(room) {
    return this.#ring.forget(room);
  }

  /** Whether messages to the room are encrypted, and can be. @param {string} room @returns {Promise<"plain"|"ready"|"superseded">} */
  async standing(room) {
    const keys = await this.#ring.room(room);
    if (!keys) return "plain";
    return keys.supersededBy ? "superseded" : "ready";
  }

  // --- Messages -------------------------------------------------------------------------------

  /**
   * Encrypts a message. What it is bound to must be what the server will show: the room, this
   * reader's name, the `mid` (of an edit: the mid of the message, with `edit: true`).
   * @param {Place} place
   * @param {{text: string}} body
   * @returns {Promise<{alg: string, kid: string, iv: string, ct: string}>} the command's `cipher`
   * @throws {KeyMissing}
   */
  async seal(place, body) {
    const keys = await this.#ring.room(place.room);
    if (!keys) throw new KeyMissing("The room has no key");
    if (keys.supersededBy) throw new KeyMissing("The room's key was replaced: ask for the new link");
    return this.#sealWith(keys, place, body);
  }

  /**
   * Makes this device known to the room, so that it can be given a new key: a message without text.
   * Send it once after joining a room whose key is new here.
   * @param {Place} place
   */
  announce(place) {
    return this.seal(place, { device: { agreement: toBase64(this.#ring.own.agreement) } });
  }

  /**
   * Opens a message. Messages of one room are opened in the order of the calls, so that a new key
   * is there for what comes after it. Never rejects for what others wrote.
   * @param {Place & {seq?: number}} place
   * @param {unknown} cipher
   * @returns {Promise<Opened>}
   */
  open(place, cipher) {
    const before = this.#lines.get(place.room) ?? Promise.resolve();
    const opened = before.then(() => this.#open(place, cipher));
    const settled = opened.catch(() => {}).then(() => {
      if (this.#lines.get(place.room) === settled) this.#lines.delete(place.room);
    });
    this.#lines.set(place.room, settled);
    return opened.catch((error) => {
      if (error instanceof Unreadable) return { state: "unreadable", reason: error.reason };
      throw error;
    });
  }

  /** How many bytes a text is over what fits into a message; 0 or less if it fits. @param {string} text @param {number} messageBytes */
  excess(text, messageBytes) {
    return printBody({ text }).length - bodyBytesMax(messageBytes);
  }

  // --- Another key ----------------------------------------------------------------------------

  /**
   * Makes a new key for the room and a message that gives it to the devices of these users, as far
   * as they are known and not new. It counts as soon as `open` says `adopted` of that very message:
   * somebody else's may come first. Members who are missing need the link (or the passphrase).
   * @param {Place} place
   * @param {string[]} users who shall have it; this user's other devices too if named
   * @param {{passphrase?: string}} [how] otherwise the key is random
   * @returns {Promise<{cipher: object, fragment: string, kid: string, missing: string[]}>}
   */
  async rotate(place, users, { passphrase } = {}) {
    const { room } = place;
    const keys = await this.#ring.room(room);
    if (!keys || keys.supersededBy) throw new KeyMissing("The room's key is not here");
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
      if (reachable.length === 0 && user !== place.user) missing.push(user);
    }
    if (recipients.length > RECIPIENTS_MAX) throw new RangeError(`A new key reaches at most ${RECIPIENTS_MAX} devices`);
    const rekey = { kid, ...(await wrap(room, kid, bytes, recipients)) };
    return { cipher: await this.#sealWith(keys, place, { rekey }), fragment: printFragment(bytes, epoch), kid, missing };
  }

  // --- People ---------------------------------------------------------------------------------

  /** @param {string} user @returns {Promise<{id: string, trust: Trust}[]>} */
  async devices(user) {
    return (await this.#ring.devices(user)).map(({ id, trust }) => ({ id, trust }));
  }

  /**
   * The number to compare with a user: what their device shows for this one.
   * @param {string} me
   * @param {string} user
   * @param {string} id their device's
   */
  async safetyNumber(me, user, id) {
    const device = (await this.#ring.devices(user)).find((each) => each.id === id);
    return device && safetyNumber({ user: me, key: this.#ring.own.key }, { user, key: device.key });
  }

  /** `verified` after comparing; `known` lets a new device count as the user's. @param {string} user @param {string} id @param {Trust} trust */
  trust(user, id, trust) {
    return this.#ring.setTrust(user, id, trust);
  }

  // --- Inside ---------------------------------------------------------------------------------

  async #sealWith({ current, keys }, place, body) {
    const { own } = this.#ring;
    const bytes = printBody(body);
    const signature = await sign(own.keys.signing.privateKey, signedData(place, current, own.key, bytes));
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const held = keys.find(({ kid }) => kid === current);
    const how = { name: "AES-GCM", iv, additionalData: additionalData(place, current) };
    const key = await this.#senderKey(held, current, place);
    const ct = await crypto.subtle.encrypt(how, key, printInside(own.key, signature, bytes));
    return printCipher(current, iv, ct);
  }

  async #open(place, cipher) {
    const { kid, iv, ct } = parseCipher(cipher);
    const held = await this.#ring.find(place.room, kid);
    if (!held) throw new Unreadable("no-key");
    const how = { name: "AES-GCM", iv, additionalData: additionalData(place, kid) };
    const key = await this.#senderKey(held, kid, place);
    const inside = await crypto.subtle.decrypt(how, key, ct).catch(() => {
      throw new Unreadable("damaged");
    });
    const { key: signer, signature, body: bytes } = parseInside(new Uint8Array(inside));
    await verify(signer, signature, signedData(place, kid, signer, bytes));
    this.#notice(place);
    const body = parseBody(bytes);
    const agreement = fromBase64(body.device?.agreement, KEY_BYTES);
    const id = await deviceId(signer);
    const trust = await this.#ring.meet(place.user, { id, key: signer, agreement });
    const opened = { state: trust === "verified" ? "verified" : "encrypted", device: { id, trust } };
    if (place.seq > held.until) opened.late = true;
    if (typeof body.text === "string") opened.text = body.text;
    if (body.rekey) opened.rekey = await this.#rekey(place, kid, held, trust, body.rekey);
    return opened;
  }

  // A new key counts if it follows on the one that is written with here, and comes from a device
  // that was not met under somebody's name just now.
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
    return remembered(this.#senderKeys, name, SENDER_KEYS_MAX, () => senderKey({ key, epoch: parseKid(kid).epoch }, room, user));
  }

  // The same message under another number was shown again by the server, not written again.
  #notice({ room, user, mid, seq, edit }) {
    if (seq === undefined || edit) return;
    const first = remembered(this.#seen, JSON.stringify([room, user, mid]), SEEN_MAX, () => seq);
    if (first !== seq) throw new Unreadable("repeated");
  }
}

function remembered(map, name, max, make) {
  if (!map.has(name)) {
    map.set(name, make());
    if (map.size > max) map.delete(map.keys().next().value);
  }
  return map.get(name);
}
