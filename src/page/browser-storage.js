// What this browser stores: the user, their rooms and read positions; and for this tab, unsent messages
// and drafts. Where storage is blocked, the values last as long as the page.

const ME = "roomd.me";

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
    if (me) for (const key of [ME, `roomd.was.${me.name}`]) this.#write(this.#local, key, me);
    else this.#local.removeItem(ME);
  }

  tokenOf(name) {
    return this.#read(this.#local, `roomd.was.${name}`)?.token;
  }

  // Deletes everything about this name, and stores nothing more.
  forget(name) {
    for (const key of [ME, `roomd.was.${name}`, `roomd.of.${name}`]) this.#local.removeItem(key);
    this.#session.removeItem(`roomd.tab.${name}`);
    globalThis.indexedDB?.deleteDatabase(`roomd.keys.${name}`); // takes effect when no page has it open
    this.#forgotten = true;
  }

  // {rooms: [{kind, name}], read: {key: {epoch, seq}}, secret: {key: true}, notify}
  settings(name) {
    return { rooms: [], read: {}, secret: {}, notify: false, ...this.#read(this.#local, `roomd.of.${name}`) };
  }

  // Updates the current settings, which another tab may have changed. Returns the new ones.
  update(name, change) {
    const settings = this.settings(name);
    change(settings);
    this.#write(this.#local, `roomd.of.${name}`, settings);
    return settings;
  }

  // Calls the listener when another tab has changed the settings.
  watch(name, listener) {
    globalThis.addEventListener?.("storage", ({ key }) => key === `roomd.of.${name}` && listener());
  }

  // {unsent: [{kind, name, text, mid, at}], drafts: {key: text}}
  tab(name) {
    return { unsent: [], drafts: {}, ...this.#read(this.#session, `roomd.tab.${name}`) };
  }

  saveTab(name, tab) {
    this.#write(this.#session, `roomd.tab.${name}`, tab);
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
