// The formatting of a message: the safe part of CommonMark, as a tree that the views show as elements and text nodes.
//
// A block is a {kind: "paragraph" | "heading" | "quote" | "item", children}, where a heading has a `level`; a {kind: "list",
// start?, children} of items, numbered from `start`; or code, {kind: "block", text, language}. In paragraphs and headings are
// {kind: "text" | "code", text}, {kind: "strong" | "emphasis" | "struck", children}, {kind: "link", href, children} and
// {kind: "mention", text}. Unlike in CommonMark, a line break stays one, spaces stay, and there is no HTML, no image, no code by
// indentation and no link whose text names another address. Takes time in proportion to the text; nests at most DEPTH_MAX deep.

const DEPTH_MAX = 8;
const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^ {0,3}(?:([-*+])|(\d{1,9})[.)])(?: {1,4}|\t)(?=\S)/;

// What may mean something in a line: an escape, code, a link with a text, a link, a mention, emphasis.
const TOKEN = new RegExp(
  [
    "\\\\[!-/:-@[-`{-~]",
    "`+",
    "\\[([^[\\]]{1,1000})\\]\\((https?:\\/\\/[^\\s()<>]{1,2000}(?:\\([^\\s()<>]{0,200}\\)[^\\s()<>]{0,200}){0,9})\\)",
    "(https?:\\/\\/[^\\s<>\"'`\\p{C}\\u2028\\u2029]{1,2000})",
    "(?<![\\p{L}\\p{M}\\p{N}.@/-])@[^\\s/?#:@,;!()[\\]{}<>\"`*\\p{Cc}]{1,32}",
    "\\*+|_+|~~",
  ].join("|"),
  "giu",
);
const LETTER = /[\p{L}\p{M}\p{N}]/u;

// The blocks of a text.
export function blocksOf(text) {
  return blocksIn(text.split("\n"), 0);
}

function blocksIn(lines, depth) {
  const blocks = [];
  let paragraph = [];
  const end = () => {
    if (paragraph.length > 0) blocks.push({ kind: "paragraph", children: inlineOf(paragraph.join("\n")) });
    paragraph = [];
  };
  for (let at = 0; at < lines.length; ) {
    const found = blockAt(lines, at, depth, paragraph.length > 0);
    if (found) {
      end();
      blocks.push(found.block);
      at = found.next;
    } else {
      if (lines[at].trim() === "") end();
      else paragraph.push(lines[at]);
      at += 1;
    }
  }
  end();
  return blocks;
}

// The block that begins in this line, unless it is a paragraph, and the line after it.
function blockAt(lines, at, depth, inParagraph) {
  const line = lines[at];
  const [, fence, info] = FENCE.exec(line) ?? [];
  if (fence) return codeBlock(lines, at, fence, info);
  const [, marks, heading] = HEADING.exec(line) ?? [];
  if (marks) return { block: { kind: "heading", level: marks.length, children: inlineOf(heading) }, next: at + 1 };
  if (depth === DEPTH_MAX) return undefined;
  if (QUOTE.test(line)) return quote(lines, at, depth);
  const [item, , number] = ITEM.exec(line) ?? [];
  return item && !(inParagraph && number > 1) ? list(lines, at, depth) : undefined;
}

// Code up to the line that ends it, or to the last.
function codeBlock(lines, at, fence, info) {
  const end = new RegExp(`^ {0,3}\\${fence[0]}{${fence.length},}[ \\t]*$`);
  let next = at + 1;
  while (next < lines.length && !end.test(lines[next])) next += 1;
  return { block: { kind: "block", text: lines.slice(at + 1, next).join("\n"), language: info.trim().split(/\s/)[0] }, next: next + 1 };
}

function quote(lines, at, depth) {
  let next = at;
  const quoted = [];
  for (; next < lines.length && QUOTE.test(lines[next]); next += 1) quoted.push(lines[next].replace(QUOTE, ""));
  return { block: { kind: "quote", children: blocksIn(quoted, depth + 1) }, next };
}

