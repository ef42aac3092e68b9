// Conversations between users, each in a browser of their own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./harness/client.mjs";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, relay, person, client, faultless } = fixtures();

test("two users chat, and see typing notices, joins, leaves and receipts", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(`${http}/chat/general`, "Ann");
  const bob = await (await person()).enter(`${http}/chat/general`, "Bob");
  await ann.page.locator(".notice", { hasText: "Bob joined" }).waitFor();
  await bob.page.locator(".members").getByText("Ann").waitFor();
  await ann.say("Good morning");
  await bob.row("Good morning").waitFor();
  await ann.page.getByRole("button", { name: "Read by Bob" }).waitFor();
  await bob.page.locator("textarea").pressSequentially("typing");
  await ann.page.getByText("Bob is typing…").waitFor();
  await bob.say("See https://example.org/x, and `code`\nin two lines");
  const said = ann.row("in two lines");
  assert.equal(await said.locator("a").getAttribute("href"), "https://example.org/x");
  assert.equal(await said.locator("code").innerText(), "code");
  await ann.page.getByText("Bob is typing…").waitFor({ state: "detached" });
  await ann.page.getByRole("button", { name: "Read by Bob" }).first().click();
  await ann.page.getByRole("dialog").getByText("read").waitFor();
  await ann.page.keyboard.press("Escape");
  await bob.page.getByRole("button", { name: "Leave general" }).click();
  await bob.page.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
  await ann.page.locator(".notice", { hasText: /Bob left/ }).waitFor();
  faultless();
});

test("a reload keeps the name, the rooms, the messages and the draft", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(`${http}/chat/one`, "Ann");
  await ann.say("kept");
  await ann.sent("kept");
  await ann.page.getByRole("button", { name: "Open or create a room" }).click();
  await ann.page.getByLabel("Room name").fill("two");
  await ann.page.keyboard.press("Enter");
  await ann.page.getByRole("heading", { name: "two" }).waitFor();
  assert.equal(new URL(ann.page.url()).pathname, "/chat/two");
  await ann.page.locator("textarea").fill("half a thought");
  await ann.page.reload();
  await ann.page.getByRole("heading", { name: "two" }).waitFor();
  assert.equal(await ann.page.locator("textarea").inputValue(), "half a thought");
  await ann.conversation("one").click();
  await ann.row("kept").waitFor();
  await ann.page.goBack();
  await ann.page.getByRole("heading", { name: "two" }).waitFor();
  faultless();
});

test("unread messages are counted and marked with a divider until they are read", async () => {
  const host = await server();
  const { http } = host;
  const bob = client(host, "Bob");
  await bob.client.join("quiet");
  await bob.client.publish("quiet", "before");
  const ann = await (await person()).enter(`${http}/chat/quiet`, "Ann");
  await ann.row("before").waitFor();
  // Two messages are sent while Ann is away, and one when she is back.
  await ann.page.goto("about:blank");
  await bob.until(({ type, user }) => type === "leave" && user === "Ann");
  bob.forget();
  for (const text of ["one", "two"]) await bob.client.publish("quiet", text);
  await ann.page.goto(`${http}/chat/busy`);
  await bob.until(({ type, user }) => type === "join" && user === "Ann");
  await bob.client.publish("quiet", "three");
  const unread = ann.conversation("quiet").locator(".count");
  await eventually(() => unread.innerText(), (text) => assert.match(text, /^3/));
  assert.match(await ann.conversation("quiet").innerText(), /Bob: three/);
  assert.match(await ann.page.title(), /^\(3\)/);
  await ann.conversation("quiet").click();
  const divided = ann.page.locator(".message-row", { has: ann.page.locator(".divider") });
  await eventually(() => divided.innerText(), (text) => assert.match(text, /one/));
  // A notice between them does not repeat the divider.
  await client(host, "Cleo").client.join("quiet");
  await ann.page.locator(".notice", { hasText: "Cleo joined" }).waitFor();
  await bob.client.publish("quiet", "four");
  await ann.row("four").waitFor();
  assert.equal(await divided.count(), 1);
  await unread.waitFor({ state: "detached" });
  await ann.page.reload();
  await ann.row("three").waitFor();
  assert.equal(await unread.count(), 0);
  faultless();
});

