// The service worker that lets the page open without a network, and whether the server has a newer page.

import { addressOf, basePath } from "./names.js";

// Registers the service worker. Sets `chat.isOutdated` when the server has another build than this page.
export async function watchForUpdates(chat) {
  const workers = navigator.serviceWorker;
  if (!workers) return; // over plain HTTP, browsers give a page none
  let known = workers.controller;
  workers.addEventListener("controllerchange", () => {
    if (known) chat.isOutdated = true;
    known = workers.controller;
    chat.changed();
  });
  // The policy for content lets a page name the script of a worker only in this way.
  const policy = globalThis.trustedTypes?.createPolicy("service-worker", { createScriptURL: (url) => url });
  const script = addressOf("/service-worker.js");
  const registration = await workers.register(policy?.createScriptURL(script) ?? script, { scope: basePath, updateViaCache: "none" });
  chat.client.on("welcome", () => registration.update().catch(() => {})); // the connection is lost: with the next one
}
