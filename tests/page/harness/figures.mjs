// Measurements of the browser tests, a line each in target/page/figures.jsonl, for the README. They are not asserted,
// since they depend on the load of the machine; what determines them is tested.

import { appendFileSync } from "node:fs";
import { output } from "./packages.mjs";

// Several tests may write at a time.
export function figure(name, value) {
  appendFileSync(`${output}figures.jsonl`, `${JSON.stringify({ [name]: value })}\n`);
}

// Observes tasks of a page over 50 ms; call the result to stop: {tasks, longest} in ms.
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
