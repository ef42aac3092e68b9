// What is not ours in the page: as it was published, by its hash, and listed with its licence.
//
// preact 10.29.8, dist/preact.module.js (MIT), and htm 3.1.1, dist/htm.module.js (Apache-2.0), from npm.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const FOLDER = new URL("../../../src/page/", import.meta.url);
const HASHES = {
  "htm.js": "ab33dd3f38059b9be4d5f5350128eefb2356639c4e0bbe9d9e8b3ba75847e9e4",
  "preact.js": "c30e721ebfdc6e2ad4c18c14d2dfb82667829c8aec27de1207774e3fc16858a8",
};

test("vendored files are what was published, and have their licence beside them", () => {
  const there = readdirSync(new URL("vendor/", FOLDER)).sort();
  assert.deepEqual(there, Object.keys(HASHES).flatMap((name) => [name.replace(".js", ".LICENSE"), name]).sort());
  for (const [name, hash] of Object.entries(HASHES)) {
    assert.equal(createHash("sha256").update(readFileSync(new URL(`vendor/${name}`, FOLDER))).digest("hex"), hash, name);
  }
});

test("the page asks for every module of its first view at once", () => {
  const index = readFileSync(new URL("index.html", FOLDER), "utf8");
  const listed = new Set([...index.matchAll(/href="\/assets\/([\w/.-]+\.js)"/g)].map(([, name]) => name));
  const needed = new Set();
  const look = (name) => {
    const source = readFileSync(new URL(name, FOLDER), "utf8");
    for (const [, other] of source.matchAll(/^(?:import|export) [^;]*?from "\.\/([\w/.-]+)";|^import "\.\/([\w/.-]+)";/gm)) {
      const found = other.includes("/") || !name.includes("/") ? other : `${name.split("/")[0]}/${other}`;
      if (needed.has(found)) continue;
      needed.add(found);
      look(found);
    }
  };
  look("app.js");
  assert.deepEqual([...listed].sort(), [...needed].sort());
});
