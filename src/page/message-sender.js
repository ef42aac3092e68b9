// Sends the user's messages, reactions and typing notices; keeps drafts. message-changes.js edits and deletes.
//
// A message gets its `mid` first, and this tab stores it until the server has it: neither a lost connection
// nor a reload loses or duplicates it.

import { eventually } from "./loading.js";
import { newMid } from "./roomd.js";
import { localizeTimes } from "./time-format.js";

export const NO_KEY = "The conversation is encrypted, and this device does not have its key";
const UNSENT_MAX = 100;
const TYPING_MS = 3_000; // typing notices are sent at most this often
const SAVE_MS = 300;

export class MessageSender {
  #chat;
  #storage;
  #tab;
  #typingSentAt = 0;
  #timer = 0;

  constructor(chat, storage) {
    this.#chat = chat;
    this.#storage = storage;
    this.#tab = storage.tab(chat.me);
    globalThis.addEventListener?.("pagehide", () => this.#save());
  }

  draftOf(key) {
    return this.#tab.drafts[key] ?? "";
  }

  // Sends what this tab could not send before it was reloaded.
  restore() {
    for (const { kind, name, ...message } of this.#tab.unsent) {
      const room = this.#chat.open(kind, name);
      if (kind === "room") this.#chat.join(room);
      this.add(room, message);
    }
  }

  // Returns whether the text was accepted; if not, it stays in the composer.
  send(room, text, more = {}) {
    if (room.unsent.length >= UNSENT_MAX) {
      this.#chat.showProblem(`${UNSENT_MAX} messages are waiting already.`, "send");
      return false;
    }
    const excess = new TextEncoder().encode(text).length - this.#chat.client.limits.message_bytes;
    if (excess > 0) {
      this.#chat.showProblem(`The message is ${excess === 1 ? "1 byte" : `${excess.toLocaleString()} bytes`} too long.`, "send");
      return false;
    }
    const plain = this.#chat.lacksKey(room);
    if (plain && !room.mayBePlain) {
      room.held = true; // what is said then is in banners.js
      this.#chat.changed();
      return false;
    }
    this.#chat.dismiss("send");
    room.held = room.mayBePlain = false;
    room.draft = "";
    room.divider = undefined;
    this.#typingSentAt = 0;
    if (room.joinState !== "in") this.#chat.join(room);
    this.add(room, { text, mid: newMid(), at: new Date().toISOString(), ...(plain && { plain }), ...more });
    return true;
  }

  retry(room, message) {
    room.retry(message.mid);
    this.#chat.join(room);
    this.#post(room, message);
  }

  discard(room, { mid }) {
    room.discard(mid);
    this.#saveSoon();
    this.#chat.changed();
  }

  // Keeps a draft, and sends a typing notice.
  setDraft(room, text) {
    room.draft = text;
    this.#saveSoon();
    const now = Date.now();
    if (!text || room.joinState !== "in" || now - this.#typingSentAt < TYPING_MS) return;
    this.#typingSentAt = now;
    this.#chat.client.tell({ type: "typing", room: room.address, typing: true });
  }

  forget(room) {
    for (const { mid } of room.unsent) this.#chat.client.retract(mid);
    this.#saveSoon();
  }

  // Shows a message of the user's own, and sends it.
  add(room, message) {
    room.addUnsent({ user: this.#chat.me, ...message });
    this.#post(room, message);
  }

  #post(room, { text, mid, replyTo, reactTo, plain }) {
    const { client, changed } = this.#chat;
    const more = { mid, ...(replyTo && { reply_to: replyTo }), ...(reactTo && { react_to: reactTo }) };
    const send = (body) => (room.kind === "room" ? client.publish(room.name, body, more) : client.whisper(room.name, body, more));
    const deliver = () => this.#deliver(room, mid, text, plain, send);
    const sent = this.#isKnown(room) ? deliver() : (room.learning ??= this.#learn(room)).then(deliver);
    sent.then(
      (reply) => {
        room.confirm(mid, reply, this.#chat.me);
        if (reactTo !== undefined) this.#chat.announce(`You reacted with ${text}.`);
      },
      (error) => this.#failed(room, { mid, reactTo }, error),
    ).then(() => {
      this.#saveSoon();
      this.#chat.markRead();
      changed();
    });
    this.#save();
    changed();
  }

  // Whether it is known if this conversation is encrypted: some of it is here, or it was found out before.
  #isKnown(room) {
    return room.learning === undefined && (room.oldest !== undefined || room.complete || this.#chat.settings.secret[room.key] !== undefined);
  }

  // Finds that out, with the next connection if there is none.
  async #learn(room) {
    await eventually(this.#chat, () => this.#chat.history.then((history) => history.learn(room)));
    room.learning = undefined;
  }

  async #deliver(room, mid, text, plain, send) {
    await room.importing; // the key in the address
    this.#checkOpen(room);
    if (this.#chat.lacksKey(room) && !plain) throw new Error(NO_KEY);
    if (!this.#chat.isEncrypted(room)) return send(text);
    const encryption = await eventually(this.#chat, () => this.#chat.encryption);
    const body = await encryption.encrypt(room, mid, text);
    this.#checkOpen(room);
    return send(body);
  }

  #checkOpen(room) {
    if (this.#chat.rooms.get(room.key) !== room) throw new Error("The conversation was left");
  }

  // A reaction that is refused is not kept: there is nothing in it to try again with.
  #failed(room, { mid, reactTo }, { code, message, details }) {
    if (code === "muted") room.mute = { until: Date.now() + (details.retry_after_ms ?? Infinity) };
    if (reactTo === undefined) {
      room.fail(mid, message);
      return this.#chat.announce(`Not sent: ${localizeTimes(message)}.`);
    }
    room.discard(mid);
    this.#chat.showProblem(`The reaction was refused: ${message}.`, "change");
  }

  #saveSoon() {
    this.#timer ||= setTimeout(() => this.#save(), SAVE_MS);
  }

  #save() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const rooms = [...this.#chat.rooms.values()];
    const unsent = rooms.flatMap(({ kind, name, unsent }) =>
      unsent.filter(({ state }) => state === "waiting").map(({ id, state, user, ...message }) => ({ kind, name, ...message })),
    );
    const drafts = Object.fromEntries(rooms.filter(({ draft }) => draft).map(({ key, draft }) => [key, draft]));
    this.#tab = { unsent, drafts };
    this.#storage.saveTab(this.#chat.me, this.#tab);
  }
}