// Items with the same kind of mark, each with the lines that are indented below it.
function list(lines, at, depth) {
  const [, bullet, number] = ITEM.exec(lines[at]);
  const children = [];
  for (let next = at; ; ) {
    const [mark, sign, digits] = ITEM.exec(lines[next] ?? "") ?? [];
    if (!mark || sign !== bullet || (digits === undefined) !== (number === undefined)) break;
    const indent = " ".repeat(mark.length);
    const item = [lines[next].slice(mark.length)];
    const isInside = (line) => line?.startsWith(indent);
    for (next += 1; isInside(lines[next]) || (lines[next]?.trim() === "" && isInside(lines[next + 1])); next += 1) item.push(lines[next].slice(mark.length));
    children.push({ kind: "item", children: blocksIn(item, depth + 1) });
    at = next;
    if (lines[next]?.trim() === "") next += 1; // one blank line may stand between two items
  }
  return { block: { kind: "list", ...(number !== undefined && { start: Number(number) }), children }, next: at };
}

// --- Inside a block ---------------------------------------------------------------------------

function inlineOf(text) {
  const line = new Line(text);
  line.parse();
  return line.nodes;
}

class Line {
  nodes = [];
  #text;
  #openers = []; // delimiters that may begin an emphasis: {at: of its node, char, left, length, closes}
  #floors = {}; // kind of delimiter → so many openers cannot be its beginning
  #depths = new Map(); // node → how deep it nests, where it does
  #ticks; // length of a run of backticks → where such runs begin

  constructor(text) {
    this.#text = text;
  }

  parse() {
    const text = this.#text;
    for (let at = 0, found; at < text.length; ) {
      TOKEN.lastIndex = at;
      found = TOKEN.exec(text);
      if (!found) return this.#say(text.slice(at));
      this.#say(text.slice(at, found.index));
      at = found.index + this.#take(found);
    }
  }

  #say(text) {
    const last = this.nodes.at(-1);
    if (last?.kind === "text" && this.#openers.at(-1)?.at !== this.nodes.length - 1) last.text += text;
    else if (text) this.nodes.push({ kind: "text", text });
  }

