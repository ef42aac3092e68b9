// Makes e2ee_vectors.json: what every implementation of docs/encryption.md must agree on.
//
//     node tests/page/e2ee_vectors.mjs > tests/page/e2ee_vectors.json
//
// Run it again only when the format changes. Keys, names and texts are fixed; signatures and
// initialisation vectors are drawn anew, so an implementation opens the messages and does not make them.

import { Encryption, memoryStore } from "../../src/page/e2ee.js";
import { deviceId, rawKey, safetyNumber, wrap } from "../../src/page/e2ee/device.js";
import { fields, fromBase64, printBody, toBase64 } from "../../src/page/e2ee/format.js";
import { bytesOfPassphrase, kidOf, printFragment, secretOf } from "../../src/page/e2ee/secret.js";

const { subtle } = globalThis.crypto;
const pkcs8Head = Buffer.from("308141020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420", "hex");

// Private keys as bare scalars: anybody can import those.
const scalars = { signing: "11".repeat(32), agreement: "22".repeat(32), otherSigning: "33".repeat(32), otherAgreement: "44".repeat(32) };

async function pair(scalar, name, usage) {
  const algorithm = { name, namedCurve: "P-256" };
  const der = Buffer.concat([pkcs8Head, Buffer.from(scalar, "hex")]);
  const privateKey = await subtle.importKey("pkcs8", der, algorithm, true, [usage]);
  const { d, key_ops, ...jwk } = await subtle.exportKey("jwk", privateKey);
  const publicKey = await subtle.importKey("jwk", jwk, algorithm, true, usage === "sign" ? ["verify"] : []);
  return { privateKey, publicKey };
}

async function device(user, signing, agreement) {
  const keys = { signing: await pair(signing, "ECDSA", "sign"), agreement: await pair(agreement, "ECDH", "deriveBits") };
  const store = memoryStore();
  await store.update("device", () => keys);
  const key = await rawKey(keys.signing.publicKey);
  const shown = {
    user,
    signing_private: signing,
    agreement_private: agreement,
    signing_public: toBase64(key),
    agreement_public: toBase64(await rawKey(keys.agreement.publicKey)),
    id: await deviceId(key),
  };
  return { encryption: await Encryption.load(store), key, shown, agreement: await rawKey(keys.agreement.publicKey) };
}

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const ann = await device("Ann", scalars.signing, scalars.agreement);
const bob = await device("Bob", scalars.otherSigning, scalars.otherAgreement);
const room = "plans-Ω";
const secret = Uint8Array.from({ length: 32 }, (_, i) => i);
const fragment = printFragment(secret, 1);
await ann.encryption.useFragment(room, fragment);
await bob.encryption.useFragment(room, fragment);

const places = [
  [ann, { room, user: "Ann", mid: "m1" }, "hi"],
  [ann, { room, user: "Ann", mid: "m1", edit: true }, "hi, all"],
  [bob, { room, user: "Bob", mid: "m2" }, "Grüße, 部屋 👩‍🚀\n\"quoted\" \\ \u0000 \u2028"],
  [bob, { room, user: "Bob", mid: "m3" }, "x".repeat(2_000)],
];
const messages = [];
for (const [{ encryption, shown }, place, text] of places) {
  messages.push({ ...place, edit: place.edit ?? false, cipher: await encryption.seal(place, { text }), device: shown.id, text });
}
const announced = { room, user: "Bob", mid: "m4" };
messages.push({ ...announced, edit: false, cipher: await bob.encryption.announce(announced), device: bob.shown.id, agreement: bob.shown.agreement_public });

