// The formatting of messages: what it makes of a text, and what holds for any text.

import assert from "node:assert/strict";
import { test } from "node:test";
import { find, textOf, treeOf } from "../harness/tree.mjs";
import { numbersFrom } from "../harness/random.mjs";
import { colouredParts } from "../../../src/page/code-colours.js";
import { blocksOf } from "../../../src/page/formatting.js";
import { html } from "../../../src/page/html.js";
import { MessageText, previewOf } from "../../../src/page/message-text.js";

// A tree as a short text: `strong(a emphasis(b))`.
const short = ({ kind, text, children, level, start, language, href }) => {
  const name = { text: "", paragraph: "", mention: "mention" }[kind] ?? kind;
  const more = [level, start, language, href && href !== children[0].text ? href : undefined].filter((each) => each !== undefined && each !== "").join();
  const inside = children ? children.map(short).join(kind === "list" || kind === "quote" || kind === "item" ? "|" : "") : text;
  return name ? `${name}${more && `[${more}]`}(${inside})` : inside;
};
const said = (text) => blocksOf(text).map(short).join(" / ");

const CASES = {
  emphasis: {
    "a *b* **c** ***d*** _e_ __f__ ~~g~~": "a emphasis(b) strong(c) emphasis(strong(d)) emphasis(e) strong(f) struck(g)",
    "**bold *and* italic**": "strong(bold emphasis(and) italic)",
    "*a **b***": "emphasis(a strong(b))",
    "**a *b***": "strong(a emphasis(b))",
    "foo*bar*baz": "fooemphasis(bar)baz",
    "**a\nb**": "strong(a\nb)",
  },
  "no emphasis": {
    "2 * 3 * 4": "2 * 3 * 4",
    "snake_case_name and __init__x": "snake_case_name and __init__x",
    "**a": "**a",
    "a ** b **": "a ** b **",
    "*a **b*": "*a *emphasis(b)",
    "\\*a\\* and \\`b\\`": "*a* and `b`",
    "a~b~c": "a~b~c",
    "****": "****",
  },
  code: {
    "`a` ``b ` c`` `d": "code(a) code(b ` c) `d",
    "`**a**`": "code(**a**)",
    "**a `b** c`": "**a code(b** c)",
    "```js\nlet x = `1`;\n\n  y\n```\nd": "block[js](let x = `1`;\n\n  y) / d",
    "~~~\n```\n~~~": "block(```)",
    "a\n```\nb": "a / block(b)",
    "```a``` b": "code(a) b",
  },
  blocks: {
    "# A\n## *B* ##\n#c\n####### d": "heading[1](A) / heading[2](emphasis(B)) / #c\n####### d",
    "> a\n> > b\n>\n> c\nd": "quote(a|quote(b)|c) / d",
    "- a\n- b\n  - c\n  - d\n\n- e\n* f": "list(item(a)|item(b|list(item(c)|item(d)))|item(e)) / list(item(f))",
    "3. a\n4. b\n   c": "list[3](item(a)|item(b\nc))",
    "In\n1986. A year\n1. b": "In\n1986. A year / list[1](item(b))",
    "- ```\n  a\n  ```\n- > b": "list(item(block(a))|item(quote(b)))",
    "-a\n+1\n1.5": "-a\n+1\n1.5",
    "a\n  b\n\n\nc": "a\n  b / c",
  },
  links: {
    "see https://a.example/b?c=1#d, or (https://b.example/x_(y)).": "see link(https://a.example/b?c=1#d), or (link(https://b.example/x_(y))).",
    "[the *notes*](https://a.example/b_(c)) here": "link[https://a.example/b_(c)](the *notes*) here",
    "**[a](https://a.example/)**": "strong(link[https://a.example/](a))",
    "https://a.example/_b_*c*": "link(https://a.example/_b_*c)*",
    "[a] (b) [c](javascript:alert(1)) [d](//e)": "[a] (b) [c](javascript:alert(1)) [d](//e)",
    "[bank.example](https://evil.example/)": "[bank.example](link(https://evil.example/))",
    "[a.example](https://a.example/b)": "link[https://a.example/b](a.example)",
    "javascript:alert(1) data:text/html,x https:// <img src=x onerror=alert(1)>": "javascript:alert(1) data:text/html,x https:// <img src=x onerror=alert(1)>",
    "https://bank.example@evil.example/": "https://bank.example@evil.example/",
    "go https://a.example/\u202egpj.exe": "go link(https://a.example/)\u202egpj.exe",
  },
  mentions: {
    "@Ann, **@Bob**: @here! a@b.example @": "mention(@Ann), strong(mention(@Bob)): mention(@here)! a@b.example @",
    "_@Ann_": "emphasis(mention(@Ann))",
    "`@Ann`": "code(@Ann)",
  },
};

