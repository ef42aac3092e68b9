// What the tests in a browser measure: kept in target/page/figures.json, for the README. They are no
// tests, since a busy machine is no fault; what makes them so is tested beside them.

import { readFileSync, writeFileSync } from "node:fs";
import { output } from "./packages.mjs";

const FILE = `${output}figures.json`;

export function figure(name, value) {
  let figures = {};
  try {
    figures = JSON.parse(readFileSync(FILE, "utf8"));
  } catch {
    // The first one.
  }
  writeFileSync(FILE, `${JSON.stringify({ ...figures, [name]: value }, null, 2)}\n`);
}

// Begins to watch a page for tasks over 50 ms; the result ends it: {tasks, longest} in ms.
export async function longTasks(page) {
  await page.evaluate(() => {
    window.longTasks = [];
    window.longTaskObserver = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longTasks.push(duration);
    });
    window.longTaskObserver.observe({ type: "longtask" });
  });
  return () =>
    page.evaluate(() => {
      for (const { duration } of window.longTaskObserver.takeRecords()) window.longTasks.push(duration);
      window.longTaskObserver.disconnect();
      return { tasks: window.longTasks.length, longest: Math.max(0, ...window.longTasks) };
    });
}
