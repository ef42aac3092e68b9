// End-to-end encryption in a browser: keys in IndexedDB, and what the server stores.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fixtures } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();
const ROOM = "plans";

/** A page that has the module and nothing else; its keys are in IndexedDB. */
async function device({ http }) {
  const { page } = await person();
  const load = async () => {
    await page.goto(`${http}/healthz`);
    await page.evaluate(async () => {
      const { Encryption, indexedDbStore } = await import("/assets/e2ee.js");
      window.encryption = await Encryption.load(await indexedDbStore("keys"));
    });
  };
  await load();
  const run = (method, ...values) => page.evaluate(([method, values]) => encryption[method](...values), [method, values]);
  return { page, load, run };
}

test("keys survive a reload and are not extractable, and the server stores only ciphertext", async () => {
  const roomd = await server();
  const [ann, bob] = [await device(roomd), await device(roomd)];
  const fragment = await ann.run("create", ROOM);
  assert.equal(await bob.run("useFragment", ROOM, fragment), "taken");
  const place = { room: ROOM, user: "Ann", mid: "m1" };
  const cipher = await ann.run("seal", place, { text: "the geese fly at midnight" });

  const line = client(roomd, "Ann");
  await line.client.join(ROOM);
  await line.client.publish(ROOM, { cipher }, { mid: "m1" });

  await bob.load();
  const history = await (await fetch(`${roomd.http}/api/v1/rooms/${ROOM}/messages`)).json();
  const [{ user, mid, seq, cipher: kept }] = history.messages;
  const opened = await bob.run("open", { room: ROOM, user, mid, seq }, kept);
  assert.deepEqual([opened.state, opened.text], ["encrypted", "the geese fly at midnight"]);
  assert.equal(await bob.run("useFragment", ROOM, fragment), "same");

  const exported = await bob.page.evaluate(async () => {
    const open = indexedDB.open("keys");
    const database = await new Promise((resolve) => (open.onsuccess = () => resolve(open.result)));
    const all = database.transaction("keys").objectStore("keys").getAll();
    const values = await new Promise((resolve) => (all.onsuccess = () => resolve(all.result)));
    const secret = (value) =>
      value instanceof CryptoKey ? (value.type === "public" ? [] : [value])
      : value && typeof value === "object" && !ArrayBuffer.isView(value) ? Object.values(value).flatMap(secret) : [];
    const keys = values.flatMap(secret);
    const tries = await Promise.allSettled(keys.map((key) => crypto.subtle.exportKey(key.type === "private" ? "pkcs8" : "raw", key)));
    return tries.map(({ status }) => status);
  });
  assert.deepEqual(exported, ["rejected", "rejected", "rejected"]);

  await roomd.stop();
  for (const name of [roomd.data, `${roomd.data}-wal`]) {
    const bytes = await readFile(name).catch(() => Buffer.alloc(0));
    assert.ok(!bytes.includes("geese") && !bytes.includes(fragment.slice(7)), name);
  }
  faultless();
});
