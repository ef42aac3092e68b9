// Looks at a page: takes its picture, and fails on what axe calls serious and on what is wider than the window.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { shots } from "./browser.mjs";
import { require } from "./packages.mjs";

const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export async function look(page, view) {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: `${shots}${view}.png` });
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(serious.map(({ id, nodes }) => `${view}: ${id}: ${nodes.map(({ html }) => html).join("; ")}`), []);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(over, 0, `${view} is wider than the window`);
}