test("edits and deletions are shown at once and after a reload", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(`${http}/chat/general`, "Ann");
  const bob = await (await person()).enter(`${http}/chat/general`, "Bob");
  await ann.say("a mistke");
  await ann.say("to be deleted");
  await bob.row("to be deleted").waitFor();
  await ann.page.getByRole("button", { name: /Read by|Received by|Delivered/ }).last().waitFor();
  const field = ann.page.locator("textarea");
  await field.press("ArrowUp");
  await eventually(() => field.inputValue(), (value) => assert.equal(value, "to be deleted"));
  await field.press("Escape");
  await ann.row("a mistke").hover();
  await ann.page.getByRole("button", { name: "Edit", exact: true }).click();
  await ann.say("a mistake");
  await bob.row("a mistake").getByText("edited").waitFor();
  await ann.row("to be deleted").hover();
  await ann.page.getByRole("button", { name: "Delete", exact: true }).click();
  await ann.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await bob.row("Message deleted").waitFor();
  await bob.page.reload();
  await bob.row("a mistake").waitFor();
  assert.deepEqual(await bob.texts(), ["a mistake", "Message deleted"]);
  assert.equal(await bob.page.getByText("to be deleted").count(), 0);
  faultless();
});

test("a private conversation is visible only to its two users", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(`${http}/chat/general`, "Ann");
  const bob = await (await person()).enter(`${http}/chat/general`, "Bob");
  const eve = await (await person()).enter(`${http}/chat/general`, "Eve");
  await ann.page.locator(".members").getByRole("button", { name: /Bob/ }).click();
  await ann.page.getByRole("dialog", { name: "Bob" }).getByRole("button", { name: "Message privately" }).click();
  await ann.page.getByRole("heading", { name: "Bob" }).waitFor();
  await ann.say("for your eyes");
  await bob.conversation("Ann").click();
  await bob.row("for your eyes").waitFor();
  await bob.say("and for yours");
  await ann.row("and for yours").waitFor();
  assert.equal(await eve.page.getByText("eyes").count(), 0);
  await ann.page.goto(`${http}/?with=Nobody`);
  await ann.say("anyone?");
  await ann.page.locator(".failed", { hasText: /^Not sent:/ }).waitFor();
  await ann.page.getByRole("button", { name: "Remove" }).click();
  await ann.row("anyone?").waitFor({ state: "detached" });
  faultless();
});

test("a private conversation has the features of a room, and a reload keeps it", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(`${http}/?with=Bob`, "Ann");
  const bob = await (await person()).enter(http, "Bob");
  await ann.say("a mistke");
  await bob.conversation("Ann").click();
  await bob.row("a mistke").waitFor();
  await ann.page.getByRole("button", { name: "Read by Bob" }).press("Enter");
  await ann.page.getByRole("dialog").locator(".receipts", { hasText: /Bob.*read/ }).waitFor();
  await ann.page.keyboard.press("Escape");
  await bob.page.locator("textarea").pressSequentially("typing");
  await ann.page.getByText("Bob is typing…").waitFor();
  await bob.say("what do you mean?");
  await ann.row("what do you mean?").waitFor(); // it moves what is above it from under the pointer
  await ann.row("a mistke").hover();
  await ann.page.getByRole("button", { name: "Edit", exact: true }).click();
  await ann.say("a mistake");
  await bob.row("a mistake").getByText("edited").waitFor();
  await bob.row("a mistake").hover();
  await bob.page.getByRole("button", { name: "React with 👍" }).click();
  await ann.row("a mistake").locator(".reactions", { hasText: "👍 1" }).waitFor();
  await bob.row("a mistake").locator(".reactions button").click();
  await ann.row("a mistake").locator(".reactions").waitFor({ state: "detached" });
  await ann.say("to be deleted");
  await ann.sent("to be deleted");
  await ann.row("to be deleted").hover();
  await ann.page.getByRole("button", { name: "Delete", exact: true }).click();
  await ann.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await bob.row("Message deleted").waitFor();
  await ann.page.getByRole("button", { name: "Search messages" }).click();
  await ann.page.getByRole("searchbox").fill("MEAN");
  await ann.page.getByText("1 message").waitFor();
  // Another conversation is open, so what arrives now is unread.
  await bob.page.goto(`${http}/chat/lobby`);
  await bob.conversation("Ann").getByText("You: what do you mean?").waitFor();
  await ann.say("never mind");
  await bob.conversation("Ann").locator(".count").waitFor();
  await bob.page.reload();
  await bob.conversation("Ann").getByText("never mind").waitFor();
  assert.match(await bob.conversation("Ann").locator(".count").innerText(), /^1\s+unread$/);
  // The receipts are known after a reload as well.
  await ann.page.reload();
  await ann.row("a mistake").getByRole("button", { name: "Read by Bob" }).click();
  await ann.page.getByRole("dialog").locator(".receipts", { hasText: /Bob.*read/ }).waitFor();
  faultless();
});

