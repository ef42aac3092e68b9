// End-to-end encryption as the chat uses it: which rooms have a key, sealing what is said there, and
// opening what others have sealed. `e2ee.js` does the work, and is fetched when it is first wanted.

import { newMid } from "./roomd.js";

export class Secrecy {
  #chat;
  #loading;

  constructor(chat) {
    this.#chat = chat;
  }

  // The keys of this browser. Rejects with a sentence for the reader.
  encryption() {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #load() {
    const { Encryption, indexedDbStore, isAvailable, memoryStore } = await import("./e2ee.js");
    if (!isAvailable()) throw new Error("This page can only encrypt over https, or on this very machine");
    const store = await indexedDbStore(`roomd.keys.${this.#chat.me}`).catch(() => memoryStore());
    return Encryption.load(store);
  }

  place({ address }, mid, user = this.#chat.me) {
    return { room: address, user, mid };
  }

  // What is sent in place of a text. In the order of the calls, room by room.
  seal(room, mid, text, more = {}) {
    const sealed = (room.sealing ?? Promise.resolve()).then(async () => {
      const encryption = await this.encryption();
      return { cipher: await encryption.seal({ ...this.place(room, mid), ...more }, { text }) };
    });
    room.sealing = sealed.catch(() => {});
    return sealed;
  }

  // Opens a message that the room has; `undefined` when it says nothing to people.
  async open(room, { seq, mid, user, cipher, edited }) {
    const place = { ...this.place(room, mid, user), seq, ...(edited && { edit: true }) };
    const opened = await this.encryption().then((encryption) => encryption.open(place, cipher)).catch(({ name }) => {
      if (name === "TypeError") return undefined; // the module is not here while the line is broken
      return { state: "unreadable", reason: "no-key" }; // where the browser lets nobody encrypt, or its storage fails
    });
    if (!opened) return {};
    room.reveal(seq, cipher, opened);
    if (opened.rekey) await this.look(room).catch(() => {}); // looked at again with the next message
    this.#chat.changed();
    return opened;
  }

  // Takes the key in an address. Returns how that went: see `useFragment`; `unproven` is a key that was
  // taken and opens nothing of what is here.
  async useLink(room, fragment, options) {
    return this.#taken(room, await (await this.encryption()).useFragment(room.address, fragment, options));
  }

  // The same for the address that the reader came by, and says what is wrong with it.
  async takeLink(room, hash) {
    const how = await this.useLink(room, hash);
    if (how === "other") this.#chat.complain("This link has another key than this device. Ask who sent it, and take it under Encryption if you trust them.");
    if (how === "none") this.#chat.complain("The key in this link is damaged.");
  }

  async usePassphrase(room, passphrase, options) {
    return this.#taken(room, await (await this.encryption()).usePassphrase(room.address, passphrase, options));
  }

  // Makes a key; returns the fragment of the link to it.
  async create(room) {
    const fragment = await (await this.encryption()).create(room.address);
    await this.#taken(room, "taken");
    return fragment;
  }

  // Changes the key for those who are in the room now. Returns {fragment, missing}.
  async rotate(room) {
    const mid = newMid();
    const encryption = await this.encryption();
    const users = room.kind === "room" ? [...room.members.keys()] : [this.#chat.me, room.name];
    const { cipher, fragment, missing } = await encryption.rotate(this.place(room, mid), users);
    await this.#send(room, mid, cipher);
    return { fragment, missing };
  }

  async forget(room) {
    await (await this.encryption()).forget(room.address);
    this.#chat.remember(({ secret }) => delete secret[room.key]);
    room.secret = undefined;
    this.#chat.changed();
  }

  // Learns whether the room's key still holds.
  async look(room) {
    if (!this.#chat.isSecret(room)) return;
    room.secret = await (await this.encryption()).standing(room.address);
    this.#chat.changed();
  }

  // The same when there may be another key, or a line again: what could not be read is tried once more.
  async lookAgain(room) {
    await this.look(room);
    await Promise.all(room.sealed.map((entry) => this.open(room, entry)));
  }

  async #taken(room, how) {
    if (how !== "taken" && how !== "same") return how;
    this.#chat.remember(({ secret }) => (secret[room.key] = true));
    await this.lookAgain(room);
    if (how === "same") return how;
    const sealed = room.entries.filter(({ cipher }) => cipher);
    const opensNothing = sealed.length > 0 && sealed.every(({ seal }) => seal?.reason === "no-key");
    const mid = newMid();
    const encryption = await this.encryption();
    this.#send(room, mid, await encryption.announce(this.place(room, mid))).catch(() => {}); // it only helps others
    return opensNothing ? "unproven" : how;
  }

  #send({ kind, name }, mid, cipher) {
    const { client } = this.#chat;
    return kind === "room" ? client.publish(name, { cipher }, { mid }) : client.whisper(name, { cipher }, { mid });
  }
}
