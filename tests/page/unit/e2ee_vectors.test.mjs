// The known answers that the terminal client is checked against too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Encryption, memoryStore } from "../../../src/page/e2ee.js";
import { deviceId, safetyNumber, unwrap } from "../../../src/page/e2ee/device.js";
import { fields, fromBase64, toBase64 } from "../../../src/page/e2ee/format.js";
import { bytesOfPassphrase, kidOf, parseFragment, printFragment, secretOf } from "../../../src/page/e2ee/secret.js";

const vectors = JSON.parse(readFileSync(new URL("../e2ee_vectors.json", import.meta.url), "utf8"));
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => new Uint8Array(Buffer.from(text, "hex"));

test("fields", () => {
  for (const { fields: values, bytes: expected } of vectors.fields) assert.equal(hex(fields(...values)), expected);
});

test("passphrases", async () => {
  for (const { room, passphrase, secret, kid } of vectors.passphrases) {
    const found = await bytesOfPassphrase(room, passphrase);
    assert.equal(hex(found), secret);
    assert.equal(await kidOf(await secretOf(found, 1), room), kid);
  }
});

test("secrets, fragments and kids", async () => {
  for (const { room, epoch, secret, fragment, kid } of vectors.secrets) {
    assert.deepEqual(parseFragment(fragment), { epoch, bytes: bytes(secret) });
    assert.equal(printFragment(bytes(secret), epoch), fragment);
    assert.equal(await kidOf(await secretOf(bytes(secret), epoch), room), kid);
  }
  for (const wrong of ["", "#key=", "#key=0.AAAA", `#key=1.${"A".repeat(42)}`, `#key=1.${"A".repeat(42)}B`, `#key=01.${"A".repeat(43)}`]) {
    assert.equal(parseFragment(wrong), undefined, wrong);
  }
});

test("devices and the safety number", async () => {
  const people = vectors.devices.map(({ user, signing_public }) => ({ user, key: fromBase64(signing_public) }));
  for (const [i, { id }] of vectors.devices.entries()) assert.equal(await deviceId(people[i].key), id);
  assert.equal(await safetyNumber(...people), vectors.safety_number);
  assert.equal(await safetyNumber(...people.reverse()), vectors.safety_number);
});

async function reader() {
  const encryption = await Encryption.load(memoryStore());
  await encryption.useFragment(vectors.secrets[0].room, vectors.secrets[0].fragment);
  return encryption;
}

test("messages open", async () => {
  const encryption = await reader();
  for (const { room, user, mid, edit, cipher, device, text } of vectors.messages) {
    const opened = await encryption.open({ room, user, mid, edit, seq: 1 }, cipher);
    assert.deepEqual([opened.device?.id, opened.text], [device, text], mid);
  }
});

test("what must not open does not, and says why", async () => {
  for (const { what, reason, room, user, mid, edit, cipher } of vectors.refused) {
    const opened = await (await reader()).open({ room, user, mid, edit }, cipher);
    assert.deepEqual(opened, { state: "unreadable", reason }, what);
  }
});

test("a wrapped key opens for its device and for nobody else", async () => {
  const { room, kid, secret, to, rekey } = vectors.wrapped;
  const { agreement_private, agreement_public, id } = vectors.devices[1];
  const point = fromBase64(agreement_public);
  const jwk = {
    kty: "EC",
    crv: "P-256",
    d: toBase64(bytes(agreement_private)),
    x: toBase64(point.slice(1, 33)),
    y: toBase64(point.slice(33)),
  };
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
  assert.equal(to, id);
  assert.equal(hex(await unwrap(room, rekey, id, key)), secret);
  assert.equal(await unwrap("other", rekey, id, key), undefined);
  assert.equal(await unwrap(room, { ...rekey, kid: `3${kid.slice(1)}` }, id, key), undefined);
  assert.equal(await unwrap(room, rekey, vectors.devices[0].id, key), undefined);
});
