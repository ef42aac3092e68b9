// The keyring: the keys of rooms, and the devices of other users.
//
// A room has one current key, which encrypts, and earlier ones, which only decrypt. The first device of a user
// that is seen becomes `known` (trust on first use); each further one is `new` until this user decides, since
// a second device and an impostor look the same.

import { deviceId, drawKeys, rawKey } from "./device.js";
import { parseKid } from "./format.js";
import { kidOf, secretOf } from "./secret.js";

const KEYS_MAX = 64; // of one room; beyond it the oldest are dropped
const DEVICES_MAX = 32; // of one user; further ones stay new

/**
 * @typedef {"new"|"known"|"verified"} Trust
 *
 * @typedef {object} Device a device of another user
 * @property {string} id
 * @property {Uint8Array} key its public signing key
 * @property {Uint8Array} [agreement] the public key with which a new room key is encrypted to it
 * @property {Trust} trust
 *
 * @typedef {object} Held a key of a room
 * @property {string} kid
 * @property {number} epoch
 * @property {CryptoKey} key
 * @property {number} [until] the seq of the message that replaced it
 *
 * @typedef {object} RoomKeys
 * @property {string} current the kid of the key that encrypts
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

  /** The keyring in a store; an empty store gets new device keys. @param {import("./store.js").Store} store */
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
   * Adds a key that the user enters. A key that differs from the room's is accepted only with `replace`, or if a
   * member has announced it: whoever could make a user encrypt with another key could read the messages.
   * @param {string} room
   * @param {{bytes: Uint8Array, epoch?: number}} given without an epoch it follows the current key
   * @param {boolean} replace
   * @returns {Promise<"taken"|"same"|"older"|"other">} only `taken` means a change
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
   * Replaces a key, if that is still the current one.
   * @param {string} room
   * @param {string} from the kid of the key that is replaced
   * @param {string} kid
   * @param {Uint8Array|undefined} bytes of the new key; without them only its kid is recorded
   * @param {number} [until] the seq of the message that replaces it
   * @returns {Promise<boolean>} whether the new key is the current one now
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

  /** The key of a room with this kid, also if the sender counts its epoch differently. @param {string} room @param {string} kid */
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

  // --- Devices -------------------------------------------------------------------------------

  /** @param {string} user @returns {Promise<Device[]>} in the order in which they were seen */
  async devices(user) {
    return (await this.#store.get(`user/${user}`)) ?? [];
  }

  /**
   * Records a device that has signed a message under this name. Returns its trust.
   * @param {string} user
   * @param {{id: string, key: Uint8Array, agreement?: Uint8Array}} device
   * @returns {Promise<Trust>}
   */
  async seen(user, { id, key, agreement }) {
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