test("a private message that another device has received is shown here as well", async () => {
  const host = await server();
  const wire = await relay(host);
  const ann = await (await person()).enter(`${wire.http}/?with=Bob`, "Ann");
  const bob = await (await person()).enter(host.http, "Bob");
  await ann.say("first");
  await bob.conversation("Ann").click();
  await bob.row("first").waitFor();
  const { me } = await ann.page.evaluate(() => ({ me: JSON.parse(localStorage.getItem("roomd.me")) }));
  wire.cut();
  await ann.page.getByText("Trying again").waitFor();
  // It receives Bob's message, so that the server has nothing to deliver to the page.
  const desktop = connect(`${host.http.replace("http", "ws")}/ws`, { token: me.token });
  await desktop.phase("online");
  await bob.say("second");
  await desktop.heard("second");
  desktop.client.close();
  await ann.page.evaluate(() => sessionStorage.clear());
  wire.restore();
  await ann.page.reload();
  await ann.row("second").waitFor();
  assert.deepEqual(await ann.texts(), ["first", "second"]);
  faultless();
});

test("a search finds an old message and scrolls to it", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("long");
  for (let i = 1; i <= 400; i++) bob.client.publish("long", i === 7 ? "the needle is here" : `hay ${i}`);
  await bob.heard("hay 400");
  const ann = await (await person()).enter(`${host.http}/chat/long`, "Ann");
  await ann.row("hay 400").waitFor();
  await ann.page.getByRole("button", { name: "Search messages" }).click();
  await ann.page.getByRole("searchbox").fill("needle");
  await ann.page.getByText("1 message").waitFor();
  assert.equal(await ann.page.locator(".search-results mark").innerText(), "needle");
  await ann.page.locator(".search-results button").click();
  await ann.row("the needle is here").waitFor();
  await eventually(() => ann.page.evaluate(() => document.activeElement.textContent), (text) => assert.match(text, /needle/));
  await ann.row("hay 6").first().waitFor();
  await ann.page.getByRole("button", { name: "Jump to the latest messages" }).click();
  await ann.row("hay 400").waitFor();
  faultless();
});

test("many joins and leaves are merged into one notice", async () => {
  const host = await server();
  const ann = await (await person()).enter(`${host.http}/chat/station`, "Ann");
  const others = ["B", "C", "D", "E", "F", "G"].map((name) => client(host, name));
  for (const { client } of others) await client.join("station");
  await ann.page.locator(".notice", { hasText: /B, C, D and 3 others joined/ }).waitFor();
  others[0].client.leave("station");
  await ann.page.locator(".notice", { hasText: /C, D, E and 2 others joined|B joined and left/ }).first().waitFor();
  assert.equal(await ann.page.locator(".message-row").count(), 1);
  faultless();
});

test("two tabs of one browser share the rooms, the read positions, and which rooms are encrypted", async () => {
  const host = await server();
  const ann = await (await person()).enter(`${host.http}/chat/one`, "Ann");
  const tab = await ann.beside();
  await tab.page.goto(`${host.http}/chat/two`);
  await tab.conversation("one").waitFor();
  await ann.conversation("two").waitFor();
  const bob = client(host, "Bob");
  await bob.client.join("one");
  await bob.client.join("two");
  // A message that is read in one tab is read in the other.
  await bob.client.publish("two", "for the second tab");
  await tab.row("for the second tab").waitFor();
  await ann.conversation("two").getByText("Bob: for the second tab").waitFor();
  await ann.conversation("two").locator(".count").waitFor({ state: "detached" });
  await bob.client.publish("one", "for the first tab");
  await ann.row("for the first tab").waitFor();
  await tab.conversation("one").locator(".count").waitFor({ state: "detached" });
  // A room that one tab encrypts the other encrypts too.
  await tab.conversation("one").click();
  await tab.page.getByRole("heading", { name: "one" }).waitFor();
  await ann.page.getByRole("button", { name: /encrypt this conversation/ }).click();
  await ann.page.getByRole("button", { name: "Encrypt with a new link" }).click();
  await tab.page.getByRole("button", { name: /^Encrypted/ }).waitFor();
  await tab.say("hidden words");
  await ann.row("hidden words").locator('.encryption-mark[data-level="verified"]').waitFor();
  assert.ok(!(await host.command("export", "one")).includes("hidden words"));
  for (const { page } of [ann, tab]) await page.reload();
  for (const one of [ann, tab]) {
    await one.conversation("one").waitFor();
    await one.conversation("two").waitFor();
    await one.row("hidden words").waitFor();
    await one.page.getByRole("button", { name: /^Encrypted/ }).waitFor();
  }
  faultless();
});

