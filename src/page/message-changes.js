// Changes messages that are there: edits and deletes the user's own, and adds and removes their reactions.

import { NO_KEY } from "./message-sender.js";
import { newMid } from "./roomd.js";

export class MessageChanges {
  #chat;

  constructor(chat) {
    this.#chat = chat;
  }

  // Adds a reaction to a message, or removes the user's own.
  react(room, { seq }, emoji) {
    const own = [...(room.reactions.get(seq)?.values() ?? [])].find(({ user, text }) => user === this.#chat.me && text === emoji);
    if (own) return this.delete(room, own, { done: "The reaction was removed." });
    if (this.#chat.lacksKey(room)) return this.#chat.showProblem("Reactions here are encrypted, and this device does not have the key.", "send");
    this.#chat.sender.add(room, { text: emoji, mid: newMid(), at: new Date().toISOString(), reactTo: seq });
  }

  // Resolves with whether the message was changed; if not, the user is told why.
  edit(room, { seq, mid, cipher }, text) {
    return this.#change(async () => {
      const wasPlain = !cipher && seq > room.encryptedFrom; // the user has said so
      if (this.#chat.lacksKey(room) && !wasPlain) throw new Error(NO_KEY);
      const body = this.#chat.isEncrypted(room) ? await (await this.#chat.encryption).encrypt(room, mid, text, { edit: true }) : { message: text };
      return { type: "edit", room: room.address, seq, ...body };
    }, "The change was saved.");
  }

  delete(room, { seq }, { note, done = "The message was deleted." } = {}) {
    return this.#change(() => ({ type: "delete", room: room.address, seq, ...(note && { note }) }), done);
  }

  async #change(command, done) {
    try {
      await this.#chat.client.request(await command());
      this.#chat.dismiss("change");
      this.#chat.announce(done);
      return true;
    } catch ({ message }) {
      this.#chat.showProblem(`The change was not made: ${message}.`, "change");
      return false;
    }
  }
}
