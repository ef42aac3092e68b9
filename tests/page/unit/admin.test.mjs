// What the page of admins makes of the server's figures, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Figures, formatBytes } from "../../../src/page/admin/figures.js";

const TEXT = `# HELP roomd_connections conversations that are open
# TYPE roomd_connections gauge
roomd_connections{door="irc"} 2
roomd_connections{door="sse"} 0
roomd_connections{door="websocket"} 5
roomd_connections_closed_total{door="irc",reason="a \\"quoted\\" word"} 3
roomd_deliveries_enqueued_total 9
roomd_deliveries_written_total 7
roomd_deliveries_dropped_total 1
roomd_deliveries_pending 1
roomd_journal_transaction_seconds_bucket{le="+Inf"} 3
`;

test("figures are summed over their labels and told apart by one of them", () => {
  const figures = new Figures(TEXT, 0);
  assert.equal(figures.sum("connections"), 7);
  assert.deepEqual(figures.by("connections", "door"), [["websocket", 5], ["irc", 2]]);
  assert.deepEqual(figures.by("connections_closed_total", "reason"), [['a \\"quoted\\" word', 3]]);
  assert.equal(figures.sum("webhook_backlog"), undefined);
  assert.equal(figures.isBalanced, true);
  assert.equal(new Figures(TEXT.replace("_total 7", "_total 6"), 0).isBalanced, false);
});

test("a counter has a rate since the figures before, and none when the server was started again", () => {
  const [before, now] = [new Figures("roomd_messages_total 10\n", 1_000), new Figures("roomd_messages_total 25\n", 3_000)];
  assert.equal(now.rate("messages_total", before), 7.5);
  assert.equal(now.rate("messages_total", undefined), undefined);
  assert.equal(before.rate("messages_total", now), undefined);
  assert.equal(now.rate("none", before), undefined);
});

test("sizes have a unit that fits", () => {
  assert.deepEqual([0, 1, 1_023, 1_536, 3 * 2 ** 20, undefined].map(formatBytes), ["0 B", "1 B", "1,023 B", "1.5 KiB", "3 MiB", undefined]);
});
