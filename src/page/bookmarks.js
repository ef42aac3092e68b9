// The bookmarks that the server keeps for a registered user: which rooms and conversations are open, and of which of
// their messages the user is notified, the same on every device.
//
// What both sides knew when they last agreed is in the settings (`bookmarked`), so that a room that is missing on one
// side was left there, or is new on the other.

import { privateRoom } from "./names.js";
import { keyOf } from "./room.js";

export class Bookmarks {
  #chat;
  #syncing;
  #isDue = false;

  constructor(chat) {
    this.#chat = chat;
    chat.client.on("bookmark", (bookmark) => this.#take(bookmark));
    chat.client.on("unbookmark", ({ room }) => this.#drop(roomIn(chat, room)));
  }

  // Brings both sides together; again, if something changes meanwhile.
  sync() {
    this.#isDue = true;
    this.#syncing ??= this.#sync().finally(() => (this.#syncing = undefined));
    return this.#syncing;
  }

  async #sync() {
    const chat = this.#chat;
    while (this.#isDue) {
      this.#isDue = false;
      const { bookmarks } = await chat.client.request({ type: "bookmarks" });
      const there = new Set();
      for (const bookmark of bookmarks) {
        const { key } = roomIn(chat, bookmark.room);
        there.add(key);
        if (chat.rooms.has(key) || !chat.settings.bookmarked[key]) this.#take(bookmark);
        else await this.#tell("unbookmark", bookmark.room, key); // it was left here without a connection
      }
      for (const room of [...chat.rooms.values()]) {
        if (there.has(room.key)) continue;
        if (chat.settings.bookmarked[room.key]) this.#drop(room); // it was left elsewhere
        else await this.#tell("bookmark", room.address, room.key, { notify: chat.levelOf(room) });
      }
    }
  }

  // Opens what the server knows besides: on a device that has just been signed in all of it, and otherwise the private
  // conversations with something unread.
  async openMemberships() {
    const chat = this.#chat;
    const isFirst = Object.keys(chat.settings.bookmarked).length === 0;
    await this.sync();
    const { rooms, conversations } = await chat.client.request({ type: "memberships" });
    const wanted = conversations.filter(({ seq, read }) => isFirst || seq > read).map(({ user, read }) => ["private", user, read]);
    if (isFirst) wanted.push(...rooms.filter(({ role, invited_by: by }) => role && !by).map(({ room }) => ["room", room]));
    for (const [kind, name, read] of wanted) {
      if (chat.rooms.has(keyOf(kind, name))) continue;
      const room = chat.open(kind, name);
      if (read) room.markRead(read);
      chat.subscribe(room);
    }
  }

  // Sets of which messages in a room the user is notified; a guest's level is known to this browser alone.
  async setLevel(room, level) {
    const chat = this.#chat;
    chat.updateSettings((settings) => (settings.levels[room.key] = level));
    chat.changed();
    if (chat.identity.token) await this.#tell("bookmark", room.address, room.key, { notify: level });
  }

  async #tell(type, address, key, more) {
    await this.#chat.client.request({ type, room: address, ...more });
    this.#remember(key, type === "bookmark");
  }

  #take({ room: address, notify, read }) {
    const chat = this.#chat;
    const { kind, name, key } = roomIn(chat, address);
    this.#remember(key, true, notify);
    const isNew = !chat.rooms.has(key);
    const room = chat.open(kind, name);
    // Of a room the server tells it when the room is joined.
    if (read && kind === "private") room.markRead(read);
    if (isNew) chat.subscribe(room);
    chat.changed();
  }

  // What is not sent yet keeps a room open, and lists it again.
  #drop({ key }) {
    const room = this.#chat.rooms.get(key);
    this.#remember(key, false);
    if (room && room.unsent.length === 0 && !room.draft) this.#chat.leave(room);
  }

  #remember(key, isThere, level) {
    this.#chat.updateSettings(({ bookmarked, levels }) => {
      if (isThere) bookmarked[key] = true;
      else delete bookmarked[key];
      if (level) levels[key] = level;
    });
  }
}

// The room with this name on the server, as the page calls it.
export function roomIn({ me }, address) {
  const names = address.startsWith("dm:") ? address.slice(3).split(":") : [];
  const other = names.find((name) => name !== me);
  const isPrivate = other !== undefined && privateRoom(me, other) === address;
  const [kind, name] = isPrivate ? ["private", other] : ["room", address];
  return { kind, name, key: keyOf(kind, name) };
}
