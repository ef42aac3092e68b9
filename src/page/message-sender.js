// What the reader says: new messages, edits, deletions, drafts, and that they are typing.
//
// A message has its mark before anything else happens to it, and is remembered by this tab until the
// server has it: neither a broken line nor a reload loses or doubles it.

import { newMid } from "./roomd.js";

const UNSENT_MAX = 100;
const TYPING_MS = 3_000; // the reader's own typing is told at most this often
const KEEP_MS = 300;

export class Voice {
  #chat;
  #memory;
  #tab;
  #typingToldAt = 0;
  #timer = 0;

  constructor(chat, memory) {
    this.#chat = chat;
    this.#memory = memory;
    this.#tab = memory.tab(chat.me);
    globalThis.addEventListener?.("pagehide", () => this.#keep());
  }

  draftOf(key) {
    return this.#tab.drafts[key] ?? "";
  }

  // What an earlier page of this tab could not send.
  restore() {
    for (const { kind, name, ...message } of this.#tab.unsent) {
      const room = this.#chat.open(kind, name);
      if (kind === "room") this.#chat.join(room);
      this.#say(room, message);
    }
  }

  // Returns whether the text was taken; if not, the reader keeps it.
  say(room, text, more = {}) {
    if (room.unsent.length >= UNSENT_MAX) {
      this.#chat.complain(`${UNSENT_MAX} messages are waiting already.`);
      return false;
    }
    const excess = new TextEncoder().encode(text).length - this.#chat.client.limits.message_bytes;
    if (excess > 0) {
      this.#chat.complain(`The message is ${excess.toLocaleString()} bytes too long.`);
      return false;
    }
    room.draft = "";
    room.divider = undefined;
    this.#typingToldAt = 0;
    if (room.standing !== "in") this.#chat.join(room);
    this.#say(room, { text, mid: newMid(), at: new Date().toISOString(), ...more });
    return true;
  }

  // Puts a sign to a message, or takes the reader's own back.
  react(room, { seq }, sign) {
    const own = [...(room.reactions.get(seq)?.values() ?? [])].find(({ user, text }) => user === this.#chat.me && text === sign);
    if (own) return this.delete(room, own);
    this.#say(room, { text: sign, mid: newMid(), at: new Date().toISOString(), reactTo: seq });
  }

  again(room, message) {
    room.wait(message.mid);
    this.#chat.join(room);
    this.#post(room, message);
  }

  retract(room, { mid }) {
    room.retract(mid);
    this.#later();
    this.#chat.changed();
  }

  edit(room, { seq, mid }, text) {
    return this.#change(async () => {
      const body = this.#chat.isSecret(room) ? await (await this.#chat.secrecy).seal(room, mid, text, { edit: true }) : { message: text };
      return { type: "edit", room: room.address, seq, ...body };
    });
  }

  delete(room, { seq }) {
    return this.#change(() => ({ type: "delete", room: room.address, seq }));
  }

  // What stands in the field now.
  write(room, text) {
    room.draft = text;
    this.#later();
    const now = Date.now();
    if (!text || room.standing !== "in" || now - this.#typingToldAt < TYPING_MS) return;
    this.#typingToldAt = now;
    this.#chat.client.tell({ type: "typing", room: room.address, typing: true });
  }

  forget(room) {
    for (const { mid } of room.unsent) this.#chat.client.retract(mid);
    this.#later();
  }

  #say(room, message) {
    room.say({ user: this.#chat.me, ...message });
    this.#post(room, message);
  }

  #post(room, { text, mid, replyTo, reactTo }) {
    const { client, changed } = this.#chat;
    const more = { mid, ...(replyTo && { reply_to: replyTo }), ...(reactTo && { react_to: reactTo }) };
    const send = (body) => (room.kind === "room" ? client.publish(room.name, body, more) : client.whisper(room.name, body, more));
    const sealed = this.#chat.isSecret(room) && this.#chat.secrecy.then((secrecy) => secrecy.seal(room, mid, text));
    const sent = sealed ? sealed.then(send) : send(text);
    sent.then(
      (reply) => room.settle(mid, reply, this.#chat.me),
      (error) => room.fail(mid, error.message),
    ).then(() => {
      this.#later();
      this.#chat.look();
      changed();
    });
    this.#keep();
    changed();
  }

  async #change(command) {
    try {
      await this.#chat.client.request(await command());
      return true;
    } catch ({ message }) {
      this.#chat.complain(`That was not changed: ${message}.`);
      return false;
    }
  }

  #later() {
    this.#timer ||= setTimeout(() => this.#keep(), KEEP_MS);
  }

  #keep() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const rooms = [...this.#chat.rooms.values()];
    const unsent = rooms.flatMap(({ kind, name, unsent }) =>
      unsent.filter(({ state }) => state === "waiting").map(({ id, state, user, ...message }) => ({ kind, name, ...message })),
    );
    const drafts = Object.fromEntries(rooms.filter(({ draft }) => draft).map(({ key, draft }) => [key, draft]));
    this.#tab = { unsent, drafts };
    this.#memory.keepTab(this.#chat.me, this.#tab);
  }
}