for (const [name, cases] of Object.entries(CASES)) {
  test(`formatting: ${name}`, () => {
    for (const [text, wanted] of Object.entries(cases)) assert.equal(said(text), wanted, text);
  });
}

// Texts made of what means something.
const PIECES = ["*", "**", "_", "__", "~~", "`", "``", "```", "```\n", "\n", "\n\n", "> ", "- ", "1. ", "# ", "  ", " ", "[", "]", "(", ")", "](", "[a](https://a.example/)", "https://b.example/", "@Ann", "\\", "<b>", "a", "word", "\u{1f600}", "é"];
const madeFrom = (random) => Array.from({ length: 1 + random(30) }, () => PIECES[random(PIECES.length)]).join("");

const leaves = (nodes) => nodes.flatMap((node) => (node.children ? leaves(node.children) : [node.text]));
const depthOf = (nodes) => nodes.reduce((most, { children }) => Math.max(most, 1 + (children ? depthOf(children) : 0)), 0);

// Whether one text is another without some of its characters.
function isPartOf(shown, text) {
  let at = 0;
  for (const char of shown) {
    at = text.indexOf(char, at);
    if (at < 0) return false;
    at += char.length;
  }
  return true;
}

test("of any text only marks are left out, in its order, and links lead to the web", () => {
  const marks = /[\s*_~`>#\\[\]()+\d.-]/u;
  for (let seed = 1; seed <= 5_000; seed++) {
    const random = numbersFrom(seed * 0x9e3779b9 || 1);
    const text = madeFrom(random);
    const blocks = blocksOf(text);
    const shown = leaves(blocks).join("");
    assert.ok(isPartOf(shown, text), text);
    // Nothing but marks, the addresses of links and the languages of code is missing.
    const words = text.replaceAll("https://a.example/", "").replaceAll(/(```|~~~)[^\n`]*(\n|$)/g, "\n").split(marks).filter((word) => /^(word|é|\u{1f600}|@Ann|<b>)$/u.test(word));
    for (const word of words) assert.ok(shown.includes(word), `${JSON.stringify(text)} without ${word}`);
    const links = JSON.stringify(blocks).match(/"href":"[^"]*"/g) ?? [];
    for (const link of links) assert.match(link, /^"href":"https:\/\/[ab]\.example\//);
    assert.ok(depthOf(blocks) < 40);
  }
});

test("a text without marks is shown as it is", () => {
  for (const text of ["plain", "two\nlines", "  indented\n    more", "a, b; c! (d) [e] 1.5 + 2 = 3", "snake_case", "привет 天気 \u{1f600}"]) {
    assert.deepEqual(leaves(blocksOf(text)).join(""), text);
  }
});

// In a time in the square of its length, one of them would take longer than a test may.
test("a hostile text is parsed, and nests no deeper than a view can be", () => {
  const hostile = ["*a ", "a* ", "*a* ", "**a *b ", "_a_", "*a_ ", "`", "`` ` ", "[", "[a", "[a](", "](", "https://a.", "(", "> ", "> a\n", "- ", "- a\n", "- a\n  - b\n", "~~~\n", "```\n", "# ", "@a", "\\", "***", "*~~_", "1. a\n", " - a\n\n"];
  for (const piece of hostile) assert.ok(depthOf(blocksOf(piece.repeat(1_000_000 / piece.length))) < 40, piece);
});

test("code with a language is coloured, and no character of it changes", () => {
  const parts = (text, language) => colouredParts(text, language).filter(({ kind }) => kind).map(({ kind, text }) => `${kind} ${text}`);
  assert.deepEqual(parts('let x = "a // b"; // two', "js"), ["word let", 'string "a // b"', "comment // two"]);
  assert.deepEqual(parts("fn f<'a>(c: &'a str) { 'x' } /* 1", "rust"), ["word fn", "string 'x'", "comment /* 1"]);
  assert.deepEqual(parts("if x: # no\n  return 'it' + 0x1f", "Python"), ["word if", "comment # no", "word return", "string 'it'", "number 0x1f"]);
  assert.deepEqual(parts("SELECT 1 -- one", "sql"), ["word SELECT", "number 1", "comment -- one"]);
  assert.deepEqual(parts("let x = 1;", ""), []);
  assert.deepEqual(parts(`let x = ${"1".repeat(20_000)}`, "js"), []);
  const pieces = ['"', "'", "`", "\\", "/*", "*/", "//", "#", "--", "\n", "let ", "x1", "1.5e3", " ", "é", "\u{1f600}"];
  for (let seed = 1; seed <= 2_000; seed++) {
    const random = numbersFrom(seed * 0x9e3779b9 || 1);
    const text = Array.from({ length: random(40) }, () => pieces[random(pieces.length)]).join("");
    for (const language of ["js", "rust", "python", "sql"]) assert.equal(colouredParts(text, language).map((part) => part.text).join(""), text);
  }
  for (const piece of ['\\"', "'\\", "/*", "`", "'a", '"a', "1.", "#", "--"]) colouredParts(piece.repeat(20_000 / piece.length), "js");
});

test("the preview of a long text splits no character, and is part of it", () => {
  const lengthOf = (text) => previewOf(blocksOf(text)) && leaves(previewOf(blocksOf(text))).join("").length;
  assert.equal(lengthOf("short"), undefined);
  assert.equal(lengthOf("x".repeat(2_000)), undefined);
  assert.equal(lengthOf("x".repeat(1_999) + "\u{1f600}"), 1_999);
  assert.equal(lengthOf(`a${"\nb".repeat(100)}`), 47);
  assert.equal(lengthOf("- a\n".repeat(99)), 24);
  assert.equal(lengthOf(`${"x".repeat(1_000)} https://a.example ${"x".repeat(1_000)}`), 2_000);
  for (let seed = 1; seed <= 500; seed++) {
    const text = madeFrom(numbersFrom(seed * 0x9e3779b9 || 1));
    const preview = previewOf(blocksOf(text), 10, 3);
    if (preview) assert.ok(isPartOf(leaves(preview).join(""), text), text);
  }
});

test("code that is cut stays code, and an address that is cut is no link", () => {
  const cut = (text) => previewOf(blocksOf(text)).map(short).map((each) => each.replaceAll(/x{9,}|(let x;\n?){9,}/g, "…"));
  assert.deepEqual(cut(`see\n\`\`\`js\n${"let x;\n".repeat(100)}\`\`\`\nand`), ["see", "block[js](…)"]);
  assert.deepEqual(cut(`\`${"x".repeat(3_000)}\` and`), ["code(…)"]);
  assert.deepEqual(cut(`https://a.example/ ${"x".repeat(1_960)} https://b.example/very/long/path`), ["link(https://a.example/) … https://b.example/ve"]);
});

test("a message is shown as elements whose text is that of the message", () => {
  const tree = (text) => treeOf(html`<${MessageText} text=${text} me="Ann" />`);
  assert.deepEqual(find(tree("> a\n\n1. **b**"), { tag: "ol" }).map(({ children }) => textOf(children)), ["b"]);
  assert.deepEqual(find(tree("plain"), { tag: "p" }), []);
  const [mine, other] = ["@ann", "@Bob"].map((text) => find(tree(text), { class: "mention" })[0].props["data-me"]);
  assert.deepEqual([mine, other], [true, undefined]);
  const [link] = find(tree("[a](https://a.example/b)"), { tag: "a" });
  assert.deepEqual([link.props.href, link.props.rel], ["https://a.example/b", "noopener noreferrer nofollow"]);
  assert.equal(textOf(tree("<img src=x>")).trim(), "<img src=x>");
});
