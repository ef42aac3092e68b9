// Finds links and code in the text of a message. The parts are only ever shown as text nodes: nothing in a
// message is interpreted as HTML.

// A link ends at white space, quotes, and invisible characters.
const TOKENS = new RegExp(
  "```(?:[\\w+-]*\\n)?([\\s\\S]+?)```" +
    "|`([^`\\n]+)`" +
    "|(https?:\\/\\/[^\\s<>\"'`\\p{C}\\u2028\\u2029]{1,2000})",
  "giu",
);

// The whole text as parts {kind: "text" | "link" | "code" | "block", text, href?}.
export function partsOf(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(TOKENS)) {
    const [whole, block, code, link] = found;
    const part = block !== undefined ? { kind: "block", text: block.replace(/\n$/, "") }
      : code !== undefined ? { kind: "code", text: code }
      : linkOf(link);
    if (!part) continue;
    if (found.index > end) parts.push({ kind: "text", text: text.slice(end, found.index) });
    parts.push(part);
    end = found.index + (part.kind === "link" ? part.text.length : whole.length);
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  return parts;
}

// The first parts of a text that is too long to show in full; undefined if it is not. Code that is cut stays
// code; a link that is cut would lead elsewhere, and becomes text.
export function previewOf(parts, charsMax = 2_000, linesMax = 24) {
  const shown = [];
  for (const { kind, text, ...more } of parts) {
    const lines = text.split("\n", linesMax);
    const cut = lines.join("\n").slice(0, charsMax).replace(/[\uD800-\uDBFF]$/, "");
    if (cut.length < text.length) return [...shown, { kind: kind === "link" ? "text" : kind, text: cut }];
    shown.push({ kind, text, ...more });
    charsMax -= text.length;
    linesMax -= lines.length - 1;
  }
  return undefined;
}

// The beginning of a text on a single line, for lists.
export function singleLine(text, max = 120) {
  return text.slice(0, 4 * max).replace(/\s+/g, " ").trim().slice(0, max).replace(/[\uD800-\uDBFF]$/, "");
}

// Trailing punctuation, and a closing bracket without an opening one, are not part of the link.
function linkOf(found) {
  let text = found.replace(/[.,;:!?*_~]+$/u, "");
  while (/[)\]}]$/.test(text) && opens(text) < closes(text)) text = text.slice(0, -1).replace(/[.,;:!?]+$/u, "");
  const href = hrefOf(text);
  return href && { kind: "link", text, href };
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
