// A plot of two minutes as SVG: a line for each run of ticks, and a red field for each gap.

import { timeOf } from "./series.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 100;

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Plot {
  svg = shape("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  #windowMs;
  #max;

  /** `max` is the top of the scale; without it that is the largest value. */
  constructor(windowMs, max) {
    this.#windowMs = windowMs;
    this.#max = max;
  }

  /** Draws a list of `Series` as of `now`. */
  draw(all, now) {
    const from = now - this.#windowMs;
    const x = (ms) => ((ms - from) / this.#windowMs) * WIDTH;
    const top = this.#max ?? Math.max(...all.flatMap(({ points }) => points.map(({ value }) => value)), 1e-9) * 1.1;
    const y = (value) => HEIGHT - (Math.min(value, top) / top) * (HEIGHT - 3) - 1.5;
    // A point alone is a line of no length, which its round ends show.
    const path = (run) => run.map((point, at) => `${at === 0 ? "M" : "L"}${x(timeOf(point)).toFixed(1)} ${y(point.value).toFixed(1)}`).join("") + (run.length === 1 ? "h0" : "");
    const fields = (all[0]?.gaps(now) ?? []).filter(({ to }) => to > from);
    const gaps = fields.map((gap) => shape("rect", { class: "gap", x: x(gap.from), width: x(gap.to) - x(gap.from), y: 0, height: HEIGHT }));
    const lines = all.map((series) => {
      const group = shape("g", {});
      group.append(...series.runs().map((run) => shape("path", { d: path(run) })));
      return group;
    });
    this.svg.replaceChildren(...gaps, ...lines);
    return fields;
  }
}
