// The words of a search: which texts have them, and where.
//
// As on the server, only letters and digits count: `don't` finds `don’t`, and `"plan;` finds `plan`. A word that
// has neither is looked for as it is.

const OTHER = "[^\\p{L}\\p{M}\\p{N}]+";
const RUNS = /[\p{L}\p{M}\p{N}]+/gu;
const SYNTAX = /[\\^$.*+?()[\]{}|/]/g; // with the flag `u`, nothing else may be escaped

// For each word the source of a pattern.
function sourcesOf(words) {
  return words.split(/\s+/).filter(Boolean).map((word) => word.match(RUNS)?.join(OTHER) ?? word.replace(SYNTAX, "\\$&"));
}

// A pattern with one group, which matches any of the words, with the signs around it where they are in the text too;
// without words it matches nothing.
export function patternOf(words) {
  const sources = words.split(/\s+/).filter(Boolean).map((word) => {
    const [, before, after] = /^([^\p{L}\p{M}\p{N}]*).*?([^\p{L}\p{M}\p{N}]*)$/su.exec(word);
    const [source] = sourcesOf(word);
    return word === before ? source : `${optional(before)}${source}${optional(after)}`;
  });
  return new RegExp(`(${sources.join("|") || "(?!)"})`, "giu");
}

const optional = (signs) => signs && `(?:${signs.replace(SYNTAX, "\\$&")})?`;

// A function that tells whether a text has all of the words.
export function matcherOf(words) {
  const patterns = sourcesOf(words).map((source) => new RegExp(source, "iu"));
  return (text) => patterns.every((pattern) => pattern.test(text));
}