  // Takes what stands here. Returns how much of the text it was.
  #take({ 0: whole, 1: label, 2: target, 3: url, index }) {
    const node = url ? linkOf(url) : label ? labelledLink(label, target) : whole[0] === "`" ? this.#code(index, whole.length) : whole[0] === "@" ? mentionOf(whole) : undefined;
    if (node) {
      const { length, ...rest } = node;
      this.nodes.push(rest);
      return length;
    }
    if (whole[0] === "\\") this.#say(whole[1]);
    else if (/[*_~]/.test(whole[0])) this.#delimiter(whole, index);
    else if (label) return this.#say("["), 1;
    else this.#say(whole);
    return whole.length;
  }

  // Code ends at the next run of as many backticks.
  #code(at, length) {
    if (!this.#ticks) {
      this.#ticks = new Map();
      for (const { 0: run, index } of this.#text.matchAll(/`+/g)) {
        if (!this.#ticks.has(run.length)) this.#ticks.set(run.length, []);
        this.#ticks.get(run.length).push(index);
      }
      for (const runs of this.#ticks.values()) runs.reverse();
    }
    const runs = this.#ticks.get(length);
    while (runs?.at(-1) <= at) runs.pop();
    const end = runs?.at(-1);
    if (end === undefined) return undefined;
    const code = this.#text.slice(at + length, end);
    return { kind: "code", text: /^ .*[^ ].* $/s.test(code) ? code.slice(1, -1) : code, length: end + length - at };
  }

  // Ends as many emphases as it can, and may begin others: CommonMark, 6.2.
  #delimiter(run, at) {
    const [before, after] = [charBefore(this.#text, at), charAfter(this.#text, at + run.length)];
    const isSpace = (char) => char === "" || /\s/.test(char);
    const isMark = (char) => /[\p{P}\p{S}]/u.test(char);
    const opens = !isSpace(after) && (!isMark(after) || isSpace(before) || isMark(before));
    const closes = !isSpace(before) && (!isMark(before) || isSpace(after) || isMark(after));
    const [char] = run;
    const inWord = char === "_" && LETTER.test(before) && LETTER.test(after);
    const length = run.length;
    let left = length;
    while (left > 0 && closes && !inWord) {
      const opener = this.#openerFor(char, length, opens);
      if (!opener) break;
      left -= this.#emphasize(opener, Math.min(left, opener.left, 2));
    }
    if (left === 0) return;
    this.nodes.push({ kind: "text", text: char.repeat(left) });
    if (opens && !inWord) this.#openers.push({ at: this.nodes.length - 1, char, left, length, closes });
  }

  #openerFor(char, length, opens) {
    const kind = `${char}${length % 3}${opens}`;
    const floor = this.#floors[kind] ?? 0;
    for (let i = this.#openers.length - 1; i >= floor; i--) {
      const opener = this.#openers[i];
      const unequal = char !== "~" && (opens || opener.closes) && (opener.length + length) % 3 === 0 && !(opener.length % 3 === 0 && length % 3 === 0);
      if (opener.char !== char || unequal) continue;
      this.#openers.length = i + 1;
      for (const each of Object.keys(this.#floors)) this.#floors[each] = Math.min(this.#floors[each], i);
      return opener;
    }
    this.#floors[kind] = this.#openers.length;
    return undefined;
  }

  // What follows the opener becomes its child. Returns how many characters of the delimiter that took.
  #emphasize(opener, count) {
    const children = this.nodes.splice(opener.at + 1);
    const depth = 1 + children.reduce((most, child) => Math.max(most, this.#depths.get(child) ?? 0), 0);
    opener.left -= count;
    this.nodes[opener.at].text = opener.char.repeat(opener.left);
    if (opener.left === 0) {
      this.nodes.pop();
      this.#openers.pop();
    }
    if (depth > DEPTH_MAX) {
      const marks = opener.char.repeat(count);
      this.nodes.push({ kind: "text", text: marks }, ...children, { kind: "text", text: marks });
      return count;
    }
    const node = { kind: opener.char === "~" ? "struck" : count === 2 ? "strong" : "emphasis", children };
    this.#depths.set(node, depth);
    this.nodes.push(node);
    return count;
  }
}

// The character there, which may have two code units; empty beyond the text.
function charBefore(text, at) {
  return [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? "";
}

function charAfter(text, at) {
  return String.fromCodePoint(...(at < text.length ? [text.codePointAt(at)] : []));
}

// Trailing punctuation is not part of a mention, though it may be of a name: mentions.js looks at the text.
function mentionOf(whole) {
  const text = whole.replace(/[.'’_~-]+$/, "");
  return text.length > 1 ? { kind: "mention", text, length: text.length } : undefined;
}

// A link whose text is another address leads elsewhere than it says.
function labelledLink(label, target) {
  const href = hrefOf(target);
  const named = /(?:^|[\s/@])((?:[\w-]+\.)+[a-z]{2,})/i.exec(label)?.[1];
  const isHonest = href && (!named || new URL(href).hostname === named.toLowerCase());
  return isHonest ? { kind: "link", href, children: [{ kind: "text", text: label }], length: label.length + target.length + 4 } : undefined;
}

// Trailing punctuation, and a closing bracket without an opening one, are not part of the link.
function linkOf(found) {
  let text = found.replace(/[.,;:!?*_~]+$/u, "");
  while (/[)\]}]$/.test(text) && opens(text) < closes(text)) text = text.slice(0, -1).replace(/[.,;:!?]+$/u, "");
  const href = hrefOf(text);
  return href && { kind: "link", href, children: [{ kind: "text", text }], length: text.length };
}

const opens = (text) => text.match(/[([{]/g)?.length ?? 0;
const closes = (text) => text.match(/[)\]}]/g)?.length ?? 0;

function hrefOf(text) {
  try {
    const { protocol, href, username, password } = new URL(text);
    // `https://bank.example@evil.example` looks like a link to the first and leads to the second.
    return /^https?:$/.test(protocol) && !username && !password ? href : undefined;
  } catch {
    return undefined;
  }
}
