// The page of admins: who may see it, what it shows and does, with a keyboard, at two widths and in two colours.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures, RATE } from "./harness/fixtures.mjs";
import { look } from "./harness/look.mjs";

const { server, person, client, faultless } = fixtures();

async function adminToken(host, user = "root") {
  return (await host.command("token", "--user", user, "--admin", "--for", "1h")).trim();
}

async function signIn({ page }, host, token, section = "") {
  await page.goto(`${host.http}/admin${section}`);
  await page.getByLabel("Token of an admin").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Sections" }).waitFor();
}

const row = (page, text) => page.getByRole("row").filter({ hasText: text });
const go = (page, section) => page.getByRole("link", { name: section, exact: true }).click();
const said = (page, text) => page.locator(".said", { hasText: text }).waitFor();

test("the page is for admins alone, and keeps their token for one tab", async () => {
  const host = await server(...RATE);
  const stranger = await person();
  await stranger.page.goto(`${host.http}/admin`);
  await stranger.page.getByRole("heading", { name: "Administration" }).waitFor();
  assert.equal(await stranger.page.getByRole("navigation").count(), 0);
  await stranger.page.getByLabel("Token of an admin").fill((await host.command("token", "--user", "ann")).trim());
  await stranger.page.keyboard.press("Enter");
  await stranger.page.getByText("The token is ann's, who is no admin of this server.").waitFor();
  await stranger.page.getByLabel("Token of an admin").fill((await host.command("token", "--user", "cem", "--admin", "--room", "den")).trim());
  await stranger.page.keyboard.press("Enter");
  await stranger.page.getByText("The token is for some rooms alone").waitFor();
  await stranger.page.getByLabel("Token of an admin").fill("nonsense");
  await stranger.page.keyboard.press("Enter");
  await stranger.page.locator(".problem", { hasText: "token" }).waitFor();
  await look(stranger.page, "admin-sign-in-1280-light");
  const { page } = await person();
  await signIn({ page }, host, await adminToken(host));
  await page.reload();
  await page.getByRole("navigation", { name: "Sections" }).waitFor();
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token of an admin").waitFor();
  assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), []);
  faultless();
});

