// A browser's own EventSource, across servers that are stopped, killed and started again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person } = fixtures();

// Opens a stream in the page, and keeps what it says.
const listen = (page, address) =>
  page.evaluate((address) => {
    window.heard = [];
    window.opened = 0;
    window.source = new EventSource(address);
    window.source.onopen = () => (window.opened += 1);
    window.source.onmessage = ({ data, lastEventId }) => window.heard.push({ ...JSON.parse(data), lastEventId });
  }, address);

const heard = (page, ...kinds) =>
  page.evaluate((kinds) => window.heard.filter(({ type }) => kinds.includes(type)), kinds);

const publish = async (host, room, text) => {
  const answer = await fetch(`${host.http}/api/v1/rooms/${room}/messages?user=cron`, { method: "POST", body: text });
  assert.equal(answer.status, 201, await answer.text());
};

test("a browser misses nothing and gets nothing twice, however the server ends", async () => {
  const host = await server();
  const { page } = await person();
  await page.goto(host.http);
  await publish(host, "den", "den 1");
  await listen(page, "/api/v1/events?room=den&room=attic");
  await eventually(() => heard(page, "joined"), (joined) => assert.equal(joined.length, 2));
  let number = 1;
  for (const signal of ["SIGTERM", "SIGKILL", "SIGTERM"]) {
    await publish(host, "attic", `attic ${number}`);
    await eventually(() => heard(page, "message"), (all) => assert.equal(all.at(-1).message, `attic ${number}`));
    await host.stop(signal);
    await host.restart();
    // What is said before the browser has come back.
    await publish(host, "den", `den ${(number += 1)}`);
  }
  const expected = ["den 1", "attic 1", "den 2", "attic 2", "den 3", "attic 3", "den 4"];
  await eventually(() => heard(page, "message"), (all) => assert.equal(all.length, expected.length));
  const messages = await heard(page, "message");
  assert.deepEqual(messages.map(({ message }) => message).sort(), [...expected].sort());
  for (const room of ["den", "attic"]) {
    const numbers = messages.filter((message) => message.room === room).map(({ seq }) => seq);
    assert.deepEqual(numbers, numbers.map((_, i) => i + 1), room);
  }
  await eventually(() => heard(page, "joined"), (all) => assert.equal(all.length, 8, "each connection says its verdict of each room"));
  const joined = await heard(page, "joined");
  // At first nothing was said in the attic, and its history began with its first message.
  assert.ok(joined.every(({ recovered }) => recovered));
  const farewells = await heard(page, "goodbye");
  assert.deepEqual(farewells.map(({ reason }) => reason), ["closing", "closing"]);
  assert.equal(await page.evaluate(() => window.opened), 4);
});

test("a stream of a private room opens with a ticket, and the next one needs another", async () => {
  const host = await server();
  const ask = async (path, body, headers = {}) => {
    const answer = await fetch(`${host.http}/api/v1/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, 201, path);
    return answer.json();
  };
  const { token } = await ask("claims", { name: "Ann" });
  const asAnn = (path, body) => ask(path, body, { Authorization: `Bearer ${token}` });
  await asAnn("rooms", { room: "plans", private: true });
  const { page } = await person();
  await page.goto(host.http);
  const address = async () => `/api/v1/rooms/plans/events?ticket=${(await asAnn("tickets", {})).ticket}`;
  await listen(page, await address());
  await asAnn("rooms/plans/messages", { message: "secret 1" });
  await eventually(() => heard(page, "message"), (all) => assert.equal(all.length, 1));
  const [first] = await heard(page, "message");
  await page.evaluate(() => window.source.close());
  await asAnn("rooms/plans/messages", { message: "secret 2" });
  // The page goes on from where it was, with another ticket.
  await listen(page, `${await address()}&since=${first.lastEventId}`);
  await eventually(() => heard(page, "message"), (all) => assert.deepEqual(all.map(({ message }) => message), ["secret 2"]));
  const [joined] = await heard(page, "joined");
  assert.equal(joined.recovered, true);
});
