// The views, wide and narrow, light and dark: screenshots in target/page/shots, and accessibility checks with
// axe-core; and that the page can be used with a keyboard alone.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { shots } from "./harness/browser.mjs";
import { figure } from "./harness/figures.mjs";
import { require } from "./harness/packages.mjs";
import { eventually, fixtures, RATE } from "./harness/fixtures.mjs";

const { server, relay, person, client, faultless } = fixtures();
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const SIZES = [
  { name: "390", viewport: { width: 390, height: 844 }, hasTouch: true },
  { name: "1280", viewport: { width: 1280, height: 800 } },
];

// axe finds no serious violation. Its script is evaluated, since the page loads no script from elsewhere.
async function accessible(page, view) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(serious.map(({ id, nodes }) => `${view}: ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`), []);
}

// A conversation with messages of each kind.
async function scene(host) {
  const [bob, cleo] = [client(host, "Bob"), client(host, "Cléo")];
  for (const room of ["general", "release", "kitchen"]) await bob.client.join(room);
  await cleo.client.join("general");
  const say = async (who, room, text) => who.client.publish(room, text);
  await say(bob, "general", "Good morning. The nightly build is green again.");
  await say(bob, "general", "Notes are at https://example.org/notes/42, and the fix is one line:\n```rust\nlet seq = log.append(&batch)?; // stored before shown\n```");
  await say(cleo, "general", "Lovely, thank you! I ran `tests/run` on the old machine as well.");
  await say(bob, "general", "## Today\n1. **tests** on the _old_ machine\n2. [a list](https://example.org/list)\n> ~~soon~~ now, @Ann and @Cléo");
  await say(cleo, "general", "Two of us will be late to the stand-up, please start without us.");
  await bob.client.publish("general", "🎉", { react_to: 3 });
  await say(bob, "release", "Tagging 0.2 after lunch");
  await say(bob, "kitchen", "Somebody left the window open");
  return { bob, cleo };
}

// Takes screenshots of a page, and checks each view with axe and for its width.
function camera(page, setting) {
  return async (view) => {
    await page.mouse.move(0, 0);
    await page.screenshot({ path: `${shots}${view}-${setting}.png` });
    await accessible(page, view);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(over, 0, `${view} is wider than the window`);
    const cut = await page.evaluate(() => {
      const box = document.querySelector(".dialog-body")?.getBoundingClientRect();
      const isCut = ({ left, right, width }) => width > 0 && (left < box.left || right > box.right);
      return box && [...document.querySelectorAll(".dialog-body *")].filter((part) => isCut(part.getBoundingClientRect())).map(({ outerHTML }) => outerHTML);
    });
    assert.deepEqual(cut ?? [], [], `${view}: overflows its dialog`);
  };
}

