// Calls on the page: ringing, accepting, declining, video and hanging up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";
import { look } from "./harness/look.mjs";

const { server, person, faultless } = fixtures();

async function pair({ base = "" } = {}) {
  const { http } = await server(...(base && ["--base-path", base]));
  const people = [];
  for (const name of ["Ann", "Bob"]) people.push(await (await person()).enter(`${http}${base}/chat/den`, name));
  const [ann, bob] = people;
  await ann.page.locator(".members").getByText("Bob").waitFor();
  await bob.page.locator(".members").getByText("Ann").waitFor();
  for (const { page } of people) await page.getByRole("button", { name: "Call", exact: true }).waitFor();
  return people;
}

async function ring({ page }, user, how) {
  await page.getByRole("button", { name: "Call", exact: true }).click();
  await page.getByRole("dialog").getByLabel(user).check();
  await page.getByRole("dialog").getByRole("button", { name: how }).click();
}

test("two users see each other in a call, mute, and hang up", async () => {
  const [ann, bob] = await pair();
  await ring(ann, "Bob", "Video call");
  await bob.page.getByRole("alertdialog", { name: "Ann is calling" }).waitFor();
  await bob.page.getByRole("button", { name: "Accept" }).click();
  for (const [{ page }, other] of [[ann, "Bob"], [bob, "Ann"]]) {
    await page.locator('.tile[data-status="connected"]', { hasText: other }).waitFor();
    await page.waitForFunction((other) => document.querySelector(`video[aria-label="${other}"]`).videoWidth > 0, other);
  }
  await ann.page.getByRole("timer").getByText(/^0:0[1-9]$/).waitFor();
  await ann.page.getByRole("button", { name: "Share screen" }).click();
  await bob.page.locator(".tile[data-screen]", { hasText: "Ann · screen" }).waitFor();
  await ann.page.locator(".tile[data-screen]", { hasText: "Your screen" }).waitFor();
  // It is about as wide as the messages, and above the other pictures.
  const [shared, call] = await Promise.all([bob.page.locator(".tile[data-screen]").boundingBox(), bob.page.locator(".tiles").boundingBox()]);
  assert.ok(shared.width > call.width - 32 && shared.y < call.y + 2, JSON.stringify([shared, call]));
  await look(bob.page, "shared-screen-1280");
  await ann.page.getByRole("button", { name: "Stop sharing" }).click();
  await bob.page.locator(".tile[data-screen]").waitFor({ state: "detached" });
  await ann.page.getByRole("button", { name: "Full screen" }).click();
  await ann.page.waitForFunction(() => document.fullscreenElement?.className === "call");
  await ann.page.getByRole("button", { name: "Leave full screen" }).click();
  await ann.page.waitForFunction(() => !document.fullscreenElement);
  await bob.page.getByRole("button", { name: "Mute" }).click();
  await ann.page.locator(".tile", { hasText: "Bob · muted" }).waitFor();
  await bob.page.getByRole("button", { name: "Turn the camera off" }).click();
  await ann.page.locator(".tile[data-camera]", { hasText: "Bob" }).waitFor({ state: "detached" });
  await ann.page.getByRole("button", { name: "Hang up" }).click();
  await bob.page.getByText("The call has ended.").waitFor();
  await ann.page.getByLabel("Call", { exact: true }).locator("video").first().waitFor({ state: "detached" });
  // Both have it in the conversation, also after the page is loaded again.
  await ann.row(/Call with Bob, \d:\d\d/).waitFor();
  await bob.page.reload();
  await bob.row(/Call with Ann, \d:\d\d/).waitFor();
  faultless();
});

test("users see each other in a call on a server below a path", async () => {
  const [ann, bob] = await pair({ base: "/intranet" });
  await ring(ann, "Bob", "Video call");
  await bob.page.getByRole("button", { name: "Accept" }).click();
  for (const [{ page }, other] of [[ann, "Bob"], [bob, "Ann"]]) {
    await page.waitForFunction((other) => document.querySelector(`video[aria-label="${other}"]`)?.videoWidth > 0, other);
  }
  await bob.page.getByRole("button", { name: "Hang up" }).click();
  await ann.page.getByText("The call has ended.").waitFor();
  faultless();
});

