// Sends what the user writes: messages, reactions, edits, deletions and typing notices; keeps drafts.
//
// A message gets its `mid` first, and this tab stores it until the server has it: neither a lost connection
// nor a reload loses or duplicates it.

import { newMid } from "./roomd.js";

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
      this.#add(room, message);
    }
  }

  // Returns whether the text was accepted; if not, it stays in the composer.
  send(room, text, more = {}) {
    if (room.unsent.length >= UNSENT_MAX) {
      this.#chat.showProblem(`${UNSENT_MAX} messages are already waiting to be sent.`, "send");
      return false;
    }
    const excess = new TextEncoder().encode(text).length - this.#chat.client.limits.message_bytes;
    if (excess > 0) {
      this.#chat.showProblem(`The message is ${excess === 1 ? "1 byte" : `${excess.toLocaleString()} bytes`} too long.`, "send");
      return false;
    }
    this.#chat.dismiss("send");
    room.draft = "";
    room.divider = undefined;
    this.#typingSentAt = 0;
    if (room.joinState !== "in") this.#chat.join(room);
    this.#add(room, { text, mid: newMid(), at: new Date().toISOString(), ...more });
    return true;
  }

  // Adds a reaction to a message, or removes the user's own.
  react(room, { seq }, emoji) {
    const own = [...(room.reactions.get(seq)?.values() ?? [])].find(({ user, text }) => user === this.#chat.me && text === emoji);
    if (own) return this.delete(room, own);
    this.#add(room, { text: emoji, mid: newMid(), at: new Date().toISOString(), reactTo: seq });
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

  edit(room, { seq, mid }, text) {
    return this.#change(async () => {
      const body = this.#chat.isEncrypted(room) ? await (await this.#chat.encryption).encrypt(room, mid, text, { edit: true }) : { message: text };
      return { type: "edit", room: room.address, seq, ...body };
    });
  }

  delete(room, { seq }) {
    return this.#change(() => ({ type: "delete", room: room.address, seq }));
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

  #add(room, message) {
    room.addUnsent({ user: this.#chat.me, ...message });
    this.#post(room, message);
  }

  #post(room, { text, mid, replyTo, reactTo }) {
    const { client, changed } = this.#chat;
    const more = { mid, ...(replyTo && { reply_to: replyTo }), ...(reactTo && { react_to: reactTo }) };
    const send = (body) => (room.kind === "room" ? client.publish(room.name, body, more) : client.whisper(room.name, body, more));
    const encrypted = this.#chat.isEncrypted(room) && this.#chat.encryption.then((encryption) => encryption.encrypt(room, mid, text));
    const sent = encrypted ? encrypted.then(send) : send(text);
    sent.then(
      (reply) => room.confirm(mid, reply, this.#chat.me),
      (error) => room.fail(mid, error.message),
    ).then(() => {
      this.#saveSoon();
      this.#chat.markRead();
      changed();
    });
    this.#save();
    changed();
  }

  async #change(command) {
    try {
      await this.#chat.client.request(await command());
      this.#chat.dismiss("change");
      return true;
    } catch ({ message }) {
      this.#chat.showProblem(`The change was not made: ${message}.`, "change");
      return false;
    }
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
