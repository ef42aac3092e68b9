// Calls on the page: ringing, accepting, declining, video and hanging up.

import { test } from "node:test";
import { fixtures } from "./harness/fixtures.mjs";

const { server, person, faultless } = fixtures();

async function pair() {
  const { http } = await server();
  const people = [];
  for (const name of ["Ann", "Bob"]) people.push(await (await person()).enter(`${http}/chat/den`, name));
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
  await bob.page.getByText("Ann is calling").waitFor();
  await bob.page.getByRole("button", { name: "Accept" }).click();
  for (const [{ page }, other] of [[ann, "Bob"], [bob, "Ann"]]) {
    await page.locator('.tile[data-status="connected"]', { hasText: other }).waitFor();
    await page.waitForFunction((other) => document.querySelector(`video[aria-label="${other}"]`).videoWidth > 0, other);
  }
  await bob.page.getByRole("button", { name: "Mute" }).click();
  await ann.page.locator(".tile", { hasText: "Bob · muted" }).waitFor();
  await bob.page.getByRole("button", { name: "Turn the camera off" }).click();
  await ann.page.locator(".tile[data-camera]", { hasText: "Bob" }).waitFor({ state: "detached" });
  await ann.page.getByRole("button", { name: "Hang up" }).click();
  await bob.page.getByText("The call has ended.").waitFor();
  await ann.page.getByLabel("Call", { exact: true }).locator("video").first().waitFor({ state: "detached" });
  faultless();
});

test("a declined call is reported to the caller, and a cancelled one as missed", async () => {
  const [ann, bob] = await pair();
  await ring(ann, "Bob", "Voice call");
  await bob.page.getByRole("button", { name: "Decline" }).click();
  await ann.page.getByText("The call was declined.").waitFor();
  await ring(ann, "Bob", "Voice call");
  await bob.page.getByText("Ann is calling").waitFor();
  await ann.page.getByRole("button", { name: "Hang up" }).click();
  await bob.page.getByText("You missed a call from Ann.").waitFor();
  faultless();
});