for (const { name, ...device } of SIZES) {
  for (const colorScheme of ["light", "dark"]) {
    test(`the views at ${name} pixels, ${colorScheme}`, async () => {
      const host = await server(...RATE, "--name", "Tea House", "--welcome", "Be kind, and stay as long as you like.");
      const wire = await relay(host);
      const { bob, cleo } = await scene(host);
      const ann = await person({ ...device, colorScheme });
      const { page } = ann;
      const shoot = camera(page, `${name}-${colorScheme}`);
      await page.goto(`${wire.http}/chat/general`);
      await page.getByRole("heading", { name: "Welcome to Tea House" }).waitFor();
      await shoot("sign-in");
      await ann.enter(`${wire.http}/chat/general`, "Ann");
      await ann.row("without us").waitFor();
      await ann.say("Good morning! I will take the notes then.");
      await ann.sent("I will take the notes");
      await cleo.client.publish("general", "You are the best.");
      await ann.row("You are the best").waitFor();
      for (const { client } of [bob, cleo]) client.tell({ type: "read", room: "general", seq: 7 });
      await page.locator('[data-level="read"]').waitFor();
      cleo.client.tell({ type: "typing", room: "general", typing: true });
      await page.getByText("Cléo is typing…").waitFor();
      await bob.client.whisper("Ann", "Do you have a minute?");
      for (const room of ["release", "kitchen"]) await page.evaluate((room) => history.pushState(null, "", `/chat/${room}`) ?? dispatchEvent(new PopStateEvent("popstate")), room);
      await page.evaluate(() => history.pushState(null, "", "/chat/general") ?? dispatchEvent(new PopStateEvent("popstate")));
      await ann.row("You are the best").waitFor();
      // Only messages after a room was first joined are unread.
      for (const [room, last] of [["release", "Tagging 0.2"], ["kitchen", "window open"]]) {
        await ann.conversation(room).getByText(last).waitFor({ state: "attached" });
      }
      await bob.client.publish("release", "0.2 is out");
      await eventually(() => page.title(), (title) => assert.match(title, /^\(2\)/));
      await shoot("chat");
      await ann.row("I will take the notes").hover();
      await page.screenshot({ path: `${shots}hover-${name}-${colorScheme}.png` });
      await page.getByRole("button", { name: "Search messages" }).click();
      await page.getByRole("searchbox").fill("notes");
      await page.getByText("2 messages").waitFor();
      await shoot("search");
      await page.getByLabel("All rooms").check();
      await page.getByText("2 messages").waitFor();
      await page.locator(".where").first().waitFor();
      await shoot("search-all");
      await page.getByRole("button", { name: "Close search" }).click();
      if (name === "390") {
        await page.locator(".chat").getByRole("button", { name: /members/ }).click();
        await page.locator(".members").getByText("Cléo").waitFor();
        await shoot("members");
        await page.getByRole("button", { name: "Close members" }).click();
        await page.getByRole("button", { name: "Conversations" }).click();
        await shoot("conversations");
      }
      await ann.conversation("release").click({ button: "right" });
      await page.getByRole("menu", { name: "release" }).getByText("Mark as read").waitFor();
      await shoot("conversation-menu");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Open or create a room" }).click();
      await page.getByRole("dialog").getByText("kitchen").waitFor();
      await shoot("rooms");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /your settings/ }).click();
      await page.getByRole("dialog").getByText("Show me as away").waitFor();
      await shoot("settings");
      await page.keyboard.press("Escape");
      await ann.conversation("general").click();
      await page.locator('[data-level="read"]')[device.hasTouch ? "tap" : "click"]();
      await page.getByRole("dialog").getByText("Bob").waitFor();
      await shoot("receipts");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /encrypt this conversation/ }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Encrypt with a new link" }).click();
      await page.locator(".new-link code").waitFor();
      await shoot("encryption");
      await page.keyboard.press("Escape");
      wire.cut();
      await page.getByText("Trying again").waitFor();
      await ann.say("Can you still read me?");
      await page.locator('[data-state="waiting"]').waitFor();
      await shoot("broken");
      await page.evaluate(() => navigator.serviceWorker.ready);
      await page.reload();
      await page.getByText("What you see was saved on this device").waitFor();
      await page.getByText("Trying again").waitFor();
      await shoot("offline");
      faultless();
    });

    test(`the views of an owner and of a call at ${name} pixels, ${colorScheme}`, async () => {
      const { http } = await server();
      const ann = await (await person({ ...device, colorScheme })).enter(http, "Ann");
      const bob = await (await person({ ...device, colorScheme })).enter(http, "Bob");
      const shoot = camera(ann.page, `${name}-${colorScheme}`);
      const shootBob = camera(bob.page, `${name}-${colorScheme}`);
      const { page } = ann;
      const about = () => page.getByRole("button", { name: "about this room" }).click();
      await page.keyboard.press("Control+k");
      await page.getByLabel("Room name").fill("garden");
      await page.getByRole("checkbox", { name: /Private/ }).check();
      await shoot("create");
      await page.getByRole("button", { name: "Create", exact: true }).click();
      await page.getByRole("heading", { name: "garden" }).waitFor();
      await page.getByRole("button", { name: "Invite people", exact: true }).waitFor();
      await shoot("new-room");
      await page.getByRole("button", { name: "Invite people", exact: true }).click();
      await page.getByLabel("Or invite by name").fill("Bob");
      await page.keyboard.press("Enter");
      await page.getByRole("status").getByText("Bob is invited").waitFor();
      await shoot("invite");
      await page.keyboard.press("Escape");
      await about();
      await page.getByLabel("Menu for Bob").click();
      await page.getByRole("button", { name: "Mute", exact: true }).click();
      await page.getByText(/muted until/).waitFor();
      await page.getByText("Change the topic and the description").click();
      await page.getByLabel("Topic", { exact: true }).fill("Beans, peas and a little of everything else");
      await page.getByRole("button", { name: "Save" }).click();
      await page.locator(".subject").waitFor({ state: "attached" });
      await shoot("room");
      await page.getByRole("button", { name: "Unmute" }).click();
      await page.getByRole("button", { name: "Show audit log" }).click();
      await page.locator(".audit").getByText(/created the room/).waitFor();
      await shoot("audit");
      await page.keyboard.press("Escape");
      await bob.page.goto(`${http}/chat/garden`);
      await bob.say("The tomatoes are ripe.");
      await ann.row("tomatoes").waitFor();
      await ann.say("I will come by at six");
      await ann.sent("at six");
      await ann.row("at six").hover();
      await page.getByRole("button", { name: "Pin", exact: true }).click();
      await page.getByRole("button", { name: "1 pinned message" }).click();
      await page.getByRole("dialog").getByText("at six").waitFor();
      await shoot("pinned");
      await page.keyboard.press("Escape");
      await ann.row("at six").hover();
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await page.getByRole("dialog").getByText("Delete this message?").waitFor();
      await shoot("delete");
      await page.keyboard.press("Escape");
      await bob.page.getByRole("button", { name: "Call", exact: true }).waitFor();
      await page.getByRole("button", { name: "Call", exact: true }).click();
      await page.getByRole("dialog").getByText("Choose up to three").waitFor();
      await shoot("callees");
      await page.getByRole("button", { name: "Video call" }).click();
      await bob.page.getByRole("alertdialog", { name: "Ann is calling" }).waitFor();
      await shootBob("ringing");
      await bob.page.getByRole("button", { name: "Accept" }).click();
      await page.waitForFunction(() => document.querySelector('video[aria-label="Bob"]')?.videoWidth > 0);
      const [tile, label] = await Promise.all([page.locator(".tile").first().boundingBox(), page.locator(".tile p").first().boundingBox()]);
      assert.ok(label.y + label.height <= tile.y + tile.height, "a name is below its video");
      await shoot("call");
      await page.getByRole("button", { name: "Hang up" }).click();
      await about();
      await page.getByLabel("Menu for Bob").click();
      await page.getByRole("button", { name: "Kick" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
      await bob.page.getByRole("button", { name: "Join again" }).waitFor();
      await shootBob("outside");
      for (const room of ["garden", "lobby"]) {
        if (name === "390") {
          await about();
          await page.getByRole("button", { name: "Leave this room…" }).click();
        } else await page.getByRole("button", { name: `Leave ${room}` }).click();
        await page.getByRole("dialog").getByText(`Leave ${room}?`).waitFor();
        if (room === "lobby") await shoot("leave");
        await page.getByRole("dialog").getByRole("button", { name: "Leave", exact: true }).click();
        if (name === "390" && room === "garden") await ann.conversation("lobby").click(); // in one column, the conversations follow
      }
      await page.getByRole("button", { name: "Open a room" }).waitFor();
      await shoot("empty");
      faultless();
    });
  }
}

