// What the tests in a browser stand on: one browser a file, and for each test a server, a line to it,
// and the claim at its end that no page had an error.

import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { Browser } from "./browser.mjs";
import { connect } from "./client.mjs";
import { Line } from "./relay.mjs";
import { Server } from "./server.mjs";

export const RATE = ["--rate-burst", "1000", "--rate-per-s", "1000"];

export function stage() {
  let browser;
  const ends = [];
  const on = (thing, end) => {
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
      return on(server, () => server.end());
    },
    line: async (server) => {
      const line = await Line.to(server);
      return on(line, () => line.end());
    },
    person: (options) => browser.person(options),
    // A user without a browser.
    client: (server, user) => {
      const heard = connect(`${server.http.replace("http", "ws")}/ws`, { user });
      return on(heard, () => heard.client.close());
    },
    faultless: () => assert.deepEqual(browser.faults(), []),
  };
}

// Waits until what `look` returns passes `check`, which throws as long as it does not.
export async function eventually(look, check, tries = 200) {
  for (let left = tries; ; left--) {
    try {
      return check(await look());
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
