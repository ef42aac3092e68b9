// End-to-end encryption in the chat: the keys of rooms, and encrypting and decrypting their messages.
// Loads e2ee.js, which has the cryptography, when it is first needed.

import { eventually, loadModule } from "./loading.js";
import { storagePrefix } from "./names.js";
import { newMid } from "./roomd.js";

export class ChatEncryption {
  #chat;
  #loading;
  #fragments = new Map(); // key of a room → {fragment, mid?} of links that were opened on this page, or made by the message `mid`

  constructor(chat) {
    this.#chat = chat;
  }

  // The `Encryption` with this browser's keys. Rejects with an error whose message is for the user.
  engine() {
    this.#loading ??= this.#load().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #load() {
    const { Encryption, indexedDbStore, isAvailable, memoryStore } = await loadModule("e2ee");
    if (!isAvailable()) throw new Error("The page can encrypt only over HTTPS or on localhost");
    const store = await indexedDbStore(`${storagePrefix}.keys.${this.#chat.me}`).catch(() => memoryStore());
    return Encryption.load(store);
  }

  context({ address }, mid, user = this.#chat.me) {
    return { room: address, user, mid };
  }

  // Encrypts a text, once the cryptography can be loaded. Messages of one room are encrypted in the order of the calls.
  encrypt(room, mid, text, more = {}) {
    const sealed = (room.encrypting ?? Promise.resolve()).then(async () => {
      const engine = await eventually(this.#chat, () => this.engine());
      return { cipher: await engine.seal({ ...this.context(room, mid), ...more }, { text }) };
    });
    room.encrypting = sealed.catch(() => {});
    return sealed;
  }

  // Decrypts a message of the room, and shows the result there. Resolves with it, or {} if there is none.
  async decrypt(room, { seq, mid, user, cipher, edited }) {
    this.#note(room);
    const context = { ...this.context(room, mid, user), seq, ...(edited && { edit: true }) };
    const opened = await this.engine().then((engine) => engine.open(context, cipher)).catch(({ code }) => {
      if (code === "unreachable") return undefined; // decrypted with the next connection
      return { state: "unreadable", reason: "no-key" }; // the browser does not allow encryption, or its storage failed
    });
    if (!opened) return {};
    room.setDecrypted(seq, cipher, opened);
    if (opened.rekey) this.#outdate(room, opened.rekey, mid);
    if (opened.rekey) await this.check(room).catch(() => {}); // checked again with the next message
    this.#chat.markRead();
    this.#chat.changed();
    return opened;
  }

  // Remembers that others encrypt here.
  #note({ key, encryptedFrom }) {
    if (encryptedFrom !== undefined && this.#chat.settings.secret[key] === undefined) this.#chat.updateSettings(({ secret }) => (secret[key] = false));
  }

  // The part of a link that carries the room's key, such as `key=1.…`: as long as this page is open, where the link was
  // made or opened. The stored key cannot be exported.
  fragmentOf({ key }) {
    return this.#fragments.get(key)?.fragment;
  }

  #remember(room, fragment, mid) {
    this.#fragments.set(room.key, { fragment: fragment.replace(/^#/, ""), mid });
  }

  // The key of a link was replaced by this message: by a later one, or by another of two at the same moment.
  #outdate(room, { kid, adopted }, mid) {
    const known = this.#fragments.get(room.key);
    const [before, after] = [/\d+/.exec(known?.fragment), /\d+/.exec(kid)].map(Number);
    if (adopted && (before < after || (before === after && known.mid && known.mid !== mid))) this.#fragments.delete(room.key);
  }

  // Uses the key in a link. Returns the result of `useFragment`, or `unproven` if the key was accepted but
  // decrypts none of the messages here.
  async useLink(room, fragment, options) {
    const result = await this.#accept(room, await (await this.engine()).useFragment(room.address, fragment, options));
    if (["taken", "same", "unproven"].includes(result)) this.#remember(room, fragment);
    return result;
  }

  // Uses the key in the page's own address, and shows what is wrong with it.
  async importKeyFromAddress(room, hash) {
    const result = await this.useLink(room, hash);
    if (result === "other") this.#chat.showProblem("This link has a different key from the one on this device. If you trust whoever sent it, enter it under Encryption.");
    if (result === "none") this.#chat.showProblem("The key in this link is damaged.");
  }

  async usePassphrase(room, passphrase, options) {
    return this.#accept(room, await (await this.engine()).usePassphrase(room.address, passphrase, options));
  }

  // Creates a key.
  async create(room) {
    const fragment = await (await this.engine()).create(room.address);
    this.#remember(room, fragment);
    await this.#accept(room, "taken");
  }

  // Changes the key, and sends the new one to the users who are in the room. Returns those whom it did not reach.
  async rotate(room) {
    const mid = newMid();
    const engine = await this.engine();
    const users = room.kind === "room" ? [...room.members.keys()] : [this.#chat.me, room.name];
    const { cipher, fragment, missing } = await engine.rotate(this.context(room, mid), users);
    await this.#send(room, mid, cipher);
    this.#remember(room, fragment, mid);
    return missing;
  }

  async forget(room) {
    await (await this.engine()).forget(room.address);
    this.#fragments.delete(room.key);
    this.#chat.updateSettings(({ secret }) => delete secret[room.key]);
    this.#note(room);
    room.keyState = undefined;
    this.#chat.changed();
  }

  // Writes to the room without encryption from now on, though others encrypt there.
  writePlainly(room) {
    this.#chat.updateSettings(({ secret }) => (secret[room.key] = "plain"));
    room.held = false;
    this.#chat.changed();
  }

  // Finds out whether the room's key is still current.
  async check(room) {
    if (!this.#chat.isEncrypted(room)) return;
    room.keyState = await (await this.engine()).keyState(room.address);
    this.#chat.changed();
  }

  // The same, and tries again to decrypt what could not be decrypted.
  async recheck(room) {
    await this.check(room);
    await Promise.all(room.undecrypted.map((entry) => this.decrypt(room, entry)));
  }

  async #accept(room, result) {
    if (result !== "taken" && result !== "same") return result;
    this.#chat.updateSettings(({ secret }) => (secret[room.key] = true));
    room.held = false;
    await this.recheck(room);
    room.encryptedFrom ??= room.newest + 1; // nothing that is known is encrypted
    if (result === "same") return result;
    const encrypted = room.entries.filter(({ cipher }) => cipher);
    const decryptsNothing = encrypted.length > 0 && encrypted.every(({ opened }) => opened?.reason === "no-key");
    const mid = newMid();
    const engine = await this.engine();
    this.#send(room, mid, await engine.announce(this.context(room, mid))).catch(() => {}); // only other devices need it
    return decryptsNothing ? "unproven" : result;
  }

  #send({ kind, name }, mid, cipher) {
    const { client } = this.#chat;
    return kind === "room" ? client.publish(name, { cipher }, { mid }) : client.whisper(name, { cipher }, { mid });
  }
}