test("a declined call is reported to the caller, and a cancelled one as missed", async () => {
  const [ann, bob] = await pair();
  await ring(ann, "Bob", "Voice call");
  await bob.page.getByRole("button", { name: "Decline" }).click();
  await ann.page.getByText("The call was declined.").waitFor();
  await ring(ann, "Bob", "Voice call");
  await bob.page.getByRole("alertdialog", { name: "Ann is calling" }).waitFor();
  await ann.page.getByRole("button", { name: "Hang up" }).click();
  await bob.page.getByText("You missed a call from Ann.").waitFor();
  const missed = bob.page.locator(".notice", { hasText: "Missed call from Ann" });
  await missed.locator("time").waitFor();
  await ann.page.locator(".notice", { hasText: "Call to Bob: declined" }).waitFor();
  await ann.page.locator(".notice", { hasText: "Call to Bob: not answered" }).waitFor();
  // The line stays, between the messages that were around it, and calls back.
  await bob.say("sorry, I was out");
  await bob.sent("sorry, I was out");
  await bob.page.reload();
  await missed.waitFor();
  const rows = await bob.page.locator(".message-row").allInnerTexts();
  assert.ok(rows.findIndex((text) => text.includes("Missed call")) < rows.findIndex((text) => text.includes("sorry")), JSON.stringify(rows));
  await bob.page.getByRole("button", { name: "Call", exact: true }).waitFor();
  await look(bob.page, "missed-call-1280");
  await missed.getByRole("button", { name: "Call back" }).click();
  await ann.page.getByRole("alertdialog", { name: "Bob is calling" }).waitFor();
  await bob.page.getByRole("button", { name: "Hang up" }).click();
  faultless();
});

test("an incoming call is announced, takes the focus from nobody who writes, and is accepted with the keyboard", async () => {
  const [ann, bob] = await pair();
  const focused = () => bob.page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
  await bob.page.locator("textarea").fill("half a sent");
  await ring(ann, "Bob", "Voice call");
  await bob.page.locator("[aria-live=polite]", { hasText: "Ann is calling. Alt C goes to the call." }).waitFor({ state: "attached" });
  await bob.page.waitForFunction(() => document.title.startsWith("📞"));
  assert.equal(await focused(), "Message to den");
  await bob.page.keyboard.press("Alt+c");
  assert.equal(await focused(), "Ann is calling");
  await look(bob.page, "ringing-1280");
  await bob.page.keyboard.press("Tab");
  await bob.page.keyboard.press("Tab");
  assert.equal(await focused(), "Accept");
  await bob.page.keyboard.press("Enter");
  await bob.page.locator('.tile[data-status="connected"]', { hasText: "Ann" }).waitFor();
  await eventually(focused, (found) => assert.equal(found, "Call"));
  await ann.page.getByRole("button", { name: "Hang up" }).click();
  await eventually(focused, (found) => assert.equal(found, "Message to den"));
  // Who writes nothing has the call at once; of a room that is set to nothing, it is only shown.
  await bob.page.locator("textarea").fill("");
  await ring(ann, "Bob", "Voice call");
  await eventually(focused, (found) => assert.equal(found, "Ann is calling"));
  await bob.page.getByRole("button", { name: "Decline" }).click();
  await bob.page.getByRole("button", { name: "about this room" }).click();
  await bob.page.getByLabel("Notify me of").selectOption({ label: "nothing" });
  await bob.page.keyboard.press("Escape");
  await bob.page.locator("textarea").focus();
  await ring(ann, "Bob", "Voice call");
  await bob.page.getByRole("alertdialog", { name: "Ann is calling" }).waitFor();
  assert.equal(await focused(), "Message to den");
  assert.equal((await bob.page.title()).startsWith("📞"), false);
  faultless();
});

test("where a browser gives no microphone, the page says why there are no calls", async () => {
  const { http } = await server();
  const ann = await person();
  await ann.page.addInitScript(() => {
    Object.defineProperty(navigator, "mediaDevices", { value: undefined });
    Object.defineProperty(window, "isSecureContext", { value: false });
  });
  await ann.enter(`${http}/chat/den`, "Ann");
  await ann.page.getByRole("button", { name: /^Calls need HTTPS/ }).click();
  await ann.page.locator(".banner", { hasText: "Calls need HTTPS" }).waitFor();
  faultless();
});
