// A textarea that shows a text of Yjs, and writes into it what is typed.
//
// Others' changes are shown once a frame, with the selection where it was in the text, and not while an input method composes.
// Undo takes back one's own changes alone.

import { difference, moved, pieces } from "./changes.js";
import * as Y from "./vendor/yjs.js";

const PIECE = 8_192; // characters of one update: what is pasted is cut, so that each part fits a message

export class Binding {
  #text;
  #area;
  #shown = ""; // what the textarea had when it was last looked at
  #deltas = []; // changes of others that it does not show yet
  #frame;
  #isComposing = false;
  #undo;
  #rendered;

  /** `rendered` is called when the textarea has changed, or its selection. */
  constructor(text, area, rendered) {
    [this.#text, this.#area, this.#rendered] = [text, area, rendered];
    this.#undo = new Y.UndoManager(text, { trackedOrigins: new Set([this]) });
    text.observe(({ delta, transaction }) => transaction.origin !== this && this.#show(delta));
    area.addEventListener("input", () => this.#isComposing || this.#take());
    area.addEventListener("compositionstart", () => (this.#isComposing = true));
    area.addEventListener("compositionend", () => {
      this.#isComposing = false;
      this.#take();
    });
    area.addEventListener("beforeinput", (event) => this.#onBeforeInput(event));
    area.addEventListener("keydown", (event) => this.#onKey(event));
    document.addEventListener("selectionchange", () => document.activeElement === area && this.#deltas.length === 0 && rendered());
    this.#show([]);
  }

  /** Where the caret is, as positions of Yjs: they stay at their letters, whatever others write before them. */
  get caret() {
    const { selectionStart, selectionEnd, selectionDirection } = this.#area;
    const places = selectionDirection === "backward" ? [selectionEnd, selectionStart] : [selectionStart, selectionEnd];
    const [anchor, head] = places.map((index) => Y.createRelativePositionFromTypeIndex(this.#text, moved(index, this.#deltas)));
    return { anchor, head };
  }

  // What was typed.
  #take() {
    const { value, selectionEnd } = this.#area;
    const change = difference(this.#shown, value, selectionEnd);
    if (change) {
      const from = moved(change.index, this.#deltas);
      const to = Math.max(from, moved(change.index + change.removed, this.#deltas));
      this.#shown = value;
      if (to > from) this.#text.doc.transact(() => this.#text.delete(from, to - from), this);
      let at = from;
      for (const piece of pieces(change.inserted, PIECE)) {
        this.#text.doc.transact(() => this.#text.insert(at, piece), this);
        at += piece.length;
      }
    }
    if (this.#deltas.length > 0) this.#render();
    else this.#rendered();
  }

  #show(delta) {
    this.#deltas.push(delta);
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#render();
    });
  }

  #render() {
    if (this.#isComposing || this.#deltas.length === 0) return;
    const { selectionStart, selectionEnd, selectionDirection } = this.#area;
    const [start, end] = [selectionStart, selectionEnd].map((index) => moved(index, this.#deltas));
    this.#deltas = [];
    const text = this.#text.toString();
    if (text.includes("\r")) return this.#removeReturns(text); // a textarea has none; observed, so it is shown then
    if (this.#area.value !== text) {
      this.#area.value = text;
      this.#area.setSelectionRange(start, end, selectionDirection);
    }
    this.#shown = text;
    this.#rendered();
  }

  #removeReturns(text) {
    this.#text.doc.transact(() => {
      for (let at = text.lastIndexOf("\r"); at >= 0; at = at === 0 ? -1 : text.lastIndexOf("\r", at - 1)) this.#text.delete(at, 1);
    });
  }

  #onBeforeInput(event) {
    const { inputType } = event;
    if (inputType !== "historyUndo" && inputType !== "historyRedo") return;
    event.preventDefault();
    this.#step(inputType === "historyRedo");
  }

  #onKey(event) {
    const { key, ctrlKey, metaKey, shiftKey, altKey } = event;
    if (!(ctrlKey || metaKey) || altKey || !["z", "y"].includes(key.toLowerCase())) return;
    event.preventDefault();
    this.#step(shiftKey || key.toLowerCase() === "y");
  }

  #step(isRedo) {
    if (isRedo) this.#undo.redo();
    else this.#undo.undo();
  }
}
