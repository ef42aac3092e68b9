// The page without a network: it installs, opens with what was read last, says so, and keeps nothing after a sign-out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { shots } from "./harness/browser.mjs";
import { eventually, fixtures, RATE } from "./harness/fixtures.mjs";

const { server, relay, rewriter, person, client, faultless } = fixtures();

// What is saved on this device, as text.
const saved = (page) =>
  page.evaluate(async () => {
    const settled = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
    const names = (await indexedDB.databases()).map(({ name }) => name).filter((name) => name.includes(".messages."));
    const records = [];
    for (const name of names) {
      const database = await settled(indexedDB.open(name));
      if (database.objectStoreNames.length > 0) records.push(...(await settled(database.transaction("rooms").objectStore("rooms").getAll())));
      database.close();
    }
    return JSON.stringify({ names, records });
  });

// Waits until the page can be opened without a network, with this message.
async function isKept({ page }, text) {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await eventually(() => saved(page), (all) => assert.ok(all.includes(text), all));
}

const offline = (page) => page.getByText("You are offline. What you see was saved on this device");

test("the page can be installed", async () => {
  const host = await server();
  const ann = await (await person()).enter(host.http, "Ann");
  await ann.page.evaluate(() => navigator.serviceWorker.ready);
  const wire = await ann.context.newCDPSession(ann.page);
  const { errors, data } = await wire.send("Page.getAppManifest");
  assert.deepEqual(errors, []);
  assert.equal(JSON.parse(data).display, "standalone");
  const { installabilityErrors } = await wire.send("Page.getInstallabilityErrors");
  assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito"), []);
  for (const { src, sizes, type } of JSON.parse(data).icons) {
    const size = await ann.page.evaluate(async (src) => {
      const image = Object.assign(new Image(), { src });
      await image.decode();
      return `${image.naturalWidth}x${image.naturalHeight}`;
    }, `${host.http}/assets/${src}`);
    if (type === "image/png") assert.equal(size, sizes);
  }
  faultless();
});

for (const base of ["", "/chat"]) {
  test(`without the server the page opens with what was read last, and goes on when it is back${base && ", below a path"}`, async () => {
    const flags = base ? [...RATE, "--base-path", base] : RATE;
    const host = await server(...flags);
    const bob = client(host, "Bob");
    await bob.client.join("garden");
    await bob.client.publish("garden", "the beans are up");
    const ann = await (await person()).enter(`${host.http}${base}/chat/garden`, "Ann");
    const { page } = ann;
    await ann.row("beans are up").waitFor();
    await bob.client.whisper("Ann", "are you there?");
    await ann.conversation("Bob").waitFor();
    await isKept(ann, "the beans are up");
    await isKept(ann, "are you there?");
    await host.stop();
    await page.goto(`${host.http}${base}/chat/garden`);
    await ann.row("beans are up").waitFor();
    await offline(page).waitFor();
    await page.getByText("The server cannot be reached").waitFor();
    if (!base) await page.screenshot({ path: `${shots}offline.png` });
    await ann.conversation("Bob").getByText("are you there?").waitFor();
    await ann.say("I will water them");
    await page.locator('[data-state="waiting"]').waitFor();
    await page.getByRole("button", { name: /your settings/ }).click();
    await page.getByRole("dialog").getByText("Show me as away").waitFor(); // it is loaded lazily
    await page.keyboard.press("Escape");
    await host.restart();
    await ann.tryNow();
    await bob.heard("I will water them");
    await ann.sent("I will water them");
    await offline(page).waitFor({ state: "detached" });
    assert.deepEqual(await ann.texts(), ["the beans are up", "I will water them"]);
    faultless();
  });
}

test("what happened meanwhile replaces what was saved", async () => {
  const host = await server();
  const wire = await relay(host);
  const bob = client(host, "Bob");
  await bob.client.join("garden");
  for (const text of ["one", "two", "three"]) await bob.client.publish("garden", text);
  const ann = await (await person()).enter(`${wire.http}/chat/garden`, "Ann");
  await ann.row("three").waitFor();
  await isKept(ann, "three");
  wire.cut();
  await ann.page.reload();
  await offline(ann.page).waitFor();
  assert.deepEqual(await ann.texts(), ["one", "two", "three"]);
  await bob.client.request({ type: "delete", room: "garden", seq: 1 });
  await bob.client.request({ type: "edit", room: "garden", seq: 2, message: "zwei" });
  await bob.client.publish("garden", "four");
  wire.restore();
  await ann.tryNow();
  await ann.row("four").waitFor();
  assert.deepEqual(await ann.texts(), ["Message deleted", "zwei", "three", "four"]);
  await isKept(ann, "zwei");
  assert.ok(!(await saved(ann.page)).includes('"one"'));
  faultless();
});

