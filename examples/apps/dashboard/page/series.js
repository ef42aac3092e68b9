// The values of one key over time, and its gaps: ticks of which nothing is known. Pure.

export class Series {
  points = []; // {tick, every, value}, by time, one a tick
  #windowMs;

  constructor(windowMs) {
    this.#windowMs = windowMs;
  }

  get newest() {
    return this.points.at(-1);
  }

  /** Adds a point, wherever it belongs: what was missed may come later. */
  add(point) {
    let at = this.points.length;
    while (at > 0 && timeOf(this.points[at - 1]) >= timeOf(point)) at--;
    const known = this.points[at] && timeOf(this.points[at]) === timeOf(point);
    this.points.splice(at, known ? 1 : 0, point);
    const oldest = timeOf(this.newest) - this.#windowMs;
    const old = this.points.findIndex((each) => timeOf(each) >= oldest);
    if (old > 0) this.points.splice(0, old);
  }

  /** The points in runs of ticks that follow each other. A line is drawn through a run, and never from one to the next. */
  runs() {
    const runs = [];
    for (const point of this.points) {
      const run = runs.at(-1);
      if (run && follows(run.at(-1), point)) run.push(point);
      else runs.push([point]);
    }
    return runs;
  }

  /** What lies between the runs, and behind the last one when it is late: `{from, to}` in ms. */
  gaps(now) {
    const runs = this.runs();
    const gaps = runs.slice(1).map((run, at) => ({ from: timeOf(runs[at].at(-1)), to: timeOf(run[0]) }));
    const { newest } = this;
    // A tick that is on its way is not late.
    if (newest && now - timeOf(newest) > 3 * Math.max(newest.every, 500)) gaps.push({ from: timeOf(newest), to: now });
    return gaps;
  }
}

/** When a point was measured, in ms since 1970. */
export const timeOf = ({ tick, every }) => tick * every;

const follows = (one, other) => one.every === other.every && other.tick === one.tick + 1;
