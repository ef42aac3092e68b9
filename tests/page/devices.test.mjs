// A second device, and invitations: by a link that is opened in another browser, and to a user who is away.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures, RATE } from "./harness/fixtures.mjs";
import { look } from "./harness/look.mjs";

const { server, person, faultless } = fixtures();
const settings = ({ page }) => page.getByRole("button", { name: /your settings/ }).click();
const devices = async (who) => {
  await settings(who);
  await who.page.getByRole("button", { name: "Use on another device…" }).click();
  await who.page.getByRole("dialog", { name: "Your devices" }).waitFor();
};

async function privateRoom({ page }, name) {
  await page.getByRole("button", { name: "Open or create a room" }).click();
  await page.getByLabel("Room name").fill(name);
  await page.getByRole("checkbox", { name: /Private/ }).setChecked(true);
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name }).waitFor();
}

test("a link signs in another device once, which has what the first has, and can be signed out", async () => {
  const { http } = await server(...RATE);
  const ann = await (await person({ viewport: { width: 1280, height: 800 }, colorScheme: "light" })).enter(http, "Ann");
  await privateRoom(ann, "plans");
  await ann.say("the first plan");
  await ann.sent("the first plan");
  await devices(ann);
  await ann.page.getByText("This device, since").waitFor();
  await ann.page.getByRole("button", { name: "Create a sign-in link" }).click();
  await ann.page.getByRole("img", { name: "QR code of the link" }).waitFor();
  await look(ann.page, "devices-1280-light");
  const link = await ann.page.locator(".new-link code").innerText();
  assert.match(link, /\/#device=[0-9a-f]{32}$/);
  const phone = await person({ viewport: { width: 390, height: 844 }, hasTouch: true, colorScheme: "dark" });
  await phone.page.goto(link);
  await phone.page.getByRole("heading", { name: "Sign in as Ann?" }).waitFor();
  assert.equal(new URL(phone.page.url()).hash, "");
  await look(phone.page, "device-entry-390-dark");
  await eventually(() => phone.page.getByLabel("Name of this device").inputValue(), (name) => assert.equal(name, "Chromium on Linux"));
  await phone.page.getByLabel("Name of this device").fill("the phone in the kitchen");
  await phone.page.getByRole("button", { name: "Sign in" }).click();
  await phone.page.locator(".me", { hasText: "Online" }).waitFor({ state: "attached" });
  await phone.page.getByRole("button", { name: "Conversations" }).click();
  await phone.conversation("plans").click();
  await phone.row("the first plan").waitFor();
  // The first device follows: the link is gone from it, and the new device is there.
  await ann.page.getByRole("dialog").getByText("Signed in: the phone in the kitchen.").waitFor();
  await ann.page.getByRole("button", { name: "Create a sign-in link" }).waitFor();
  await ann.page.getByText("Connected, since").waitFor();
  // The code is void now, which is told before it is used.
  const other = await person();
  await other.page.goto(link);
  await other.page.getByText("The code is not valid").waitFor();
  assert.equal(await other.page.getByRole("button", { name: "Sign in" }).isDisabled(), true);
  // The phone shows both, and is signed out on the first.
  await phone.page.getByRole("button", { name: "Conversations" }).click();
  await devices(phone);
  await phone.page.getByText("Connected, since").waitFor();
  await look(phone.page, "devices-390-dark");
  await ann.page.keyboard.press("Escape");
  await devices(ann);
  await ann.page.getByRole("button", { name: "Sign out" }).click();
  await ann.page.getByRole("button", { name: "Sign out" }).waitFor({ state: "detached" });
  await phone.page.keyboard.press("Escape");
  await phone.conversation("plans").click();
  await phone.page.getByText("This device was signed out.").waitFor();
  await phone.page.getByRole("button", { name: "Choose a name" }).click();
  await phone.page.getByLabel("Your name").fill("Ann");
  await phone.page.getByRole("button", { name: "Enter" }).click();
  await phone.page.getByText("This name is taken.").waitFor();
  faultless();
});

test("a device's link or code in place of a name signs in, and becomes no name", async () => {
  const { http } = await server(...RATE);
  const ann = await (await person()).enter(http, "Ann");
  await devices(ann);
  for (const given of [(link) => link, (link) => link.slice(-32)]) {
    await ann.page.getByRole("button", { name: "Create a sign-in link" }).click();
    const link = await ann.page.locator(".new-link code").innerText();
    const other = await person();
    await other.page.goto(`${http}/chat/tea`);
    await other.page.getByLabel("Your name").fill(given(link));
    await other.page.keyboard.press("Enter");
    await other.page.getByRole("heading", { name: "Sign in as Ann?" }).waitFor();
    await other.page.getByRole("button", { name: "Sign in" }).click();
    await other.page.getByRole("button", { name: /Ann.*your settings/ }).waitFor();
    assert.equal(await ann.page.locator(".members", { hasText: link.slice(-32) }).count(), 0);
    await ann.page.getByRole("dialog").getByText("Signed in:").waitFor();
  }
  faultless();
});

test("a link that is opened in a tab that is open already is followed there", async () => {
  const { http } = await server(...RATE);
  const ann = await (await person()).enter(http, "Ann");
  await devices(ann);
  await ann.page.getByRole("button", { name: "Create a sign-in link" }).click();
  const link = await ann.page.locator(".new-link code").innerText();
  const bob = await person();
  await bob.page.goto(http);
  await bob.page.getByLabel("Your name").waitFor();
  await bob.page.goto(link);
  await bob.page.getByRole("heading", { name: "Sign in as Ann?" }).waitFor();
  const cleo = await (await person()).enter(http, "Cleo");
  await cleo.page.goto(link);
  await cleo.page.getByRole("heading", { name: "Sign in as Ann?" }).waitFor();
  await cleo.page.getByText("In this browser you are Cleo now.").waitFor();
  await cleo.page.getByRole("link", { name: "Do not sign in" }).click();
  await cleo.page.getByRole("button", { name: /Cleo.*your settings/ }).waitFor();
  faultless();
});

test("a new user reads who invited them, and that a room may be private, before they choose a name", async () => {
  const { http } = await server(...RATE);
  const ann = await (await person()).enter(http, "Ann");
  await privateRoom(ann, "plans");
  const token = await ann.page.evaluate(() => JSON.parse(localStorage.getItem("roomd.me")).token);
  const made = await fetch(`${http}/api/v1/rooms/plans/invitations`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  const { code } = await made.json();
  const gus = await person();
  await gus.page.goto(`${http}/chat/plans#invite=${code}`);
  await gus.page.getByText("Ann invited you to plans.").waitFor();
  await look(gus.page, "invited-entry-1280");
  await gus.page.goto(`${http}/chat/plans/3`);
  await gus.page.getByText("There is no public room plans. If it is a private one, you need an invitation").waitFor();
  await gus.page.goto(`${http}/chat/plans#invite=${"0".repeat(32)}`);
  await gus.page.getByText("The invitation is not valid").waitFor();
  assert.deepEqual(gus.faults.splice(0).filter((fault) => !/40[14]/.test(fault)), []); // what the browser says of the two refusals
  faultless();
});

test("who opens an invitation's link gives a name and is in the private room", async () => {
  const { http } = await server(...RATE);
  const ann = await (await person({ colorScheme: "dark" })).enter(http, "Ann");
  await privateRoom(ann, "plans");
  await ann.say("the secret is blue");
  await ann.sent("the secret is blue");
  await ann.page.getByRole("button", { name: "Invite people…" }).click();
  await ann.page.getByLabel("Admits").selectOption({ label: "one person" });
  await ann.page.getByRole("button", { name: "Create an invitation" }).click();
  await ann.page.getByRole("img", { name: "QR code of the link" }).waitFor();
  await ann.page.getByText("0 of 1 used").waitFor();
  await look(ann.page, "invitation-1280-dark");
  const link = await ann.page.locator(".new-link code").innerText();
  assert.match(link, /\/chat\/plans#invite=[0-9a-f]{32}$/);
  const gus = await person({ viewport: { width: 390, height: 844 }, hasTouch: true, colorScheme: "light" });
  await gus.page.goto(link);
  await gus.page.getByLabel("Your name").fill("Gus");
  assert.equal(new URL(gus.page.url()).hash, "");
  await gus.page.getByRole("button", { name: "Enter" }).click();
  await gus.row("the secret is blue").waitFor();
  await look(gus.page, "invited-390-light");
  await ann.page.keyboard.press("Escape");
  await ann.page.locator(".notice-text", { hasText: "Gus came by an invitation" }).waitFor(); // a screen reader is told, too
  // It is used up: who comes later is told so, and is not in.
  const late = await person();
  await late.page.goto(link);
  await late.page.getByLabel("Your name").fill("Late");
  await late.page.getByRole("button", { name: "Enter" }).click();
  await late.page.getByText("The invitation is not valid").waitFor();
  faultless();
});

test("an invitation waits for a user who is away, and is opened or declined", async () => {
  const { http } = await server(...RATE);
  const bob = await (await person({ viewport: { width: 390, height: 844 }, hasTouch: true })).enter(http, "Bob");
  await bob.page.goto("about:blank");
  const ann = await (await person()).enter(http, "Ann");
  for (const room of ["plans", "club"]) {
    await privateRoom(ann, room);
    await ann.page.getByRole("button", { name: "Invite people", exact: true }).click();
    await ann.page.getByLabel("Or invite by name").fill("Bob");
    await ann.page.keyboard.press("Enter");
    await ann.page.getByRole("status").getByText("Bob is invited").waitFor();
    await ann.page.keyboard.press("Escape");
  }
  await bob.page.goto(http);
  const banner = (room) => bob.page.locator(".banner", { hasText: `Ann invited you to ${room}.` });
  await banner("plans").waitFor();
  await look(bob.page, "invited-banner-390");
  await banner("club").getByRole("button", { name: "Decline" }).click();
  await banner("club").waitFor({ state: "detached" });
  await banner("plans").getByRole("button", { name: "Open" }).click();
  await bob.page.getByRole("heading", { name: "plans" }).waitFor();
  await banner("plans").waitFor({ state: "detached" });
  await bob.say("thank you");
  await bob.sent("thank you");
  await bob.page.reload();
  await bob.row("thank you").waitFor();
  await eventually(() => bob.page.locator(".banner", { hasText: "invited you" }).count(), (count) => assert.equal(count, 0));
  faultless();
});
