// The messages that were read last, saved on this device for when the page is opened without a network.
//
// Of each conversation the newest ones are saved as the server sent them: what is encrypted stays encrypted. They are
// deleted when the user signs out. A page that has no service worker cannot be opened without the server, and saves
// nothing.

import { savedMessagesOf } from "./browser-storage.js";

const SAVED_MAX = 50; // messages of each conversation
const SAVE_MS = 1_000;
const TABLE = "rooms";
const EVENTS = ["message", "private", "edit", "delete", "joined", "removed", "about", "described", "pinned", "unpinned"];

export class SavedMessages {
  #chat;
  #database;
  #saved = new Map(); // key of a room → what was saved of it last, to compare
  #timer = 0;

  // Shows what is saved of the conversations that the server has not told of so far, and saves from then on.
  static async start(chat) {
    if (!navigator.serviceWorker) return;
    const saved = new SavedMessages();
    saved.#chat = chat;
    saved.#database = await open(savedMessagesOf(chat.identity.name));
    saved.#database.onversionchange = () => saved.#end(); // the user signs out
    await saved.#restore();
    chat.client.on("joined", ({ room }) => saved.#replace(chat.roomOf(room)));
    chat.client.on("welcome", () => [...chat.rooms.values()].forEach((room) => room.kind === "private" && saved.#replace(room)));
    for (const type of EVENTS) chat.client.on(type, () => saved.#saveSoon());
    addEventListener("pagehide", () => saved.#save());
    saved.#saveSoon();
  }

  async #restore() {
    const records = await settled(this.#database.transaction(TABLE).objectStore(TABLE).getAll());
    for (const { key, epoch, at, entries, ...more } of records) {
      this.#saved.set(key, []);
      const room = this.#chat.rooms.get(key);
      if (!room || room.joinState === "in" || room.entries.length > 0 || (room.epoch ?? epoch) !== epoch) continue;
      Object.assign(room, { epoch, savedAt: at, ...more });
      room.prepend(entries, false, this.#chat.me);
      room.newest = Math.max(room.newest, entries.at(-1)?.seq ?? 0);
      this.#chat.decryptAll(room);
    }
    this.#chat.changed();
  }

  // The server sends the newest messages of a room: what lies between them and the saved ones is unknown, and so is
  // whether older ones were changed. A private conversation is brought up to date from where it stands.
  #replace(room) {
    if (!room?.savedAt) return;
    room.savedAt = undefined;
    if (room.kind === "room") room.clear();
    this.#chat.changed();
  }

  #saveSoon() {
    this.#timer ||= setTimeout(() => this.#save(), SAVE_MS);
  }

  #save() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#database) return;
    const { rooms } = this.#chat;
    const table = this.#database.transaction(TABLE, "readwrite").objectStore(TABLE);
    for (const key of this.#saved.keys()) {
      if (rooms.has(key) && rooms.get(key).joinState !== "refused") continue;
      this.#saved.delete(key);
      table.delete(key);
    }
    for (const room of rooms.values()) if (room.joinState === "in") this.#saveRoom(table, room);
  }

  #saveRoom(table, room) {
    const { key, epoch, about, isPrivate, encryptedFrom } = room;
    // A message that was encrypted here stands in the clear until the server has sent it back.
    const isClear = ({ user, cipher }) => this.#chat.isEncrypted(room) && user === this.#chat.me && !cipher;
    const entries = room.entries.filter((entry) => entry.seq !== undefined && !isClear(entry)).slice(-SAVED_MAX);
    const parts = [epoch, about, isPrivate, encryptedFrom, ...entries];
    const before = this.#saved.get(key);
    if (before?.length === parts.length && parts.every((part, i) => part === before[i])) return;
    this.#saved.set(key, parts);
    table.put({ key, epoch, at: new Date().toISOString(), entries: entries.map(asSent), about, isPrivate, encryptedFrom });
  }

  #end() {
    this.#database.close();
    this.#database = undefined;
  }
}

// An entry without what this page has made of it.
function asSent({ seq, user, text, data, cipher, mid, at, edited, deleted, note, replyTo }) {
  return { seq, user, text: cipher ? "" : text, data, cipher, mid, at, edited, deleted, note, replyTo, replayed: true };
}

async function open(name) {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { keyPath: "key" });
  return settled(opening);
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