test("a dialog that opens while another closes stays open", async () => {
  const { http } = await server();
  const { page } = await (await person()).enter(http, "Ann");
  await page.getByRole("button", { name: "Open or create a room" }).click();
  await page.getByRole("dialog", { name: "Rooms and people" }).waitFor();
  // A click may come before the `close` event of the first one.
  const open = await page.evaluate(async () => {
    document.querySelector("dialog").close();
    document.querySelector(".me").click();
    for (let frames = 0; frames < 10; frames++) await new Promise(requestAnimationFrame);
    return document.querySelector("dialog[open] h2")?.textContent;
  });
  assert.equal(open, "Settings");
  faultless();
});

test("an invalid name is rejected in the sign-in form", async () => {
  const { http } = await server();
  const ann = await person();
  await ann.page.goto(http);
  for (const bad of ["", "two words", "a:b"]) {
    await ann.page.getByLabel("Your name").fill(bad);
    await ann.page.keyboard.press("Enter");
    await ann.page.getByText("A name has 1 to 32 characters").waitFor();
  }
  await ann.enter(http, "Ann");
  await ann.page.getByRole("heading", { name: "lobby" }).waitFor();
  await ann.page.getByRole("button", { name: "Leave lobby" }).click();
  await ann.page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await ann.page.getByRole("button", { name: "Leave lobby" }).click();
  await ann.page.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
  await ann.page.getByText("No conversation is open.").waitFor();
  faultless();
});

test("a user can switch back to an earlier name until it is forgotten", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(http, "Ann");
  const { page } = ann;
  const leave = async (how) => {
    await page.getByRole("button", { name: /your settings/ }).click();
    await page.getByRole("button", { name: "Sign out…" }).click();
    await page.getByRole("dialog", { name: "Sign out?" }).getByRole("button", { name: how, exact: true }).click();
  };
  const signOut = async () => {
    await leave("Sign out");
    await page.getByLabel("Your name").waitFor();
  };
  await signOut();
  await ann.enter(http, "Anne");
  await signOut();
  await ann.enter(http, "Ann");
  await page.getByRole("button", { name: /Ann.*your settings/ }).waitFor();
  await leave("Forget this name");
  await page.getByLabel("Your name").waitFor();
  const left = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.ok(!/"roomd\.\w+\.Ann"/.test(left) && left.includes("roomd.was.Anne"), left);
  await page.getByLabel("Your name").fill("Ann");
  await page.keyboard.press("Enter");
  await page.getByText("This name is taken").waitFor();
  faultless();
});

test("a user who is refused is told why in the sign-in form", async () => {
  const host = await server("--guests", "off");
  const { page } = await person();
  const enter = async (name, told) => {
    await page.getByLabel("Your name").fill(name);
    await page.keyboard.press("Enter");
    await page.getByText(told).waitFor();
  };
  await page.goto(host.http);
  await enter("Ann", "This server admits only people with a token.");
  const token = (await host.command("token", "--user", "Ann", "--for", "7d")).trim();
  await host.stop();
  await host.restart("--claims", "closed");
  await enter("Ann", "This name is taken.");
  await enter("Bob", "Bob");
  await page.locator(".me", { hasText: "Online" }).waitFor();
  // The guest's name is registered to another user by now.
  await host.command("token", "--user", "Bob", "--for", "7d");
  await host.stop();
  await host.restart("--claims", "closed");
  await page.getByText("This name is taken.").waitFor();
  await page.getByRole("button", { name: "Choose a name" }).click();
  await enter(token, "Ann");
  await page.locator(".me", { hasText: "Online" }).waitFor();
  faultless();
});

test("a user can sign in with a token", async () => {
  const host = await server();
  const token = (await host.command("token", "--user", "Ann", "--for", "7d")).trim();
  const ann = await (await person()).enter(host.http, token);
  await ann.page.getByRole("button", { name: /Ann.*your settings/ }).waitFor();
  const eve = await person();
  await eve.page.goto(host.http);
  await eve.page.getByLabel("Your name").fill(`${token}x`);
  await eve.page.keyboard.press("Enter");
  await eve.page.getByText("The server does not accept this token.").waitFor();
  faultless();
});