test("the page can be used with a keyboard alone", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("keys");
  await bob.client.publish("keys", "from Bob");
  const ann = await person();
  const { page } = ann;
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
  const tabTo = (name) => eventually(async () => {
    await press("Tab");
    return focused();
  }, (found) => assert.match(found, name), 40);
  await page.goto(host.http);
  await page.getByLabel("Your name").waitFor();
  await page.keyboard.type("Ann");
  await press("Enter");
  await page.getByRole("heading", { name: "lobby" }).waitFor();
  await press("Control+k");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("keys");
  await press("Enter");
  await ann.row("from Bob").waitFor();
  await eventually(focused, (found) => assert.equal(found, "Message to keys"));
  await page.keyboard.type("first line");
  await press("Shift+Enter");
  await page.keyboard.type("second");
  await press("Enter");
  await bob.heard("first line\nsecond");
  await ann.sent("second");
  // To the messages, between them, and to the actions of one.
  await press("Shift+Tab");
  await eventually(focused, (found) => assert.equal(found, "Messages in keys"));
  await press("ArrowUp");
  await eventually(focused, (found) => assert.match(found, /second/));
  await tabTo(/^React with/);
  await press("End");
  await eventually(focused, (found) => assert.equal(found, "Delete"));
  await press("Enter");
  await page.getByRole("dialog").waitFor();
  await tabTo(/^Delete$/);
  await press("Enter");
  await ann.row("Message deleted").waitFor();
  await press("Escape");
  await eventually(focused, (found) => assert.equal(found, "Message to keys"));
  await press("Alt+ArrowUp");
  await page.getByRole("heading", { name: "lobby" }).waitFor();
  await press("Alt+ArrowDown");
  await page.getByRole("heading", { name: "keys" }).waitFor();
  await press("Control+Shift+f");
  await page.keyboard.type("bob");
  await tabTo(/Close search/);
  await press("Enter");
  await tabTo(/^AAnn.*your settings$/);
  await press("Enter");
  await tabTo(/Sign out…/);
  await press("Enter");
  await page.getByRole("dialog", { name: "Sign out?" }).waitFor();
  await tabTo(/^Sign out$/);
  await press("Enter");
  await page.getByLabel("Your name").waitFor();
  faultless();
});

