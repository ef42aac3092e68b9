// What a person did to a text, and where a place in it has moved. Pure; offsets are UTF-16 units, as in a textarea.

/** The one replacement that turns `before` into `after`, or undefined. `caret` is where the caret is in `after`: it decides
 * which of several equal letters was typed. */
export function difference(before, after, caret = after.length) {
  if (before === after) return undefined;
  const grown = after.length - before.length;
  // What is behind the caret was there before.
  const startMax = Math.min(before.length, after.length, grown > 0 ? Math.max(caret - grown, 0) : caret);
  let start = 0;
  while (start < startMax && before[start] === after[start]) start++;
  if (start > 0 && isHigh(before[start - 1])) start--; // no half of a character
  let end = 0;
  const endMax = Math.min(before.length, after.length) - start;
  while (end < endMax && before.at(-1 - end) === after.at(-1 - end)) end++;
  if (end > 0 && isLow(before.at(-end))) end--;
  return { index: start, removed: before.length - start - end, inserted: after.slice(start, after.length - end) };
}

/** Where a place is after others' changes, each a delta as Yjs tells it. What is inserted at the very place goes behind it. */
export function moved(index, deltas) {
  for (const delta of deltas) {
    let at = 0;
    for (const { retain, insert, delete: removed } of delta) {
      if (at > index || (insert !== undefined && at === index)) break;
      if (retain !== undefined) at += retain;
      else if (removed !== undefined) index = Math.max(at, index - removed);
      else {
        const length = typeof insert === "string" ? insert.length : 1;
        index += length;
        at += length;
      }
    }
  }
  return index;
}

/** A text in pieces of at most `length`, 2 or more, none of which ends within a character. */
export function pieces(text, length) {
  const found = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + length, text.length);
    if (end < text.length && isHigh(text[end - 1])) end--;
    found.push(text.slice(at, end));
    at = end;
  }
  return found;
}

const isHigh = (unit) => /[\ud800-\udbff]/.test(unit);
const isLow = (unit) => /[\udc00-\udfff]/.test(unit);
