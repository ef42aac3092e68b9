// What is remembered: the keys of rooms, and the devices of the people met there.
//
// A room has one key that is written with, and those before it, which are read with. Of a user the
// first device that is met is known; each further one is new until the reader says otherwise,
// since a second device and somebody else under that name look the same.

import { deviceId, drawKeys, rawKey } from "./device.js";
import { parseKid } from "./format.js";
import { kidOf, secretOf } from "./secret.js";

const KEYS_MAX = 64; // of one room; beyond it the oldest go
const DEVICES_MAX = 32; // of one user; a further one stays new

/**
 * @typedef {"new"|"known"|"verified"} Trust
 *
 * @typedef {object} Device somebody's device
 * @property {string} id
 * @property {Uint8Array} key its public signing key
 * @property {Uint8Array} [agreement] the public key under which it can be given a new room key
 * @property {Trust} trust
 *
 * @typedef {object} Held a key of a room
 * @property {string} kid
 * @property {number} epoch
 * @property {CryptoKey} key
 * @property {number} [until] the number of the message that replaced it
 *
 * @typedef {object} RoomKeys
 * @property {string} current the kid of the one that is written with
 * @property {Held[]} keys
 * @property {string} [supersededBy] the kid of its successor, which this device does not have
 */

export class Keyring {
  #store;

  /**
   * @param {import("./store.js").Store} store
   * @param {{id: string, key: Uint8Array, agreement: Uint8Array, keys: import("./device.js").Keys}} own
   */
  constructor(store, own) {
    this.#store = store;
    this.own = own;
  }

  /** The keyring in a store; an empty store gets a device of its own. @param {import("./store.js").Store} store */
  static async load(store) {
    let keys = await store.get("device");
    if (!keys) {
      const drawn = await drawKeys();
      keys = await store.update("device", (old) => old ?? drawn);
    }
    const [key, agreement] = [await rawKey(keys.signing.publicKey), await rawKey(keys.agreement.publicKey)];
    return new Keyring(store, { id: await deviceId(key), key, agreement, keys });
  }

  // --- Rooms ---------------------------------------------------------------------------------

  /** @param {string} room @returns {Promise<RoomKeys|undefined>} */
  room(room) {
    return this.#store.get(`room/${room}`);
  }

  /** @param {string} room */
  async forget(room) {
    await this.#store.update(`room/${room}`, () => undefined);
  }

  /**
   * Takes a key that the reader gives. Another one than the room has is taken only if `replace`
   * says so, or if a member has announced it: whoever can make somebody write with their own key can
   * read along.
   * @param {string} room
   * @param {{bytes: Uint8Array, epoch?: number}} given without an epoch it comes after the one there is
   * @param {boolean} replace
   * @returns {Promise<"taken"|"same"|"older"|"other">} only `taken` changed something
   */
  async give(room, { bytes, epoch }, replace) {
    const before = await this.room(room);
    const current = before?.keys.find(({ kid }) => kid === before.current);
    for (const held of before?.keys ?? []) {
      if ((await kidOf(await secretOf(bytes, held.epoch), room)) !== held.kid) continue;
      if (held === current && !before.supersededBy) return "same";
      if (!replace) return "older";
    }
    const expected = before?.supersededBy;
    const next = expected ? parseKid(expected).epoch : (current?.epoch ?? 0) + 1;
    const secret = await secretOf(bytes, epoch ?? next);
    const held = { ...secret, kid: await kidOf(secret, room) };
    if (current && held.kid !== expected && !replace) return "other";
    await this.#change(room, (keys) => withKey(keys, held));
    return "taken";
  }

  /**
   * Takes the key that replaces another, if the other is still the one written with.
   * @param {string} room
   * @param {string} from the kid of the one that is replaced
   * @param {string} kid
   * @param {Uint8Array|undefined} bytes of the new one; without them the room is only known to have it
   * @param {number} [until] the number of the message that says so
   * @returns {Promise<boolean>} whether the new one is written with now
   */
  async replace(room, from, kid, bytes, until) {
    const secret = bytes && (await secretOf(bytes, parseKid(kid).epoch));
    const right = secret && (await kidOf(secret, room)) === kid;
    const keys = await this.#change(room, (old) => {
      if (old?.current !== from || old.supersededBy) return old;
      const retired = old.keys.map((held) => (held.kid === from ? { ...held, until } : held));
      return right ? withKey({ ...old, keys: retired }, { ...secret, kid }) : { ...old, keys: retired, supersededBy: kid };
    });
    return keys?.current === kid;
  }

  /** The room's key that a message names, whatever epoch its sender counts. @param {string} room @param {string} kid */
  async find(room, kid) {
    const keys = (await this.room(room))?.keys ?? [];
    const named = keys.find((held) => held.kid === kid);
    if (named) return named;
    const { epoch } = parseKid(kid);
    for (const held of keys) {
      if (held.epoch !== epoch && (await kidOf({ key: held.key, epoch }, room)) === kid) return held;
    }
    return undefined;
  }

  #change(room, change) {
    return this.#store.update(`room/${room}`, change);
  }

  // --- People --------------------------------------------------------------------------------

  /** @param {string} user @returns {Promise<Device[]>} in the order they were met */
  async devices(user) {
    return (await this.#store.get(`user/${user}`)) ?? [];
  }

  /**
   * A device has shown itself under this name, with a signature. Returns how it is trusted.
   * @param {string} user
   * @param {{id: string, key: Uint8Array, agreement?: Uint8Array}} device
   * @returns {Promise<Trust>}
   */
  async meet(user, { id, key, agreement }) {
    if (id === this.own.id) return "verified";
    const known = (await this.devices(user)).find((device) => device.id === id);
    if (known && (known.agreement || !agreement)) return known.trust;
    const devices = await this.#store.update(`user/${user}`, (old = []) => {
      const others = old.filter((device) => device.id !== id);
      const before = old.find((device) => device.id === id);
      if (!before && old.length >= DEVICES_MAX) return old;
      return [...others, { id, key, agreement, trust: before?.trust ?? (old.length ? "new" : "known") }];
    });
    return devices.find((device) => device.id === id)?.trust ?? "new";
  }

  /** @param {string} user @param {string} id @param {Trust} trust @returns {Promise<boolean>} whether there is such a device */
  async setTrust(user, id, trust) {
    const change = (old) => old?.map((device) => (device.id === id ? { ...device, trust } : device));
    const devices = await this.#store.update(`user/${user}`, change);
    return devices?.some((device) => device.id === id) ?? false;
  }
}

/** @param {RoomKeys|undefined} old @param {Held} held @returns {RoomKeys} */
function withKey(old, held) {
  const others = (old?.keys ?? []).filter(({ kid }) => kid !== held.kid);
  return { current: held.kid, keys: [...others, held].slice(-KEYS_MAX) };
}
