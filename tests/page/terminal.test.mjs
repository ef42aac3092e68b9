// The encryption of the page and of the terminal client: each decrypts the other's messages and follows its key changes.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Encryption, memoryStore } from "../../src/page/e2ee.js";
import { root } from "./harness/packages.mjs";
import { fixtures } from "./harness/fixtures.mjs";

const BINARY = process.env.ROOMD ?? `${root}target/debug/roomd`;
const ROOM = "plans-Ω";
const PASSPHRASE = "eleven quiet lamps";
const { server, client } = fixtures();

/** A conversation of the terminal client, as a script has it. */
class Terminal {
  static async chat(roomd, user, ...flags) {
    const terminal = new Terminal();
    terminal.home = await mkdtemp(`${tmpdir()}/roomd-terminal-`);
    await writeFile(`${terminal.home}/passphrase`, `${PASSPHRASE}\n`);
    const key = flags.length > 0 ? flags : ["--passphrase-file", `${terminal.home}/passphrase`];
    const words = ["chat", roomd.http.replace("http", "ws"), "--room", ROOM, "--user", user, "--json", ...key];
    terminal.process = spawn(BINARY, words, { env: { XDG_STATE_HOME: terminal.home }, stdio: ["pipe", "pipe", "inherit"] });
    terminal.lines = createInterface(terminal.process.stdout)[Symbol.asyncIterator]();
    await terminal.hears(({ type }) => type === "joined");
    return terminal;
  }

  says(text) {
    this.process.stdin.write(`${text}\n`);
  }

  async hears(fits) {
    for (;;) {
      const { value, done } = await this.lines.next();
      assert.ok(!done, "the terminal has ended");
      const event = JSON.parse(value);
      if (fits(event)) return event;
    }
  }

  async end() {
    this.process.kill();
    await rm(this.home, { recursive: true, force: true });
  }
}

/** A page, of which nothing is here but its encryption and its connection. */
class Page {
  marks = 0;
  next = 0;

  static async open(roomd, user) {
    const page = new Page();
    page.user = user;
    page.encryption = await Encryption.load(memoryStore());
    page.line = client(roomd, user);
    await page.line.client.join(ROOM);
    return page;
  }

  place() {
    return { room: ROOM, user: this.user, mid: `${this.user}-${++this.marks}` };
  }

  async send(place, cipher) {
    await this.line.client.publish(ROOM, { cipher: await cipher }, { mid: place.mid });
  }

  async say(text) {
    const place = this.place();
    await this.send(place, this.encryption.seal(place, { text }));
  }

  /** Opens what comes, in order, up to what fits. */
  async hears(fits) {
    for (;;) {
      const { user, mid, seq, cipher } = await this.line.until((event) => event.type === "message" && event.seq > this.next);
      this.next = seq;
      const opened = await this.encryption.open({ room: ROOM, user, mid, seq }, cipher);
      if (fits({ ...opened, user })) return opened;
    }
  }
}

test("a page and a terminal with the same passphrase read each other, also after the page changes the key", async () => {
  const roomd = await server();
  const page = await Page.open(roomd, "Ann");
  assert.equal(await page.encryption.usePassphrase(ROOM, PASSPHRASE), "taken");
  const terminal = await Terminal.chat(roomd, "Bob");
  try {
    for (const text of ["Grüße, 部屋 👩‍🚀 \\ \"x\" \u2028 \u0001", "x".repeat(20_000)]) {
      await page.say(text);
      const heard = await terminal.hears(({ user, message }) => user === "Ann" && message);
      assert.deepEqual([heard.message, heard.protection], [text, "encrypted"]);
    }
    terminal.says("hello from a terminal, ÄÖ");
    const opened = await page.hears(({ user, text }) => user === "Bob" && text);
    assert.deepEqual([opened.text, opened.state, opened.device.trust], ["hello from a terminal, ÄÖ", "encrypted", "known"]);

    // The terminal announced its device when it joined, so it receives the new key.
    const place = page.place();
    const rotation = await page.encryption.rotate(place, ["Ann", "Bob"]);
    assert.deepEqual(rotation.missing, []);
    await page.send(place, rotation.cipher);
    assert.deepEqual((await page.hears(({ rekey }) => rekey)).rekey, { kid: rotation.kid, adopted: true });
    await page.say("under the new key");
    await terminal.hears(({ message }) => message === "under the new key");
    terminal.says("so am I");
    await page.hears(({ text }) => text === "so am I");

    // The old passphrase decrypts no new message, and the new link does.
    const [late, linked] = [await Page.open(roomd, "Late"), await Terminal.chat(roomd, "Carl", "--key", `${roomd.http}/chat/x${rotation.fragment}`)];
    try {
      await late.encryption.usePassphrase(ROOM, PASSPHRASE);
      linked.says("by the link");
      assert.equal((await page.hears(({ user, text }) => user === "Carl" && text)).text, "by the link");
      assert.equal((await late.hears(({ user }) => user === "Carl")).reason, "no-key");
    } finally {
      await linked.end();
    }
  } finally {
    await terminal.end();
  }
});
