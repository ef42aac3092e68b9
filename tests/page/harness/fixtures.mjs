// Fixtures of the browser tests: one browser per file, and for each test servers, relays, users, and a check that
// no page had an error.

import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { Browser } from "./browser.mjs";
import { connect } from "./client.mjs";
import { DEADLINE_MS } from "./deadline.mjs";
import { Relay } from "./relay.mjs";
import { Rewriter } from "./rewriter.mjs";
import { Server } from "./server.mjs";

export const RATE = ["--rate-burst", "1000", "--rate-per-s", "1000"];

export function fixtures() {
  let browser;
  const ends = [];
  const cleanUp = (thing, end) => {
    ends.push(end);
    return thing;
  };
  before(async () => {
    browser = await Browser.start();
  });
  after(() => browser.end());
  afterEach(async () => {
    await browser.leave();
    for (const end of ends.splice(0).reverse()) await end();
  });
  return {
    server: async (...flags) => {
      const server = await Server.start(...(flags.length > 0 ? flags : RATE));
      return cleanUp(server, () => server.end());
    },
    relay: async (server) => {
      const relay = await Relay.to(server);
      return cleanUp(relay, () => relay.end());
    },
    rewriter: async (server) => {
      const rewriter = await Rewriter.before(server);
      return cleanUp(rewriter, () => rewriter.end());
    },
    person: (options) => browser.person(options),
    // A user without a browser.
    client: (server, user) => {
      const heard = connect(`${server.http.replace("http", "ws")}/ws`, { user });
      return cleanUp(heard, () => heard.client.close());
    },
    faultless: () => assert.deepEqual(browser.faults(), []),
  };
}

// Waits until the result of `look` passes `check`, which throws until then; where looking has an effect, it is done
// at most so many times.
export async function eventually(look, check, tries = Infinity) {
  const until = Date.now() + DEADLINE_MS;
  for (let left = tries; ; left--) {
    try {
      return check(await look());
    } catch (error) {
      if (left === 0 || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
