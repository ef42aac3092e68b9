// The files of the page: those that are vendored, the list of modules that it preloads, and what its build leaves out.
//
// preact 10.29.8, dist/preact.module.js (MIT), and htm 3.1.1, dist/htm.module.js (Apache-2.0), from npm.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { require } from "../harness/packages.mjs";

const ts = require("typescript");
const FOLDER = new URL("../../../src/page/", import.meta.url);
const HASHES = {
  "htm.js": "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4",
  "preact.js": "c30e721ebfdc6e2ad4c18c14d2dfb82667829c8aec27de1207774e3fc16858a8",
};

test("vendored files are as published, with their licences", () => {
  const there = readdirSync(new URL("vendor/", FOLDER)).sort();
  assert.deepEqual(there, Object.keys(HASHES).flatMap((name) => [name.replace(".js", ".LICENSE"), name]).sort());
  for (const [name, hash] of Object.entries(HASHES)) {
    assert.equal(createHash("sha256").update(readFileSync(new URL(`vendor/${name}`, FOLDER))).digest("hex"), hash, name);
  }
});

test("the page preloads each module that it needs", () => {
  const text = (name) => readFileSync(new URL(name, FOLDER), "utf8");
  const needed = (from, found = new Set()) => {
    for (const [, name] of text(from).matchAll(/^(?:import|export) [^;]*?from "\.\/([\w/.-]+)";/gm)) {
      if (!found.has(name)) needed(name, found.add(name));
    }
    return found;
  };
  const listed = new Set([...text("index.html").matchAll(/modulepreload" href="\/assets\/([\w/.-]+\.js)"/g)].map(([, name]) => name));
  assert.deepEqual([...listed].sort(), [...needed("app.js")].sort());
  const chat = /const CHAT = \[([^\]]*)\]/.exec(text("app.js"))[1].match(/[\w/.-]+\.js/g);
  const all = ["app-shell.js", "chat.js", "page-history.js"].reduce((found, name) => needed(name, found.add(name)), new Set());
  assert.deepEqual(chat.sort(), [...all].filter((name) => !listed.has(name)).sort());
});

// build.rs leaves out what looks like a comment. In a template literal or a string that would be text: there, an
// expression that begins in it and never ends, or the end that is missing, is an error, and in a comment it is not.
test("what looks like a comment is one", () => {
  const folder = mkdtempSync(`${tmpdir()}/roomd-page-`);
  const parses = (script) => {
    writeFileSync(`${folder}/script.mjs`, script.replaceAll(/(^[ \t]*\/\/|(?<=[;,{}()[\]]) \/\/ ).*$/gm, "// ${"));
    return spawnSync(process.execPath, ["--check", `${folder}/script.mjs`]).status === 0;
  };
  try {
    for (const text of ["`\n  // text\n`", '"a; // b"', "/a() // b/", "`(${1}) // text`"]) assert.equal(parses(`const text = ${text};`), false, text);
    for (const name of readdirSync(FOLDER, { recursive: true }).filter((name) => name.endsWith(".js"))) {
      assert.ok(parses(readFileSync(new URL(name, FOLDER), "utf8")), name);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

// build.rs leaves indentation out, too. In the markup of `html` it is none of the text.
test("what looks like indentation is no text", () => {
  const texts = (script) => {
    const found = [];
    const look = (node) => {
      const pieces = ts.isTemplateExpression(node) ? [node.head, ...node.templateSpans.map(({ literal }) => literal)] : [node];
      const isText = ts.isTemplateExpression(node) || ts.isNoSubstitutionTemplateLiteral(node);
      const isMarkup = node.parent?.kind === ts.SyntaxKind.TaggedTemplateExpression && node.parent.tag.getText() === "html";
      if (isText && !isMarkup) found.push(...pieces.map(({ text }) => text).filter((text) => /\n[ \t]/.test(text)));
      ts.forEachChild(node, look);
    };
    look(ts.createSourceFile("script.js", script, ts.ScriptTarget.Latest, true));
    return found;
  };
  assert.deepEqual(texts("`a\n  b${`c\n  d`}`"), ["a\n  b", "c\n  d"]);
  assert.deepEqual(texts("html`<p>\n  ${`b`}</p>`"), []);
  for (const name of readdirSync(FOLDER, { recursive: true }).filter((name) => name.endsWith(".js"))) {
    assert.deepEqual(texts(readFileSync(new URL(name, FOLDER), "utf8")), [], name);
  }
});

test("no string of a style sheet looks like a comment", () => {
  for (const name of readdirSync(FOLDER, { recursive: true }).filter((name) => name.endsWith(".css"))) {
    const sheet = readFileSync(new URL(name, FOLDER), "utf8").replaceAll(/\/\*.*?\*\//gs, "");
    assert.ok(!/\/\*|\*\//.test(sheet) && [...sheet.matchAll(/"/g)].length % 2 === 0, name);
  }
});