test("what is encrypted stays encrypted on the device, and can be read without the server", async () => {
  const host = await server();
  const ann = await (await person()).enter(`${host.http}/chat/secrets`, "Ann");
  const { page } = ann;
  await page.getByRole("button", { name: /encrypt this conversation/ }).click();
  await page.getByRole("button", { name: "Encrypt with a new link" }).click();
  await page.locator(".new-link code").waitFor();
  await page.keyboard.press("Escape");
  await ann.say("the geese fly at dawn");
  await ann.sent("the geese");
  // The message that announces this device, and the one above.
  await eventually(() => saved(page), (all) => assert.equal(all.split('"ct"').length, 3, all));
  assert.ok(!(await saved(page)).includes("geese"));
  await page.evaluate(() => navigator.serviceWorker.ready);
  await host.stop();
  await page.reload();
  await ann.row("the geese fly at dawn").waitFor();
  faultless();
});

test("nothing that was read is left on the device after a sign-out, in whichever tab", async () => {
  const host = await server();
  const bob = client(host, "Bob");
  await bob.client.join("lobby");
  const ann = await (await person()).enter(host.http, "Ann");
  const other = await ann.beside();
  await other.page.goto(host.http);
  await bob.client.publish("lobby", "between us");
  for (const tab of [ann, other]) await tab.row("between us").waitFor();
  await isKept(ann, "between us");
  await ann.page.getByRole("button", { name: /your settings/ }).click();
  await ann.page.getByRole("button", { name: "Sign out…" }).click();
  await ann.page.getByRole("dialog", { name: "Sign out?" }).getByRole("button", { name: "Sign out", exact: true }).click();
  await ann.page.getByLabel("Your name").waitFor();
  assert.equal(await saved(ann.page), '{"names":[],"records":[]}');
  // The other tab, which still is in the conversation, saves nothing more.
  await bob.client.publish("lobby", "and again");
  await other.row("and again").waitFor();
  await other.page.evaluate(() => dispatchEvent(new Event("pagehide")));
  assert.equal(await saved(other.page), '{"names":[],"records":[]}');
  const copied = await ann.page.evaluate(async () => {
    const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
    return (await Promise.all(caches_.map((cache) => cache.keys()))).flat().map(({ url }) => new URL(url).pathname);
  });
  assert.ok(copied.length > 40 && copied.every((path) => path === "/" || path.startsWith("/assets/")), copied.join(" "));
  faultless();
});

test("a newer build of the server replaces the page and its copy", async () => {
  const host = await server();
  const proxy = await rewriter(host);
  const ann = await (await person()).enter(proxy.http, "Ann");
  const { page } = ann;
  await page.evaluate(() => navigator.serviceWorker.ready);
  const [old] = await page.evaluate(() => caches.keys());
  proxy.rewrite((path, text) => {
    if (path === "/service-worker.js") return text.replace(/const BUILD = "\w+"/, 'const BUILD = "newer"');
    return path === "/assets/dialogs.js" ? text.replaceAll('title="Settings"', 'title="New settings"') : text;
  });
  proxy.cut();
  await page.getByText("The server has a newer version of this page.").waitFor();
  await eventually(() => page.evaluate(() => caches.keys()), (names) => assert.deepEqual(names, [old.replace(/\w+$/, "newer")]));
  await page.getByRole("button", { name: "Reload" }).click();
  await page.locator(".me", { hasText: "Online" }).waitFor({ state: "attached" });
  await page.getByRole("button", { name: /your settings/ }).click();
  await page.getByRole("dialog", { name: "New settings" }).waitFor();
  // Without the server, the newer page opens as well.
  proxy.end();
  await page.reload();
  await page.getByText("The server cannot be reached").waitFor();
  await page.getByRole("button", { name: /your settings/ }).click();
  await page.getByRole("dialog", { name: "New settings" }).waitFor();
  faultless();
});

test("while the server is reached, the page comes from it and not from the copy", async () => {
  const host = await server();
  const proxy = await rewriter(host);
  const ann = await (await person()).enter(proxy.http, "Ann");
  const { page } = ann;
  await page.evaluate(() => navigator.serviceWorker.ready);
  // The service worker is the old one, as in the moment after an update.
  proxy.rewrite((path, text) => (path === "/assets/dialogs.js" ? text.replaceAll('title="Settings"', 'title="New settings"') : text));
  await page.reload();
  await page.locator(".me", { hasText: "Online" }).waitFor({ state: "attached" });
  await page.getByRole("button", { name: /your settings/ }).click();
  await page.getByRole("dialog", { name: "New settings" }).waitFor();
  faultless();
});