test("a screen reader announces new messages in the open room", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("spoken");
  const ann = await (await person()).enter(`${host.http}/chat/spoken`, "Ann");
  await bob.client.publish("spoken", "can you hear me");
  await ann.page.locator("[aria-live=polite]", { hasText: "Bob: can you hear me" }).waitFor({ state: "attached" });
  faultless();
});

test("the first view is small, comes from this server alone, and is usable at once", async () => {
  const { http } = await server();
  const views = {};
  const ann = await person();
  await ann.page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector("input, textarea")) return;
      window.usableAt = performance.now();
      observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
  });
  const look = async (view, show) => {
    const wire = await ann.context.newCDPSession(ann.page);
    await wire.send("Network.enable");
    await wire.send("Network.setCacheDisabled", { cacheDisabled: true });
    await wire.send("Network.setBypassServiceWorker", { bypass: true }); // it would count what it passes on as nothing
    const urls = new Map();
    const sizes = new Map();
    wire.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, response.url));
    wire.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(urls.get(requestId), encodedDataLength)); // including headers
    await show();
    // What had been loaded when the page became usable; the rest is loaded after that.
    const { loaded, usable } = await ann.page.evaluate(() => {
      const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
      const loaded = all.filter(({ responseEnd }) => responseEnd <= window.usableAt);
      return { loaded: loaded.map(({ name }) => name), usable: Math.round(window.usableAt - Math.max(...loaded.map(({ responseEnd }) => responseEnd))) };
    });
    const files = loaded.length;
    const bytes = loaded.reduce((sum, url) => sum + sizes.get(url), 0);
    views[view] = { files, bytes, usable };
    assert.ok(bytes > 10_000 && bytes <= 60_000, `${view}: ${bytes} bytes`);
    await wire.detach();
  };
  await look("the first visit", async () => {
    await ann.page.goto(http);
    await ann.page.getByLabel("Your name").waitFor();
  });
  await ann.enter(http, "Ann");
  await look("a later visit", async () => {
    await ann.page.reload();
    await ann.page.locator("textarea").waitFor();
  });
  for (const url of ann.requests) assert.ok(url.startsWith(`${http}/`) || url.startsWith("data:"), url);
  figure("first view", views);
  faultless();
});
