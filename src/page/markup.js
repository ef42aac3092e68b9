// What the lists and counters need to know of a message's text; formatting.js knows all of it.

const CODE = /(`{3,})[\s\S]*?(?:\1|$)|(`+)[^`\n]*?\2/g;
const MARKS = /^[ \t]*(?:#{1,6}|>|[-*+]|`{3,}.*$)[ \t]*|(?:\*\*|__|~~|`)(?=\S)|(?<=\S)(?:\*\*|__|~~|`)/gm;
const LABEL = /\[([^[\]\n]{1,200})\]\(https?:[^\s()]*\)/g;
const HERE = "here";

// The beginning of a text on a single line, for lists: without the marks of its formatting.
export function singleLine(text, max = 120) {
  const plain = text.slice(0, 4 * max).replace(LABEL, "$1").replace(MARKS, "");
  return (plain.trim() ? plain : text.slice(0, 4 * max)).replace(/\s+/g, " ").trim().slice(0, max).replace(/[\uD800-\uDBFF]$/, "");
}

// Whether a text mentions this user, or everybody who is here: outside of code, as a word of its own.
export function mentions(text, user) {
  if (!text.includes("@")) return false;
  const said = fold(text.replace(CODE, " "));
  return [user, HERE].some((name) => isMentioned(said, fold(name)));
}

function isMentioned(text, name) {
  for (let at = text.indexOf(`@${name}`); at >= 0; at = text.indexOf(`@${name}`, at + 1)) {
    const [before, after] = [text.slice(Math.max(0, at - 2), at), text.slice(at + 1 + name.length, at + 4 + name.length)];
    if (!/[\p{L}\p{M}\p{N}.@/-]$/u.test(before) && !/^(?:[\p{L}\p{M}\p{N}]|[-_.'’@][\p{L}\p{M}\p{N}_])/u.test(after)) return true;
  }
  return false;
}

const fold = (text) => text.normalize("NFKC").toLowerCase();
