// This machine's figures, from /proc, and roomd's, from its /metrics: what is read twice becomes a rate.

import { readFile } from "node:fs/promises";
import { cpus } from "node:os";

const SECTOR = 512; // bytes, as /proc/diskstats counts
const DISK = /^(sd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)$/; // whole ones, without their partitions

const lines = async (path) => (await readFile(path, "utf8")).trim().split("\n");

export class Machine {
  #metrics; // address
  #before; // counters
  #at = 0;

  constructor(metrics) {
    this.#metrics = metrics;
  }

  /** Reads everything: `[topic, key, value]` each. What cannot be read is left out. */
  async read() {
    const parts = await Promise.allSettled([processor(), memory(), load(), network(), disk(), roomd(this.#metrics)]);
    const found = parts.flatMap(({ value }) => value ?? []);
    const at = performance.now();
    const seconds = (at - this.#at) / 1_000;
    const counters = new Map(found.filter(({ counter }) => counter).map(({ topic, key, value }) => [`${topic} ${key}`, value]));
    const figures = found.flatMap(({ topic, key, value, counter, share }) => {
      if (!counter) return [[topic, key, value]];
      const before = this.#before?.get(`${topic} ${key}`);
      if (before === undefined || value < before) return []; // begun again
      return [[topic, key, share ? Math.min(((value - before) / seconds) * 100, 100) : (value - before) / seconds]];
    });
    this.#before = counters;
    this.#at = at;
    return figures;
  }
}

// Seconds of work of all processors together as one, and of each.
async function processor() {
  const rows = (await lines("/proc/stat")).filter((line) => line.startsWith("cpu"));
  return rows.map((row) => {
    const [name, ...ticks] = row.split(/\s+/);
    const [user, nice, system, , , irq, softirq, steal] = ticks.map(Number);
    const seconds = (user + nice + system + irq + softirq + steal) / 100; // USER_HZ
    const all = name === "cpu";
    return { topic: "dash.cpu", key: all ? "all" : `core ${name.slice(3)}`, value: all ? seconds / cpus().length : seconds, counter: true, share: true };
  });
}

async function memory() {
  const bytes = new Map((await lines("/proc/meminfo")).map((line) => [line.split(":")[0], Number.parseInt(line.split(":")[1], 10) * 1_024]));
  const used = bytes.get("MemTotal") - bytes.get("MemAvailable");
  return [
    { topic: "dash.memory", key: "used", value: used },
    { topic: "dash.memory", key: "cache", value: bytes.get("Cached") },
  ];
}

async function load() {
  const [[one, five]] = (await lines("/proc/loadavg")).map((line) => line.split(" ").map(Number));
  return [
    { topic: "dash.load", key: "1 minute", value: one },
    { topic: "dash.load", key: "5 minutes", value: five },
  ];
}

async function network() {
  const rows = (await lines("/proc/net/dev")).slice(2).map((line) => line.trim().split(/[\s:]+/)).filter(([name]) => name !== "lo");
  const sum = (column) => rows.reduce((bytes, row) => bytes + Number(row[column]), 0);
  return [
    { topic: "dash.network", key: "received", value: sum(1), counter: true },
    { topic: "dash.network", key: "sent", value: sum(9), counter: true },
  ];
}

async function disk() {
  const rows = (await lines("/proc/diskstats")).map((line) => line.trim().split(/\s+/)).filter(([, , name]) => DISK.test(name));
  const sum = (column) => rows.reduce((sectors, row) => sectors + Number(row[column]), 0) * SECTOR;
  return [
    { topic: "dash.disk", key: "read", value: sum(5), counter: true },
    { topic: "dash.disk", key: "written", value: sum(9), counter: true },
  ];
}

async function roomd(metrics) {
  const text = await (await fetch(metrics, { signal: AbortSignal.timeout(2_000) })).text();
  // The sum over all labels.
  const sum = (name) => text.split("\n").reduce((total, line) => (/^[\w]+/.exec(line)?.[0] === name ? total + Number(line.split(" ").at(-1)) : total), 0);
  return [
    { topic: "dash.roomd.messages", key: "published", value: sum("roomd_messages_total"), counter: true },
    { topic: "dash.roomd.messages", key: "delivered", value: sum("roomd_deliveries_written_total"), counter: true },
    { topic: "dash.roomd.messages", key: "conflated", value: sum("roomd_deliveries_conflated_total"), counter: true },
    { topic: "dash.roomd.connections", key: "open", value: sum("roomd_connections") },
    { topic: "dash.roomd.memory", key: "resident", value: sum("process_resident_memory_bytes") },
  ];
}