test("who is connected is seen, put out and banned, and the audit has it", async () => {
  const host = await server(...RATE, "--address-exempt", "127.0.0.1");
  const bob = client(host, "Bob");
  await bob.client.join("den");
  const admin = await person({ colorScheme: "dark" });
  admin.expected = /Failed to load resource: .*400/; // a ban of what is no address
  const { page } = admin;
  await signIn({ page }, host, await adminToken(host), "#connections");
  await row(page, "Bob").waitFor();
  assert.match(await row(page, "Bob").innerText(), /guest[\s\S]*127\.0\.0\.1[\s\S]*websocket-json[\s\S]*den/);
  await page.getByLabel("User").fill("nobody");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.getByText("Nobody is connected that fits.").waitFor();
  await page.getByLabel("User").fill("");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await row(page, "Bob").getByRole("button", { name: /^End/ }).click();
  await page.getByRole("dialog", { name: "End this connection?" }).waitFor();
  await look(page, "admin-end-1280-dark");
  await page.getByRole("button", { name: "End", exact: true }).click();
  await said(page, "of Bob is ended");
  await bob.until(({ phase, reason }) => phase === "closed" && reason === "an admin of the server has ended this connection");
  const again = client(host, "Bob");
  await again.client.join("den");
  await page.getByRole("button", { name: "Refresh" }).click();
  await row(page, "Bob").getByRole("button", { name: /^Ban/ }).click();
  await page.getByRole("heading", { name: "Bans" }).waitFor();
  assert.equal(await page.getByLabel("Who", { exact: true }).inputValue(), "Bob");
  await page.getByLabel("For how long").selectOption("a day");
  await page.getByLabel(/^Why/).fill("spam");
  await page.getByRole("button", { name: "Ban", exact: true }).click();
  await said(page, "Bob is banned.");
  await again.until(({ phase, code }) => phase === "closed" && code === 4403);
  await row(page, "spam").waitFor();
  await row(page, "spam").getByRole("button", { name: /^Lift/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Lift", exact: true }).click();
  await page.getByText("Nobody is banned.").waitFor();
  await page.getByLabel("Who", { exact: true }).fill("no address");
  await page.getByLabel("What").selectOption("an address or a network");
  await page.getByRole("button", { name: "Ban", exact: true }).click();
  await page.locator(".problem", { hasText: "no network" }).waitFor();
  await go(page, "Audit");
  await row(page, "lifted a ban").waitFor();
  for (const done of ["ended a connection", "banned"]) await row(page, done).first().waitFor();
  faultless();
});

test("rooms are created, handed over, kept and ended, each after a question, and something is said to all", async () => {
  const host = await server(...RATE);
  const ann = await (await person()).enter(host.http, "Ann");
  const { page } = await person({ viewport: { width: 390, height: 844 }, hasTouch: true });
  await signIn({ page }, host, await adminToken(host), "#rooms");
  await page.getByLabel("Name").fill("plans");
  await page.getByLabel(/^Owner/).fill("nobody");
  await page.getByRole("button", { name: "Create" }).click();
  await page.locator(".problem", { hasText: "There is no registered user nobody" }).waitFor();
  await page.getByLabel(/^Owner/).fill("");
  await page.getByRole("checkbox", { name: /Private/ }).check();
  await page.getByRole("button", { name: "Create" }).click();
  await said(page, "plans is created.");
  await look(page, "admin-rooms-390-light");
  await row(page, "plans").getByRole("button", { name: /^Hand over/ }).click();
  await page.getByLabel("Registered user that it is to belong to").fill("Ann");
  await page.getByRole("dialog").getByRole("button", { name: "Hand over" }).click();
  await said(page, "plans belongs to Ann now.");
  await row(page, "plans").getByRole("button", { name: /^Keep/ }).click();
  await page.getByLabel("Days").fill("7");
  await page.getByLabel("Messages", { exact: true }).fill("100");
  await page.getByRole("dialog").getByRole("button", { name: "Keep" }).click();
  await said(page, "How much of plans is kept is changed.");
  await row(page, "plans").getByRole("button", { name: /^Keep/ }).click();
  assert.deepEqual([await page.getByLabel("Days").inputValue(), await page.getByLabel("Messages", { exact: true }).inputValue()], ["7", "100"]);
  await page.keyboard.press("Escape");
  await row(page, "plans").getByRole("button", { name: /^Hooks/ }).click();
  await page.getByRole("dialog").getByText("No hook.").waitFor();
  await look(page, "admin-hooks-390-light");
  await page.keyboard.press("Escape");
  await row(page, "plans").getByRole("button", { name: /^End/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await row(page, "plans").getByRole("button", { name: /^End/ }).click();
  await page.getByRole("button", { name: "End the room" }).click();
  await said(page, "plans has ended.");
  await row(page, "plans").waitFor({ state: "detached" });
  await go(page, "Announce");
  await page.getByLabel(/^What is said/).fill("Maintenance at noon");
  await page.getByRole("button", { name: "Announce" }).click();
  await said(page, "It is said to everybody");
  await ann.page.getByText("root announces to all: Maintenance at noon").waitFor();
  await look(ann.page, "announcement-1280-light");
  await ann.page.getByRole("button", { name: "Open or create a room" }).click();
  await ann.page.getByLabel("Room name").fill("garden");
  await ann.page.keyboard.press("Enter");
  await ann.page.getByRole("heading", { name: "garden" }).waitFor();
  await ann.page.getByText("root announces to all: Maintenance at noon").waitFor();
  await ann.page.getByRole("button", { name: "Dismiss the announcement" }).click();
  await ann.page.getByText("root announces to all").waitFor({ state: "detached" });
  faultless();
});

test("a person is erased after it was said how much there is, and a name is given back", async () => {
  const host = await server(...RATE);
  const ann = await (await person()).enter(host.http, "Ann");
  const bob = await (await person()).enter(host.http, "Bob");
  await ann.say("a secret");
  await ann.sent("a secret");
  await bob.row("a secret").waitFor();
  const { page } = await person({ viewport: { width: 390, height: 844 }, hasTouch: true, colorScheme: "dark" });
  await signIn({ page }, host, await adminToken(host), "#accounts");
  await page.getByLabel("Name, registered or not").fill("nobody");
  await page.getByRole("button", { name: "See how much there is" }).click();
  await page.locator(".problem", { hasText: "There is nothing of nobody" }).waitFor();
  await look(page, "admin-accounts-390-dark");
  await row(page, "Ann").getByRole("button", { name: /^Erase/ }).click();
  await page.getByRole("dialog", { name: "Erase Ann?" }).getByText("1 in 1 room or conversation").waitFor();
  await look(page, "admin-erase-390-dark");
  await page.getByRole("button", { name: "Erase", exact: true }).click();
  await said(page, "Ann is erased: 1 messages are deleted.");
  await row(page, "Ann").waitFor({ state: "detached" });
  await bob.page.getByText(/deleted/).first().waitFor();
  await eventually(() => bob.texts(), (texts) => assert.ok(!texts.includes("a secret")));
  await row(page, "Bob").getByRole("button", { name: /^Give back/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Give back" }).click();
  await said(page, "The name Bob is free.");
  await row(page, "Bob").waitFor({ state: "detached" });
  await go(page, "Audit");
  await row(page, "erased a person").waitFor();
  assert.ok(!(await page.locator("main").innerText()).includes("secret"));
  faultless();
});

test("another key signs, and the one before is revoked with the tokens that it has signed", async () => {
  const host = await server(...RATE);
  const ann = await (await person()).enter(host.http, "Ann");
  const { page } = await person({ viewport: { width: 390, height: 844 }, hasTouch: true });
  await signIn({ page }, host, await adminToken(host), "#keys");
  const first = await page.getByRole("rowheader").innerText();
  assert.equal(await page.getByRole("button", { name: /^Revoke/ }).count(), 0);
  await page.getByRole("button", { name: "Make another key…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Make", exact: true }).click();
  await said(page, "signs from now on");
  const token = await adminToken(host); // what the first key has signed ends with it
  await page.evaluate((token) => sessionStorage.setItem(Object.keys(sessionStorage)[0], token), token);
  await page.reload();
  await row(page, first).getByRole("button", { name: /^Revoke/ }).click();
  await look(page, "admin-revoke-390-light");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke", exact: true }).click();
  await said(page, `${first} is revoked.`);
  await row(page, first).waitFor({ state: "detached" });
  await ann.page.getByText(/signed out/).first().waitFor();
  await go(page, "Audit");
  for (const done of ["made another key", "revoked a key"]) await row(page, done).waitFor();
  faultless();
});

test("what happens is live, and every section can be seen at two widths and reached with a keyboard", async () => {
  const host = await server(...RATE);
  const bob = client(host, "Bob");
  await bob.client.join("den");
  const token = await adminToken(host);
  const { page } = await person({ colorScheme: "light" });
  await signIn({ page }, host, token);
  await page.getByText("Each is accounted for.").waitFor();
  const written = () => page.locator(".card", { hasText: "Rooms" }).getByText("Messages since the start").locator("xpath=following-sibling::dd").innerText();
  const before = await eventually(written, (text) => (assert.match(text, /^\d+$/), Number(text)));
  await bob.client.publish("den", "hello");
  await eventually(written, (text) => assert.equal(Number(text), before + 1));
  await look(page, "admin-overview-1280-light");
  // Enough that each section has something to show, also what is as long as it may be.
  for (const [user, room] of [["Ann", "den"], ["Zoë-whose-name-has-32-characters", "prices.of.something-that-is-called-so-that-it-has-64-characters-"], ["Cem", "prices.acme"]]) {
    const someone = client(host, user);
    await someone.client.join(room);
    await someone.client.publish(room, "hello");
  }
  const ask = async (path, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(`${host.http}/api/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
  };
  await ask("admin/keys", {});
  await ask("admin/rooms", { room: "board", private: true });
  await ask("webhooks", { url: "https://receiver.example/a/path/that/is/rather/long?and=more", events: ["message"] });
  await ask("admin/bans", { address: "2001:db8:1234:5678::/64", note: "spam from many addresses of this network, over and over" });
  await ask("admin/bans", { user: "Mallory", for_s: 3600 });
  await ask("admin/announcements", { text: "At noon the server is restarted, which takes a minute" });
  await page.getByRole("link", { name: "Rooms", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Rooms", exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
  for (const width of [390, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme });
      for (const section of ["Overview", "Connections", "Rooms", "Accounts", "Keys", "Bans", "Webhooks", "Announce", "Audit"]) {
        await go(page, section);
        await page.getByRole("heading", { name: section, exact: true, level: 1 }).waitFor();
        await page.getByText("Loading…").waitFor({ state: "detached" });
        await look(page, `admin-${section.toLowerCase()}-${width}-${colorScheme}`);
      }
    }
  }
  faultless();
});

test("the page loads nothing but what it is made of, and is not in the copy that browsers keep of the chat", async () => {
  const host = await server(...RATE);
  const admin = await person();
  await signIn(admin, host, await adminToken(host));
  const foreign = admin.requests.filter((url) => !url.startsWith(host.http));
  assert.deepEqual(foreign, []);
  const worker = await (await fetch(`${host.http}/service-worker.js`)).text();
  assert.ok(!worker.includes("admin/app.js") && worker.includes('"app.js"'));
  const answer = await fetch(`${host.http}/admin`);
  assert.match(answer.headers.get("content-security-policy"), /default-src 'none'|default-src 'self'/);
  faultless();
});
