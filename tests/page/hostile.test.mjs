// Hostile messages: they are shown as text, and have no effect on the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, client, faultless } = fixtures();

const HOSTILE = [
  "<script>window.hurt = 1</script>",
  "<img src=x onerror='window.hurt = 1'><svg onload=alert(1)>",
  "</textarea><style>*{display:none}</style>",
  "[x](javascript:window.hurt=1) javascript:alert(1)",
  "\u202eevil gnp.exe\u202c \u2066isolate and no end",
  "Z\u0351\u036b\u0343\u036a" + "\u0311".repeat(200),
  "{{constructor.constructor('window.hurt=1')()}} ${1+1}",
  "https://good.example@evil.example/ `<b>x</b>`",
];

test("markup, direction marks and combining characters are shown as text", async () => {
  const host = await server();
  const eve = client(host, "Eve");
  await eve.client.join("general");
  const ann = await (await person()).enter(`${host.http}/chat/general`, "Ann");
  for (const text of HOSTILE) await eve.client.publish("general", text);
  await eventually(() => ann.page.locator(".text").allTextContents(), (texts) => {
    assert.deepEqual(texts, HOSTILE.map((text) => text.replace(/`/g, "")));
  });
  assert.equal(await ann.page.evaluate(() => window.hurt), undefined);
  assert.equal(await ann.page.locator(".text :is(script, img, svg, style, a[href^='javascript'])").count(), 0);
  assert.equal(await ann.page.locator(".text a[href*='evil']").count(), 0);
  // No part of a message extends beyond its own row.
  const boxes = await ann.page.locator(".message-row").evaluateAll((lines) =>
    lines.map((line) => [line.scrollHeight - line.clientHeight, line.scrollWidth - line.clientWidth]),
  );
  for (const [down, across] of boxes) assert.ok(across <= 0 && down <= 16, `${boxes}`);
  faultless();
});

test("a message of 64 KiB is shortened until the user expands it", async () => {
  const host = await server();
  const eve = client(host, "Eve");
  await eve.client.join("general");
  const ann = await (await person()).enter(`${host.http}/chat/general`, "Ann");
  await eve.client.publish("general", "W".repeat(65_536));
  await eve.client.publish("general", "\n".repeat(60_000) + "end");
  await ann.row("WWWW").waitFor();
  await eventually(() => ann.page.locator(".text").first().innerText(), (text) => assert.equal(text.length, 2_001));
  await ann.page.getByRole("button", { name: "Show all 65,536 characters" }).click();
  await eventually(() => ann.page.locator(".text").first().innerText(), (text) => assert.equal(text.length, 65_536));
  const overflow = await ann.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(overflow, 0);
  faultless();
});

test("unknown events and fields are ignored", async () => {
  const host = await server();
  const ann = await person();
  await ann.page.routeWebSocket(/\/ws/, (near) => {
    const far = near.connectToServer();
    far.onMessage((text) => {
      near.send(text);
      for (const strange of ["no json", "null", "[]", "{}", '{"type":"__proto__"}', '{"type":"constructor","room":"general"}']) near.send(strange);
      near.send('{"type":"message","room":"elsewhere","user":"Eve","message":"x","seq":1,"at":"never"}');
      near.send('{"type":"typing","room":"general"}');
    });
  });
  await ann.enter(`${host.http}/chat/general`, "Ann");
  await ann.say("still here");
  await ann.sent("still here");
  faultless();
});
