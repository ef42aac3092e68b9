// The topics of the dashboard, what stands in each, and how it is written. A topic has a message for each key and tick:
//   [tick, every, value]   the value at `tick` times `every` ms since 1970
// So a tick that is missing shows, whoever lost it.

export const PATTERN = "dash.>";

export const TOPICS = [
  { topic: "dash.cpu", title: "Processor", unit: "%", max: 100 },
  { topic: "dash.memory", title: "Memory", unit: "B" },
  { topic: "dash.load", title: "Load", unit: "" },
  { topic: "dash.network", title: "Network", unit: "B/s" },
  { topic: "dash.disk", title: "Disk", unit: "B/s" },
  { topic: "dash.roomd.messages", title: "roomd: messages", unit: "/s" },
  { topic: "dash.roomd.connections", title: "roomd: connections", unit: "" },
  { topic: "dash.roomd.memory", title: "roomd: memory", unit: "B" },
];

const PREFIXES = ["", "K", "M", "G", "T"];

/** Writes a value for people: `12.5 MB/s`. */
export function written(value, unit) {
  if (unit === "%") return `${value.toFixed(value < 10 ? 1 : 0)} %`;
  let prefix = 0;
  while (Math.abs(value) >= 1_000 && prefix < PREFIXES.length - 1) {
    value /= 1_000;
    prefix++;
  }
  const number = value.toFixed(prefix === 0 && Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0);
  const shown = PREFIXES[prefix] + unit;
  return shown ? `${number} ${shown}` : number;
}

/** What a message says, `{tick, every, value}`, or undefined if it is none of the dashboard's. */
export function parsed(message) {
  try {
    const [tick, every, value] = JSON.parse(message);
    return Number.isSafeInteger(tick) && every > 0 && Number.isFinite(value) ? { tick, every, value } : undefined;
  } catch {
    return undefined;
  }
}
