// Encrypted conversations on the page: links and passphrases as keys, key changes, and safety numbers.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";
import { look } from "./harness/look.mjs";

const { server, relay, person, faultless } = fixtures();

// A test that withholds a file: a service worker would have its copy.
const ROUTED = { serviceWorkers: "block" };

const openKeys = ({ page }) => page.getByRole("button", { name: /encrypt this conversation|keys and safety numbers|does not have the key/ }).click();
const close = ({ page }) => page.keyboard.press("Escape");

// Changes the key of a room; returns the link with the new one.
async function changeKey({ page }) {
  const isSure = await page.getByText(/was removed but still has the key/).isVisible(); // then it does not ask
  await page.getByRole("button", { name: "Change the key" }).click();
  if (!isSure) await page.getByRole("button", { name: "Yes, change the key" }).click();
  return page.locator(".new-link code", { hasText: "#key=2." }).innerText();
}

// Encrypts a room; returns the link with its key.
async function secretRoom(ann, url) {
  await ann.enter(url, "Ann");
  await openKeys(ann);
  await ann.page.getByRole("button", { name: "Encrypt with a new link" }).click();
  const link = await ann.page.locator(".new-link code").innerText();
  await close(ann);
  return link;
}

test("only users with the link can read the messages, and the server's file does not contain them", async () => {
  const host = await server();
  const url = `${host.http}/chat/plans`;
  const ann = await person();
  const link = await secretRoom(ann, url);
  assert.match(link, /\/chat\/plans#key=1\./);
  await ann.say("the geese fly at midnight");
  await ann.sent("the geese fly");
  const bob = await (await person()).enter(link, "Bob");
  assert.equal(new URL(bob.page.url()).hash, "", "the key does not stay in the address");
  await bob.row("the geese fly at midnight").getByLabel(/^Encrypted/).waitFor();
  await bob.say("and land at one");
  await ann.row("and land at one").waitFor();
  const eve = await (await person()).enter(url, "Eve");
  await eve.row("This device does not have the key to this message").first().waitFor();
  assert.equal(await eve.page.getByText(/geese fly at|land at one/).count(), 0);
  // Eve sees that it is encrypted; what she writes is sent only when she says that it may be read.
  await eve.page.getByRole("button", { name: "Encrypted, but this device does not have the key" }).waitFor();
  await eve.say("what are you talking about?");
  await eve.page.getByRole("alert").getByText("Nothing was sent").waitFor();
  await eve.page.getByRole("button", { name: "Send this unencrypted" }).click();
  await ann.row("what are you talking about?").getByLabel("Not encrypted").waitFor();
  await eve.row("what are you talking about?").getByLabel("Not encrypted").waitFor();
  await eve.say("and again?");
  await eve.page.getByRole("alert").getByText("Nothing was sent").waitFor();
  assert.equal(await eve.page.locator("textarea").inputValue(), "and again?");
  assert.equal(await ann.row("and again?").count(), 0);
  // An edit is encrypted as well, and a reload keeps the key.
  await ann.row("the geese fly at midnight").hover();
  await ann.page.getByRole("button", { name: "Edit", exact: true }).click();
  await ann.say("the geese fly at noon");
  await bob.row("the geese fly at noon").getByText("edited").waitFor();
  await bob.page.reload();
  await bob.row("the geese fly at noon").waitFor();
  await bob.row("and land at one").waitFor();
  await host.stop();
  for (const name of [host.data, `${host.data}-wal`]) {
    const bytes = await readFile(name).catch(() => Buffer.alloc(0));
    assert.ok(!bytes.includes("geese") && !bytes.includes("land at one"), name);
  }
  faultless();
});

test("encrypted messages can be searched, and the page suggests a key change after a removal", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(http, "Ann");
  await ann.page.getByRole("button", { name: "Open or create a room" }).click();
  await ann.page.getByLabel("Room name").fill("plans");
  await ann.page.getByRole("button", { name: "Create", exact: true }).click();
  await ann.page.getByRole("heading", { name: "plans" }).waitFor();
  await openKeys(ann);
  await ann.page.getByRole("button", { name: "Encrypt with a new link" }).click();
  const link = await ann.page.locator(".new-link code").innerText();
  await close(ann);
  const bob = await (await person()).enter(link, "Bob");
  await bob.say("the geese fly at midnight");
  await ann.row("the geese fly").waitFor();
  await ann.page.getByRole("button", { name: "Search messages" }).click();
  await ann.page.getByRole("searchbox").fill("geese");
  await ann.page.getByText("1 message").waitFor();
  await ann.page.getByRole("button", { name: "about this room" }).click();
  await ann.page.getByLabel("Menu for Bob").click();
  await ann.page.getByRole("dialog").locator(".room-members li", { hasText: "Bob" }).getByRole("button", { name: "Kick" }).click();
  await ann.page.getByRole("dialog").getByText(/Bob was removed but still has the key/).waitFor();
  assert.match(await changeKey(ann), /#key=2\./);
  await close(ann);
  await ann.say("the geese stay");
  await ann.sent("the geese stay");
  await bob.page.goto(`${http}/chat/plans`);
  await bob.row("This device does not have the key to this message").waitFor();
  assert.equal(await bob.page.getByText("geese stay").count(), 0);
  faultless();
});

test("two users see the same safety number, and a verified device is marked", async () => {
  const { http } = await server();
  const ann = await person();
  const link = await secretRoom(ann, `${http}/chat/plans`);
  const bob = await (await person()).enter(link, "Bob");
  await bob.say("it is me");
  await ann.row("it is me").getByLabel("Encrypted").waitFor();
  await ann.say("and me");
  await bob.row("and me").waitFor();
  const number = async (one) => {
    await openKeys(one);
    const shown = one.page.locator(".number").first();
    await eventually(() => shown.innerText(), (text) => assert.equal(text.replace(/\D/g, "").length, 60));
    return (await shown.innerText()).replace(/\D/g, "");
  };
  assert.equal(await number(ann), await number(bob));
  await ann.page.getByRole("button", { name: "The numbers match" }).click();
  await ann.page.getByRole("button", { name: "Remove verification" }).waitFor();
  await close(ann);
  await close(bob);
  await bob.say("once more");
  await ann.row("once more").getByLabel("Encrypted, from a verified device").waitFor();
  faultless();
});

test("a new key reaches the present members, and a passphrase works as a key", async () => {
  const { http } = await server();
  const [ann, bob] = [await person(), await person()];
  for (const [one, name] of [[ann, "Ann"], [bob, "Bob"]]) {
    await one.enter(`${http}/chat/words`, name);
    await openKeys(one);
    const field = one.page.getByLabel(/passphrase of at least 8/);
    await field.fill("short");
    await field.press("Enter");
    await eventually(() => one.page.locator("dialog .problem").innerText(), (text) => assert.notEqual(text, ""));
    await field.fill("correct horse battery");
    await field.press("Enter");
    await one.page.getByText("are end-to-end encrypted").waitFor();
    await close(one);
  }
  await bob.say("under the first key");
  await ann.row("under the first key").waitFor();
  await ann.row("Bob can now read encrypted messages here").waitFor();
  await openKeys(ann);
  assert.match(await changeKey(ann), /#key=2\./);
  await close(ann);
  await bob.row("Ann changed the key").waitFor();
  await ann.say("under the second");
  await bob.row("under the second").waitFor();
  await bob.say("so am I");
  await ann.row("so am I").waitFor();
  faultless();
});

test("a user without a key can neither send nor react unasked, and one with a key that nothing was encrypted with is told so", async () => {
  const { http } = await server();
  const ann = await person();
  const link = await secretRoom(ann, `${http}/chat/words`);
  await ann.say("the geese fly at midnight");
  await ann.sent("the geese fly");
  const bob = await (await person()).enter(`${http}/chat/words`, "Bob");
  const give = async (key) => {
    await bob.page.getByLabel(/passphrase of at least 8/).fill(key);
    await bob.page.getByRole("button", { name: "Use", exact: true }).click();
  };
  await bob.page.getByText("it can neither read nor write them").waitFor();
  // What was not decrypted was received, and not read.
  const tick = ann.row("the geese fly").locator(".tick");
  await eventually(() => tick.getAttribute("aria-label"), (label) => assert.match(label, /^Received by Bob/));
  await bob.page.getByRole("button", { name: "Enter the key" }).click();
  // Messages that arrive do not clear the input.
  const field = bob.page.getByLabel(/passphrase of at least 8/);
  await field.fill("half a wrong pass");
  await ann.say("and land at one");
  await bob.conversation("words").getByText("Ann: Encrypted message").waitFor();
  await eventually(() => bob.page.locator(".message-row.message").count(), (count) => assert.equal(count, 3));
  assert.equal(await field.inputValue(), "half a wrong pass");
  await give("a wrong passphrase");
  await bob.page.getByRole("status").getByText("No message here was encrypted with it so far").waitFor();
  assert.equal(await bob.page.locator("dialog .problem").innerText(), "");
  await bob.page.getByRole("button", { name: "Forget the key…" }).click();
  await bob.page.getByRole("button", { name: "Yes, forget the key" }).click();
  await give(link);
  await bob.row("the geese fly at midnight").waitFor();
  await eventually(() => tick.getAttribute("aria-label"), (label) => assert.match(label, /^Read by Bob/));
  await close(bob);
  await bob.page.locator(".missing-key").waitFor({ state: "detached" });
  await bob.say("I can read it");
  await ann.row("I can read it").getByLabel(/^Encrypted/).waitFor();
  faultless();
});

test("the first message of a device that has seen nothing of an encrypted room is not sent in the clear", async () => {
  const host = await server();
  const wire = await relay(host);
  const ann = await person();
  await secretRoom(ann, `${host.http}/chat/words`);
  await ann.say("the geese fly at midnight");
  await ann.sent("the geese fly");
  const bob = await (await person()).enter(`${wire.http}/chat/other`, "Bob");
  await bob.page.getByRole("heading", { name: "other" }).waitFor();
  await bob.page.getByRole("button", { name: "Call", exact: true }).waitFor(); // all of the page is loaded
  wire.cut();
  await bob.page.getByText("Trying again").waitFor();
  await bob.page.evaluate(() => (history.pushState(null, "", "/chat/words"), dispatchEvent(new PopStateEvent("popstate"))));
  await bob.page.getByRole("heading", { name: "words" }).waitFor();
  await bob.say("written blindly");
  await bob.row("written blindly").waitFor();
  wire.restore();
  await bob.page.locator(".failed", { hasText: "Not sent: The conversation is encrypted, and this device does not have its key." }).waitFor();
  assert.equal(await ann.row("written blindly").count(), 0);
});

test("a room is created encrypted, and one link both invites and carries the key, which the server never sees", async () => {
  const { http } = await server();
  const ann = await (await person({ colorScheme: "light" })).enter(http, "Ann");
  const { page } = ann;
  const sent = [];
  page.on("request", (request) => sent.push(request.url(), request.postData() ?? ""));
  await page.getByRole("button", { name: "Open or create a room" }).click();
  await page.getByLabel("Room name").fill("two words");
  await page.getByRole("alert").getByText("without spaces").waitFor();
  await page.getByLabel("Room name").fill("plans");
  await page.getByRole("checkbox", { name: /Private/ }).check();
  await page.getByRole("checkbox", { name: /Encrypted/ }).check();
  await look(page, "create-room-1280-light");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const shown = page.getByRole("group", { name: "The link with the key" });
  await shown.waitFor();
  await page.waitForFunction(() => document.activeElement.getAttribute("aria-label") === "The link with the key" || document.activeElement.closest("dialog"));
  // Esc does not lose it.
  const link = await shown.locator("code").innerText();
  const secret = link.slice(link.indexOf("#key=") + 7);
  await close(ann);
  await openKeys(ann);
  assert.equal(await shown.locator("code").innerText(), link);
  await look(page, "encryption-1280-light");
  await page.getByRole("button", { name: "Invite people with it" }).click();
  await page.getByRole("dialog", { name: "Invite people to plans" }).getByRole("button", { name: "Create an invitation" }).click();
  const invitation = await page.locator(".new-link code").innerText();
  assert.match(invitation, /\/chat\/plans#invite=[0-9a-f]{32}&key=1\./);
  await look(page, "invite-1280-light");
  await close(ann);
  await ann.say("the geese fly at midnight");
  await ann.sent("the geese fly");
  const gus = await person({ viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  gus.page.on("request", (request) => sent.push(request.url(), request.postData() ?? ""));
  await gus.page.goto(invitation);
  await gus.page.getByText("Ann invited you to plans.").waitFor();
  await gus.page.getByLabel("Your name").fill("Gus");
  await gus.page.getByRole("button", { name: "Enter" }).click();
  await gus.row("the geese fly at midnight").waitFor();
  assert.equal(new URL(gus.page.url()).hash, "");
  await gus.say("so they do");
  await ann.row("so they do").getByLabel(/^Encrypted/).waitFor();
  assert.deepEqual(sent.filter((text) => text.includes(secret)), []);
  // Loaded again, the page cannot show the key: the link that was kept puts it into new invitations.
  await page.reload();
  await ann.row("so they do").waitFor();
  await page.getByRole("button", { name: "Invite people…" }).click();
  await page.getByLabel(/paste the link with the key that you kept/).fill(link);
  await page.getByRole("button", { name: "Add the key" }).click();
  await page.getByText("The links here carry the key").waitFor();
  await page.getByLabel("Or invite by name").fill("Gus");
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  await page.getByRole("status").getByText(/Gus is invited.*The key does not come with it/).waitFor();
  faultless();
});

test("what could not be decrypted without a connection is decrypted after a reconnect", async () => {
  const host = await server();
  const wire = await relay(host);
  const ann = await person(ROUTED);
  await secretRoom(ann, `${wire.http}/chat/words`);
  await ann.say("the geese fly at midnight");
  await ann.sent("the geese fly");
  await ann.row("the geese fly").hover();
  await ann.page.getByRole("button", { name: "React with 🎉" }).click();
  await ann.row("the geese fly").locator(".reactions", { hasText: "🎉 1" }).waitFor();
  // The connection is lost after the message arrived, and before the module that decrypts it.
  await ann.page.route("**/assets/e2ee.js*", (route) => route.abort());
  await ann.page.reload();
  await ann.row("Decrypting…").first().waitFor();
  wire.cut();
  await ann.page.getByText("Trying again").waitFor();
  await ann.page.unroute("**/assets/e2ee.js*");
  wire.restore();
  await ann.row("the geese fly at midnight").waitFor();
  await ann.row("Ann can now read encrypted messages here").waitFor();
  await ann.row("the geese fly").locator(".reactions", { hasText: "🎉 1" }).waitFor();
  ann.faults.splice(0); // the aborted requests
});

test("what is written before the cryptography can be loaded is encrypted and sent with the next connection", async () => {
  const host = await server();
  const wire = await relay(host);
  const ann = await person(ROUTED);
  const link = await secretRoom(ann, `${wire.http}/chat/plans`);
  const bob = await (await person()).enter(link, "Bob");
  await ann.page.route("**/assets/e2ee.js*", (route) => route.abort());
  await ann.page.reload();
  await ann.say("the geese fly at midnight");
  await ann.row("the geese fly at midnight").waitFor();
  wire.cut();
  await ann.page.unroute("**/assets/e2ee.js*");
  wire.restore();
  await bob.row("the geese fly at midnight").getByLabel(/^Encrypted/).waitFor();
  ann.faults.splice(0); // the aborted requests
});
