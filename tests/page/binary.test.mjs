// Messages of bytes in the page: what a person sees of them, and does with them.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { eventually, fixtures } from "./harness/fixtures.mjs";

const { server, person, faultless } = fixtures();

test("bytes are shown by their size, and saved as they are", async () => {
  const { http } = await server();
  const ann = await person();
  await ann.enter(`${http}/chat/den`, "Ann");
  const bytes = Buffer.from(Array.from({ length: 3_072 }, (_, i) => i % 256));
  const publish = (body) => fetch(`${http}/api/v1/rooms/den/messages?user=Bot`, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body });
  assert.equal((await publish(bytes)).status, 201);
  const row = ann.page.locator(".message-rows > *", { hasText: "(binary, 3 KiB)" });
  await row.waitFor();
  const check = async () => {
    const saving = ann.page.waitForEvent("download");
    await row.getByRole("button", { name: "Save" }).click();
    const saved = await saving;
    assert.equal(saved.suggestedFilename(), "message-1.bin");
    assert.deepEqual(await readFile(await saved.path()), bytes);
  };
  await check();
  // From the history, and from the copy that the browser keeps.
  await ann.page.reload();
  await row.waitFor();
  await check();
  await eventually(() => ann.page.locator(".conversation .last").first().innerText(), (text) => assert.match(text, /Bot: \(binary, 3 KiB\)/));
  // It is no text: nothing to copy, and nobody is mentioned.
  await row.hover();
  assert.equal(await ann.page.getByRole("button", { name: "Copy text" }).count(), 0);
  await ann.page.getByRole("button", { name: "Copy link" }).waitFor();
  faultless();
});
