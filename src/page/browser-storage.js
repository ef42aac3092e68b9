// What this browser remembers: who the reader is, their rooms, what was read; and of this tab, what is
// not sent yet. Storage that is refused is no error: then the page remembers while it lives.

const ME = "roomd.me";

export class Memory {
  #local;
  #session;
  #over = false;

  constructor(local = storage("localStorage"), session = storage("sessionStorage")) {
    this.#local = local;
    this.#session = session;
  }

  // {name, token?, expires?} or undefined.
  get me() {
    return this.#read(this.#local, ME);
  }

  // Who is another now may come back: the name is registered to this browser, and nobody else gets it.
  set me(me) {
    if (me) for (const key of [ME, `roomd.was.${me.name}`]) this.#write(this.#local, key, me);
    else this.#local.removeItem(ME);
  }

  tokenOf(name) {
    return this.#read(this.#local, `roomd.was.${name}`)?.token;
  }

  // Nothing of this name is left, and nothing is remembered any more.
  forget(name) {
    for (const key of [ME, `roomd.was.${name}`, `roomd.of.${name}`]) this.#local.removeItem(key);
    this.#session.removeItem(`roomd.tab.${name}`);
    globalThis.indexedDB?.deleteDatabase(`roomd.keys.${name}`); // as soon as no page has it open
    this.#over = true;
  }

  // {rooms: [{kind, name}], read: {key: {epoch, seq}}, secret: {key: true}, notify}
  settings(name) {
    return { rooms: [], read: {}, secret: {}, notify: false, ...this.#read(this.#local, `roomd.of.${name}`) };
  }

  // Changes them as they are now: another tab may have changed them too. Returns what they are.
  change(name, alter) {
    const settings = this.settings(name);
    alter(settings);
    this.#write(this.#local, `roomd.of.${name}`, settings);
    return settings;
  }

  // Calls when another tab has changed them.
  watch(name, listener) {
    globalThis.addEventListener?.("storage", ({ key }) => key === `roomd.of.${name}` && listener());
  }

  // {unsent: [{kind, name, text, mid, at}], drafts: {key: text}}
  tab(name) {
    return { unsent: [], drafts: {}, ...this.#read(this.#session, `roomd.tab.${name}`) };
  }

  keepTab(name, tab) {
    this.#write(this.#session, `roomd.tab.${name}`, tab);
  }

  #read(storage, key) {
    try {
      const value = JSON.parse(storage.getItem(key) ?? "null");
      return value !== null && typeof value === "object" ? value : undefined;
    } catch {
      return undefined; // not ours
    }
  }

  #write(storage, key, value) {
    try {
      if (!this.#over) storage.setItem(key, JSON.stringify(value));
    } catch {
      // It is full.
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
