// The carets and selections of others, in a copy of the text that lies exactly under the textarea.
//
// The copy has the textarea's letters, which are not seen, so the browser itself says where a caret is. It is also what gives the
// textarea its height.

import { element } from "/page.js";
import * as Y from "./vendor/yjs.js";

export class Carets {
  #text;
  #mirror;

  constructor(text, mirror) {
    [this.#text, this.#mirror] = [text, mirror];
  }

  /** Shows the text of the textarea with these carets: user → { name, anchor, head }. */
  show(text, carets) {
    const places = [...carets].flatMap(([user, caret]) => this.#placesOf(user, caret, text.length)).sort((one, other) => one.index - other.index);
    const selecting = new Set();
    const parts = [];
    let at = 0;
    for (const { index, kind, user, name } of [...places, { index: text.length }]) {
      if (index > at) parts.push(lettersOf(text.slice(at, index), selecting));
      at = index;
      if (kind === "caret") parts.push(caretOf(user, name));
      else if (kind === "from") selecting.add(user);
      else selecting.delete(user);
    }
    this.#mirror.replaceChildren(...parts, "\u200b"); // which makes a line of a line break at the end
  }

  #placesOf(user, { name, anchor, head }, length) {
    const [from, to] = [anchor, head].map((place) => this.#indexOf(place, length));
    if (to === undefined) return [];
    const caret = { kind: "caret", user, name, index: to };
    if (from === undefined || from === to) return [caret];
    return [{ kind: "from", user, index: Math.min(from, to) }, { kind: "to", user, index: Math.max(from, to) }, caret];
  }

  // A place may name letters that have not come yet.
  #indexOf(place, length) {
    const absolute = Y.createAbsolutePositionFromRelativePosition(place, this.#text.doc);
    return absolute?.type === this.#text ? Math.min(absolute.index, length) : undefined;
  }
}

// Selected letters have the colour of whoever selected them first.
function lettersOf(letters, selecting) {
  const [user] = selecting;
  if (user === undefined) return letters;
  const mark = element("mark", {}, letters);
  mark.style.setProperty("--hue", hueOf(user));
  return mark;
}

function caretOf(user, name) {
  const caret = element("span", { class: "caret" }, element("span", { class: "flag", data: { name: name || user } }));
  caret.style.setProperty("--hue", hueOf(user));
  return caret;
}

/** The hue of a user, in degrees. */
export function hueOf(user) {
  let hash = 7;
  for (const unit of user) hash = (hash * 31 + unit.codePointAt(0)) % 3_600;
  return Math.round(hash / 10);
}
