// What this browser keeps of a document, so that it opens at once, without a connection too, and asks only for what is new.
//
// One entry for the document and the position that it has, by whichever tab wrote last; and one a tab for what is not
// acknowledged. A tab that opens sends what any tab has left: twice does no harm.

import { fromBase64, toBase64 } from "./base64.js";

const KEEP_MS = 1_000; // between two writings

export class Kept {
  #key;
  #waitingKey;
  #timer;
  #write = () => {};

  constructor(room) {
    this.#key = `document/${room}`;
    const tab = crypto.getRandomValues(new Uint32Array(2)).join("-");
    this.#waitingKey = `waiting/${room}/${tab}`;
    addEventListener("pagehide", () => this.#write());
  }

  /** { state, position, waiting }, or nothing that can be read. */
  load() {
    try {
      const { epoch, seq, state } = JSON.parse(localStorage.getItem(this.#key) ?? "{}");
      const waiting = this.#takeWaiting();
      if (typeof epoch !== "string" || !Number.isInteger(seq)) return { waiting };
      return { state: fromBase64(state), position: { epoch, seq }, waiting };
    } catch {
      return {};
    }
  }

  // What is waiting is kept by this tab from now on.
  #takeWaiting() {
    const prefix = this.#waitingKey.slice(0, this.#waitingKey.lastIndexOf("/") + 1);
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(prefix) && key !== this.#waitingKey);
    return keys.map((key) => {
      const update = fromBase64(localStorage.getItem(key));
      localStorage.removeItem(key);
      return update;
    });
  }

  /** Keeps the document, soon; `state` computes it. */
  keep({ epoch, seq }, state) {
    this.#write = () => {
      clearTimeout(this.#timer);
      [this.#timer, this.#write] = [undefined, () => {}];
      this.#store(this.#key, JSON.stringify({ epoch, seq, state: toBase64(state()) }));
    };
    this.#timer ??= setTimeout(() => this.#write(), KEEP_MS);
  }

  /** Keeps, at once, what is not acknowledged; undefined for nothing. */
  keepWaiting(update) {
    if (update) this.#store(this.#waitingKey, toBase64(update));
    else localStorage.removeItem(this.#waitingKey);
  }

  #store(key, text) {
    try {
      localStorage.setItem(key, text);
    } catch {
      localStorage.removeItem(key); // no space: the room has it, or will have as long as this page is open
    }
  }
}
