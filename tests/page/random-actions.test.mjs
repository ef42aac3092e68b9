// Users who do random things over connections that are lost: in the end each page shows what the server has.

import assert from "node:assert/strict";
import { test } from "node:test";
import { numbersFrom } from "./harness/random.mjs";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, relay, person, faultless } = fixtures();

const PEOPLE = ["Ann", "Bob", "Cleo"];
const ROOMS = ["one", "two"];
const STEPS = 50;
const KILL_STEPS = 20;

class RandomUser {
  conversations = ROOMS; // the conversations that they open
  #random;
  #said = 0;

  constructor(name, wire, one, random) {
    Object.assign(this, { name, wire, one, page: one.page });
    this.#random = random;
  }

  // Performs a random action. Returns its name.
  async step() {
    const actions = ["say", "say", "say", "edit", "delete", "react", "reply", "select", "reload", "cut", "restore", "restore"];
    const action = actions[this.#random(actions.length)];
    return `${this.name} ${action}${(await this[action]()) ?? ""}`;
  }

  async say() {
    await this.one.say(`${this.name} ${++this.#said}`);
  }

  // Presses a button of a random message that matches the selector, within the page, since others may delete the
  // message meanwhile. Returns " nothing" if there is none.
  async #press(name, selector = "") {
    const pressed = await this.page.evaluate(
      async ([name, selector, chosen]) => {
        const lines = [...document.querySelectorAll(`.message-row.message[data-seq]:not(:has(.placeholder))${selector}`)];
        if (lines.length === 0) return false;
        const line = lines[chosen % lines.length];
        line.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
        for (let frame = 0; frame < 5; frame++) {
          await new Promise(requestAnimationFrame);
          const button = line.querySelector(`.toolbar [aria-label="${name}"]`);
          if (button) return button.click() ?? true;
        }
        return false;
      },
      [name, selector, this.#random(1_000)],
    );
    return pressed ? undefined : " nothing";
  }

  async edit() {
    const nothing = await this.#press("Edit", ":has([data-own])");
    if (!nothing) await this.one.say(`${this.name} ${++this.#said} edited`);
    return nothing;
  }

  async delete() {
    const nothing = await this.#press("Delete", ":has([data-own])");
    if (!nothing) await this.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    return nothing;
  }

  async react() {
    return this.#press("React with 🎉");
  }

  async reply() {
    const nothing = await this.#press("Reply");
    if (!nothing) await this.one.say(`${this.name} ${++this.#said} in reply`);
    return nothing;
  }

  async select() {
    await this.one.conversation(this.conversations[this.#random(this.conversations.length)]).click();
  }

  async reload() {
    this.wire.restore(); // a page cannot be loaded without a connection
    await this.page.reload();
    await loaded(this.page);
  }

  async cut() {
    this.wire.cut();
  }

  async restore() {
    this.wire.restore();
    await this.page.getByRole("button", { name: "Try now" }).click({ timeout: 100 }).catch(() => {}); // it has reconnected already
  }
}

// A room as a page shows it: the messages with their reactions.
async function shown({ one, page }, room) {
  await one.conversation(room).click();
  await page.getByRole("heading", { name: room }).waitFor();
  return page.locator(".message-row.message").evaluateAll((lines) =>
    lines.map((line) => {
      const text = line.querySelector(".text").innerText;
      const signs = [...line.querySelectorAll(".reactions button")].map((button) => button.innerText.replace(/\s+/g, " "));
      return [Number(line.dataset.seq), text, ...signs].join(" | ");
    }),
  );
}

// The same, as the server has it.
async function stored(host, room) {
  const messages = [];
  for (let after = 0; ; ) {
    const page = await (await fetch(`${host.http}/api/v1/rooms/${room}/messages?after=${after}&limit=300`)).json();
    messages.push(...page.messages);
    if (page.messages.length === 0) break;
    after = page.messages.at(-1).seq;
  }
  const signs = new Map();
  for (const { react_to: to, message, deleted } of messages) if (to && !deleted) signs.set(to, [...(signs.get(to) ?? []), message]);
  return messages.filter(({ react_to: to }) => to === undefined).map(({ seq, message, deleted }) => {
    const counts = new Map();
    for (const sign of (deleted ? [] : signs.get(seq)) ?? []) counts.set(sign, (counts.get(sign) ?? 0) + 1);
    return [seq, deleted ? "Message deleted" : message, ...[...counts].map(([sign, count]) => `${sign} ${count}`)].join(" | ");
  });
}

// Performs random actions, and kills the server now and then; in the end all users are online.
async function play(host, people, random, done) {
  for (let step = 0; step < STEPS; step++) {
    const all = await Promise.all(people.map((each) => each.step()));
    done.push(all.join(", "));
    if (step % KILL_STEPS !== KILL_STEPS - 1) continue;
    await host.stop("SIGKILL");
    await host.restart();
    done.push("the server is killed");
  }
  for (const each of people) {
    await eventually(async () => {
      await each.restore();
      return each.page.locator(".me").innerText();
    }, (text) => assert.match(text, /Online/));
    for (const name of each.conversations) {
      await each.one.conversation(name).click();
      await eventually(() => each.page.locator('[data-state="waiting"]').count(), (count) => assert.equal(count, 0));
    }
  }
}

function noneTwice(said) {
  const texts = said.map((text) => text.split(" | ")[1]).filter((text) => text !== "Message deleted");
  assert.equal(new Set(texts).size, texts.length, "a message is shown twice");
}

// All of the page is there, also its dialogs, which cannot be loaded without a connection.
const loaded = (page) => page.getByRole("button", { name: "Call", exact: true }).waitFor();

// Plays the users, each behind a relay of their own and in all rooms; then `claim` must hold. The error lists the
// actions. `SEED` plays others.
async function tried(prepare, claim) {
  const seed = Number(process.env.SEED ?? 1);
  const random = numbersFrom(seed | 1);
  const done = [];
  const host = await server();
  const people = [];
  for (const name of PEOPLE) {
    const wire = await relay(host);
    const one = await (await person({ viewport: { width: 1280, height: 2_400 } })).enter(`${wire.http}/chat/${ROOMS[0]}`, name);
    await one.page.goto(`${wire.http}/chat/${ROOMS[1]}`);
    await one.conversation(ROOMS[0]).waitFor();
    await loaded(one.page);
    people.push(new RandomUser(name, wire, one, random));
  }
  try {
    await prepare(people);
    await play(host, people, random, done);
    await claim(host, people);
  } catch (cause) {
    const shown = (page) => page.locator(".banner, [data-state]:not([data-state=sent])").allInnerTexts();
    for (const { name, page } of people) done.push(`${name}: ${JSON.stringify(await shown(page))}`);
    throw new Error(`SEED=${seed}\n${done.join("\n")}`, { cause });
  }
  faultless();
}

test("after random actions and lost connections, each page shows what the server has, once and in order", async () => {
  await tried(async () => {}, async (host, people) => {
    for (const room of ROOMS) {
      for (const each of people) {
        await eventually(async () => [await shown(each, room), await stored(host, room)], ([page, file]) => assert.deepEqual(page, file, `${each.name} in ${room}`));
      }
      noneTwice(await stored(host, room));
    }
  });
});

test("so it is in encrypted rooms, and nothing is sent in the clear", async () => {
  const encrypt = async ([ann, ...others]) => {
    for (const room of ROOMS) {
      await ann.one.conversation(room).click();
      await ann.page.getByRole("button", { name: /encrypt this conversation/ }).click();
      await ann.page.getByRole("button", { name: "Encrypt with a new link" }).click();
      const { hash } = new URL(await ann.page.locator(".new-link code").innerText());
      await ann.page.keyboard.press("Escape");
      for (const { page, wire } of others) {
        await page.goto(`${wire.http}/chat/${room}${hash}`);
        await page.getByRole("button", { name: /^Encrypted/ }).waitFor();
      }
    }
  };
  await tried(encrypt, async (host, people) => {
    let count = 0;
    for (const room of ROOMS) {
      for (const each of people.slice(1)) {
        await eventually(async () => [await shown(each, room), await shown(people[0], room)], ([one, other]) => assert.deepEqual(one, other, `${each.name} in ${room}`));
      }
      const said = await shown(people[0], room);
      assert.ok(!said.some((text) => /does not have the key|Decrypting|altered in transit|not from the user|delivered this message twice/.test(text)), said.join("\n"));
      noneTwice(said);
      count += said.length;
      assert.doesNotMatch(await host.command("export", room), /Ann \d|Bob \d|Cleo \d|🎉/);
    }
    assert.ok(count > 10, `${count} messages`);
  });
});

test("so it is in private conversations", async () => {
  const part = async (people) => {
    for (const each of people) {
      each.conversations = PEOPLE.filter((name) => name !== each.name);
      for (const name of each.conversations) {
        await each.page.goto(`${each.wire.http}/?with=${name}`);
        await each.page.getByRole("heading", { name }).waitFor();
      }
    }
  };
  await tried(part, async (_, people) => {
    for (const [i, one] of people.entries()) {
      for (const other of people.slice(i + 1)) {
        await eventually(async () => [await shown(one, other.name), await shown(other, one.name)], ([here, there]) => assert.deepEqual(here, there, `${one.name} and ${other.name}`));
        noneTwice(await shown(one, other.name));
      }
    }
  });
});
