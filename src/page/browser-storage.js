// What this browser stores: the user, their rooms and read positions; and for this tab, unsent messages
// and drafts. Where storage is blocked, the values last as long as the page.

import { storagePrefix } from "./names.js";

const ME = `${storagePrefix}.me`;
const LINK = `${storagePrefix}.link`;

const FORGET_MS = 2_000;
const LINK_MS = 600_000; // as long as a login may take
const LINK_MAX = 4_096; // characters

// The name of the database with a user's saved messages.
export const savedMessagesOf = (name) => `${storagePrefix}.messages.${name}`;

export class BrowserStorage {
  #local;
  #session;
  #forgotten = false;

  constructor(local = storage("localStorage"), session = storage("sessionStorage")) {
    this.#local = local;
    this.#session = session;
  }

  // {name, token?, expires?} or undefined.
  get me() {
    return this.#read(this.#local, ME);
  }

  // The token of each name is kept too, so that a user who switches names can switch back.
  set me(me) {
    if (me) for (const key of [ME, `${storagePrefix}.was.${me.name}`]) this.#write(this.#local, key, me);
    else this.#local.removeItem(ME);
  }

  // "light" or "dark", or undefined: as the system has it.
  get appearance() {
    return this.#read(this.#local, `${storagePrefix}.appearance`)?.scheme;
  }

  set appearance(scheme) {
    this.#write(this.#local, `${storagePrefix}.appearance`, { scheme });
    this.applyAppearance();
  }

  // Whether Enter sends a message, or undefined: as it is usual on the device.
  get enterSends() {
    return this.#read(this.#local, `${storagePrefix}.composer`)?.enterSends;
  }

  set enterSends(enterSends) {
    this.#write(this.#local, `${storagePrefix}.composer`, { enterSends });
  }

  applyAppearance() {
    if (globalThis.document) document.documentElement.style.colorScheme = this.appearance ?? "";
  }

  tokenOf(name) {
    return this.#read(this.#local, `${storagePrefix}.was.${name}`)?.token;
  }

  // Deletes everything about this name, and stores nothing more.
  forget(name) {
    for (const key of [ME, `${storagePrefix}.was.${name}`, `${storagePrefix}.of.${name}`]) this.#local.removeItem(key);
    this.#session.removeItem(`${storagePrefix}.tab.${name}`);
    globalThis.indexedDB?.deleteDatabase(`${storagePrefix}.keys.${name}`); // takes effect when no page has it open
    this.#forgotten = true;
  }

  // Deletes the messages that are saved for when there is no network. Resolves when they are gone, or soon: a tab that
  // the browser has put to sleep delays it.
  forgetMessages(name) {
    return new Promise((resolve) => {
      const request = globalThis.indexedDB?.deleteDatabase(savedMessagesOf(name));
      if (!request) resolve();
      else request.onsuccess = request.onerror = resolve;
      setTimeout(resolve, FORGET_MS);
    });
  }

  // {rooms: [{kind, name}], read: {key: {epoch, seq}}, secret: {key: true with a key, false without one, or "plain" by choice}, levels: {key: level}, calls: {key: [call]}, bookmarked: {key: true}, notify}
  settings(name) {
    return { rooms: [], read: {}, secret: {}, levels: {}, bookmarked: {}, calls: {}, notify: false, ...this.#read(this.#local, `${storagePrefix}.of.${name}`) };
  }

  // Updates the current settings, which another tab may have changed. Returns the new ones.
  update(name, change) {
    const settings = this.settings(name);
    change(settings);
    this.#write(this.#local, `${storagePrefix}.of.${name}`, settings);
    return settings;
  }

  // Calls the listener when another tab has changed the settings.
  watch(name, listener) {
    globalThis.addEventListener?.("storage", ({ key }) => key === `${storagePrefix}.of.${name}` && listener());
  }

  // For this tab: what stood behind the # of the link to this address, while the page is left. The newest only.
  keepLink(address, hash) {
    if (hash.length <= LINK_MAX) this.#write(this.#session, LINK, { address, hash, until: Date.now() + LINK_MS });
  }

  // Gives it back once.
  takeLink(address) {
    const link = this.#read(this.#session, LINK);
    const isOver = !(link?.until > Date.now());
    if (isOver || link.address === address) this.#session.removeItem(LINK);
    return isOver || link.address !== address ? undefined : link.hash;
  }

  // {unsent: [{kind, name, text, mid, at}], drafts: {key: text}}
  tab(name) {
    return { unsent: [], drafts: {}, ...this.#read(this.#session, `${storagePrefix}.tab.${name}`) };
  }

  saveTab(name, tab) {
    this.#write(this.#session, `${storagePrefix}.tab.${name}`, tab);
  }

  #read(storage, key) {
    try {
      const value = JSON.parse(storage.getItem(key) ?? "null");
      return value !== null && typeof value === "object" ? value : undefined;
    } catch {
      return undefined; // not written by this page
    }
  }

  #write(storage, key, value) {
    try {
      if (!this.#forgotten) storage.setItem(key, JSON.stringify(value));
    } catch {
      // The storage is full.
    }
  }
}

function storage(name) {
  try {
    globalThis[name].getItem(ME);
    return globalThis[name];
  } catch {
    const values = new Map();
    return {
      getItem: (key) => values.get(key) ?? null,
      setItem: (key, value) => values.set(key, value),
      removeItem: (key) => values.delete(key),
    };
  }
}
