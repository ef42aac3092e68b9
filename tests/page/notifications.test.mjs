// Real browser notifications, of a page that is made to believe it is hidden, since a headless browser never
// hides one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();

// Records the notifications that the browser shows.
function listen() {
  const Real = Notification;
  window.shown = [];
  window.Notification = class extends Real {
    constructor(title, options) {
      super(title, options);
      this.addEventListener("show", () => window.shown.push(this));
    }
  };
}

const shown = ({ page }) => page.evaluate(() => window.shown.map(({ title, body }) => `${title}: ${body}`));

async function hide({ page }, hidden) {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

async function ask({ page }, on) {
  await page.getByRole("button", { name: /your settings/ }).click();
  await page.getByLabel(/Notify me/).setChecked(on);
  await page.keyboard.press("Escape");
}

test("a user who enables notifications gets them while the page is hidden, and a click opens the conversation", async () => {
  const host = await server();
  const ann = await person({ permissions: ["notifications"] });
  await ann.page.addInitScript(listen);
  await ann.enter(`${host.http}/chat/general`, "Ann");
  const bob = client(host, "Bob");
  await bob.client.join("general");
  const hears = async (text) => {
    await bob.client.publish("general", text);
    await ann.row(text).waitFor();
  };
  await hide(ann, true);
  await hears("nobody has asked");
  await hide(ann, false);
  await ask(ann, true);
  await hears("it is seen anyway");
  await hide(ann, true);
  await ann.say("my own");
  await ann.sent("my own");
  await bob.client.publish("general", "come back");
  await eventually(() => shown(ann), (all) => assert.deepEqual(all, ["Bob in general: come back"]));
  await bob.client.whisper("Ann", "where are you?");
  await eventually(() => shown(ann), (all) => assert.deepEqual(all.slice(1), ["Bob: where are you?"]));
  await ann.page.evaluate(() => window.shown[1].dispatchEvent(new Event("click")));
  await ann.page.getByRole("heading", { name: "Bob" }).waitFor();
  // The setting survives a reload, until it is disabled.
  await hide(ann, false);
  await ann.page.reload();
  await ann.row("where are you?").waitFor();
  await hide(ann, true);
  await bob.client.whisper("Ann", "there you are");
  await eventually(() => shown(ann), (all) => assert.deepEqual(all, ["Bob: there you are"]));
  await hide(ann, false);
  await ask(ann, false);
  await hide(ann, true);
  await bob.client.whisper("Ann", "quietly");
  await ann.row("quietly").waitFor();
  assert.equal((await shown(ann)).length, 1);
  faultless();
});

test("the settings say when the browser blocks notifications", async () => {
  const host = await server();
  const ann = await (await person({ permissions: [] })).enter(host.http, "Ann");
  await ann.page.getByRole("button", { name: /your settings/ }).click();
  await ann.page.getByText("This browser blocks notifications from this page.").waitFor();
  assert.equal(await ann.page.getByLabel(/Notify me/).isDisabled(), true);
  faultless();
});
