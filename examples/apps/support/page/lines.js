// The lines of a conversation, on all three pages.

import { element } from "/page.js";
import { isEnd } from "./agent.js";

/** Shows `lines` in `list`, those of `own` on the right; keeps to the newest. */
export function showLines(list, lines, own) {
  list.replaceChildren(...lines.map((line) => row(line, own)));
  list.scrollTop = list.scrollHeight;
}

/** Adds one. */
export function addLine(list, line, own) {
  list.append(row(line, own));
  list.scrollTop = list.scrollHeight;
}

function row(line, own) {
  const { user, message } = line;
  if (isEnd(line)) return element("li", { class: "end" }, message);
  return element("li", { class: user === own ? "own" : "" }, element("small", {}, user === own ? "You" : user), message);
}