// What must not open: the first message somewhere else, changed, or signed by nobody.
const [first] = messages;
const flip = (text) => {
  const bytes = fromBase64(text);
  bytes[bytes.length - 1] ^= 1;
  return toBase64(bytes);
};
const refused = [
  ["another room", "no-key", { room: "other" }],
  ["another sender", "damaged", { user: "Bob" }],
  ["another mid", "damaged", { mid: "m9" }],
  ["taken for an edit", "damaged", { edit: true }],
  ["a changed ciphertext", "damaged", { cipher: { ...first.cipher, ct: flip(first.cipher.ct) } }],
  ["a changed iv", "damaged", { cipher: { ...first.cipher, iv: flip(first.cipher.iv) } }],
  ["another epoch", "no-key", { cipher: { ...first.cipher, kid: first.cipher.kid.replace("1.", "2.") } }],
  ["an unknown key", "no-key", { cipher: { ...first.cipher, kid: `1.${"A".repeat(22)}` } }],
  ["another algorithm", "damaged", { cipher: { ...first.cipher, alg: "A128GCM" } }],
  ["no kid", "damaged", { cipher: { ...first.cipher, kid: undefined } }],
  ["epoch 0", "damaged", { cipher: { ...first.cipher, kid: `0.${"A".repeat(22)}` } }],
  ["a short iv", "damaged", { cipher: { ...first.cipher, iv: "AAAA" } }],
  ["a short ciphertext", "damaged", { cipher: { ...first.cipher, ct: "AAAA" } }],
  ["base64 with padding", "damaged", { cipher: { ...first.cipher, iv: first.cipher.iv + "==" } }],
].map(([what, reason, change]) => ({ what, reason, room, user: first.user, mid: first.mid, edit: first.edit, cipher: first.cipher, ...change }));
refused.push({ what: "a signature by another device", reason: "forged", ...(await forged()) });

// Bob, a member, writes as Ann with Ann's public key and a signature of his own.
async function forged() {
  const { printCipher, printInside, signedData, additionalData } = await import("../../src/page/e2ee/format.js");
  const { senderKey } = await import("../../src/page/e2ee/secret.js");
  const { sign } = await import("../../src/page/e2ee/device.js");
  const place = { room, user: "Ann", mid: "m5", edit: false };
  const held = await secretOf(secret, 1);
  const kid = await kidOf(held, room);
  const body = printBody({ text: "I owe Bob 100" });
  const { privateKey } = await pair(scalars.otherSigning, "ECDSA", "sign");
  const signature = await sign(privateKey, signedData(place, kid, ann.key, body));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const how = { name: "AES-GCM", iv, additionalData: additionalData(place, kid) };
  const ct = await subtle.encrypt(how, await senderKey(held, room, "Ann"), printInside(ann.key, signature, body));
  return { ...place, cipher: printCipher(kid, iv, ct) };
}

const next = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
const nextKid = await kidOf(await secretOf(next, 2), room);
const passphrases = [];
for (const [name, passphrase] of [["plans-Ω", "correct horse battery staple"], ["lobby", "  Pa\u0308ssword-Ü  "]]) {
  const bytes = await bytesOfPassphrase(name, passphrase);
  passphrases.push({ room: name, passphrase, secret: hex(bytes), kid: await kidOf(await secretOf(bytes, 1), name) });
}

const vectors = {
  about: "Known answers for docs/encryption.md; made by tests/page/e2ee_vectors.mjs. Bytes are hexadecimal where not base64url.",
  fields: [
    { fields: ["a", "", "Ω"], bytes: hex(fields("a", "", "Ω")) },
    { fields: ["ab", "c"], bytes: hex(fields("ab", "c")) },
    { fields: ["a", "bc"], bytes: hex(fields("a", "bc")) },
  ],
  passphrases,
  secrets: [
    { room, epoch: 1, secret: hex(secret), fragment, kid: await kidOf(await secretOf(secret, 1), room) },
    { room, epoch: 2, secret: hex(next), fragment: printFragment(next, 2), kid: nextKid },
  ],
  devices: [ann.shown, bob.shown],
  safety_number: await safetyNumber({ user: "Ann", key: ann.key }, { user: "Bob", key: bob.key }),
  messages,
  refused,
  wrapped: { room, kid: nextKid, secret: hex(next), to: bob.shown.id, rekey: { kid: nextKid, ...(await wrap(room, nextKid, next, [{ id: bob.shown.id, agreement: bob.agreement }])) } },
};
process.stdout.write(`${JSON.stringify(vectors, null, 1)}\n`);