test("a token is renewed before it expires, over the same connection, and the page stores the new one", async () => {
  const { http } = await server("--claim-for", "1h", "--address-claims-per-h", "1000");
  const ann = await person();
  const wire = { opened: 0, said: [], heard: [] };
  await ann.page.routeWebSocket(/\/ws/, (page) => {
    const server = page.connectToServer();
    wire.opened += 1;
    wire.page = page;
    page.onMessage((text) => (wire.said.push(JSON.parse(text)), server.send(text)));
    server.onMessage((text) => (wire.heard.push(JSON.parse(text)), page.send(text)));
  });
  const claimed = ann.page.waitForResponse(/\/api\/v1\/claims/);
  await ann.enter(`${http}/chat/general`, "Ann");
  const { token: first } = await (await claimed).json(); // the page may have renewed it already
  const stored = () => ann.page.evaluate(() => JSON.parse(localStorage.getItem("roomd.me")).token);
  const refresh = await eventually(() => {
    // The server sends this shortly before the token expires. Within one second it issues the same token again.
    wire.page.send(JSON.stringify({ type: "token_expiring", expires: new Date().toISOString() }));
    return wire.said.find(({ type }) => type === "refresh");
  }, (said) => (assert.ok(said), said));
  assert.notEqual(refresh.token, first);
  await eventually(() => wire.heard.find(({ id }) => id === refresh.id), (answer) => assert.equal(answer?.type, "ok"));
  await ann.say("still here");
  await ann.sent("still here");
  assert.equal(wire.opened, 1);
  assert.notEqual(await stored(), first);
  faultless();
});

test("a user whose token has expired is told so, and unsent messages are sent with the next token", async () => {
  const host = await server();
  const token = async (time) => (await host.command("token", "--user", "Ann", "--for", time)).trim();
  const ann = await person();
  let connection;
  await ann.page.routeWebSocket(/\/ws/, (page) => (connection = page.connectToServer()));
  await ann.enter(`${host.http}/chat/general`, await token("1h"));
  // However long the page took to connect: from now on the session has a token that expires soon.
  connection.send(JSON.stringify({ type: "refresh", token: await token("5s") }));
  await ann.page.getByText("The token has expired.").waitFor();
  await ann.say("typed meanwhile");
  await ann.page.getByRole("button", { name: "Choose a name" }).click();
  await ann.page.getByLabel("Your name").waitFor();
  await ann.enter(`${host.http}/chat/general`, await token("1h"));
  await ann.sent("typed meanwhile");
  assert.deepEqual(await ann.texts(), ["typed meanwhile"]);
  faultless();
});

test("a reply leads to its original, and reactions are counted and removed", async () => {
  const { http } = await server();
  const ann = await (await person()).enter(`${http}/chat/general`, "Ann");
  const bob = await (await person()).enter(`${http}/chat/general`, "Bob");
  await ann.say("Who takes the notes?");
  await bob.row("Who takes the notes?").hover();
  await bob.page.getByRole("button", { name: "Reply" }).click();
  await bob.page.getByText("Replying to Ann").waitFor();
  await bob.say("I do");
  await ann.row("I do").locator(".quote", { hasText: "Ann Who takes the notes?" }).waitFor();
  const react = async (one, sign) => {
    await one.row("I do").locator(".text").hover();
    await one.page.getByRole("button", { name: `React with ${sign}` }).click();
  };
  await react(ann, "🎉");
  await react(bob, "🎉");
  const signs = (one) => one.row("I do").locator(".reactions button");
  for (const one of [ann, bob]) await eventually(() => signs(one).allInnerTexts(), (texts) => assert.deepEqual(texts, ["🎉 2"]));
  await signs(ann).click();
  for (const one of [ann, bob]) await eventually(() => signs(one).allInnerTexts(), (texts) => assert.deepEqual(texts, ["🎉 1"]));
  await ann.page.reload();
  await eventually(() => signs(ann).getAttribute("aria-label"), (label) => assert.equal(label, "🎉 1, by Bob"));
  await ann.row("I do").locator(".quote").click();
  await eventually(() => ann.page.evaluate(() => document.activeElement.textContent), (text) => assert.match(text, /Who takes the notes/));
  assert.deepEqual(await ann.texts(), ["Who takes the notes?", "I do"]);
  faultless();
});
