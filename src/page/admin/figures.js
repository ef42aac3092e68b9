// The figures of a server, as GET /metrics prints them (docs/metrics.md), and what two of their moments say together.

const LINE = /^([a-z_]+)(?:\{([^}]*)\})? ([-+.\dA-Za-z]+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

export class Figures {
  #samples = new Map(); // name → [{labels, value}]

  constructor(text, at) {
    this.at = at;
    for (const line of text.split("\n")) {
      const [, name, labels = "", value] = LINE.exec(line) ?? [];
      if (!name) continue;
      const sample = { labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key, text]) => [key, text])), value: Number(value) };
      this.#samples.set(name, [...(this.#samples.get(name) ?? []), sample]);
    }
  }

  // The sum of a figure over its labels; undefined if the server has none of it.
  sum(name) {
    return this.#samples.get(`roomd_${name}`)?.reduce((sum, { value }) => sum + value, 0);
  }

  // A figure by one of its labels, without what is 0: [[label, value]], the greatest first.
  by(name, label) {
    const sums = new Map();
    for (const { labels, value } of this.#samples.get(`roomd_${name}`) ?? []) {
      if (value > 0) sums.set(labels[label], (sums.get(labels[label]) ?? 0) + value);
    }
    return [...sums].sort(([, one], [, other]) => other - one);
  }

  // By how much a counter has grown a second since these figures; undefined without any.
  rate(name, before) {
    const grown = before && this.sum(name) - before.sum(name);
    return before && this.at > before.at && grown >= 0 ? (grown * 1_000) / (this.at - before.at) : undefined; // less: it was restarted
  }

  // Whether each delivery is accounted for.
  get isBalanced() {
    const [enqueued, ...parts] = ["enqueued_total", "written_total", "dropped_total", "conflated_total", "pending"].map((name) => this.sum(`deliveries_${name}`) ?? 0);
    return enqueued === parts.reduce((sum, part) => sum + part, 0);
  }
}

const format = new Intl.NumberFormat();
const formatRate = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export const formatCount = (number) => (number === undefined ? undefined : format.format(number));
export const perSecond = (rate) => (rate === undefined ? undefined : `${formatRate.format(rate)} /s`);

// 512 B; 1.5 MiB
export function formatBytes(bytes) {
  if (bytes === undefined) return undefined;
  const [unit, size] = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["B", 1]].find(([, size]) => bytes >= size) ?? ["B", 1];
  return `${formatRate.format(bytes / size)} ${unit}`;
}
