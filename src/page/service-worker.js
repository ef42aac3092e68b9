// The service worker: keeps a copy of the page's files, so that the page opens without a network.
//
// While the server is reached, everything comes from it: the copy is used where the server is not reached, or fails, and
// where it takes very long to send the page. A page that came from the copy gets all of its files from there, so that
// they belong together. A new build of the server has other checksums here, so a browser finds this file changed, and
// then copies that build. It touches nothing but the page and its files: no API, no connection, nothing of a user.

// Filled in by build.rs: the files by their names, each with its checksum, and a checksum of them all.
const FILES = {};
const BUILD = "";

const PAGE = "index.html";
const SCOPE = registration.scope; // ends with a slash
const CACHES = `roomd ${SCOPE} `; // servers below other paths have the same origin
const CACHE = CACHES + BUILD;
const PATIENCE_MS = 10_000; // for the page

const opened = new Set(); // the pages that came from the copy, as long as the browser keeps this worker

const addressOf = (name) => (name === PAGE ? SCOPE : `${SCOPE}assets/${name}`);

addEventListener("install", (event) => event.waitUntil(copy()));

addEventListener("activate", (event) => event.waitUntil(takeOver()));

addEventListener("fetch", (event) => {
  const name = nameOf(event.request);
  if (name) event.respondWith(answer(event, name));
});

// Copies the files, all of this build.
async function copy() {
  const cache = await caches.open(CACHE);
  await Promise.all(Object.entries(FILES).map(async ([name, checksum]) => {
    const response = await fetch(addressOf(name), { cache: "no-cache" });
    const tag = response.headers.get("etag"); // a proxy may have removed it
    if (!response.ok || (tag && !tag.includes(checksum))) throw new Error(`${name} is not of this build`);
    await cache.put(addressOf(name), response);
  }));
  await skipWaiting();
}

async function takeOver() {
  for (const name of await caches.keys()) if (name.startsWith(CACHES) && name !== CACHE) await caches.delete(name);
  await clients.claim();
}

// Which file a request is for, if it is for one of the page.
function nameOf({ method, mode, url }) {
  if (method !== "GET" || !url.startsWith(SCOPE)) return undefined;
  const [path] = url.slice(SCOPE.length).split(/[?#]/, 1);
  if (mode === "navigate") return /^(?:chat\/[^/]+(?:\/\d+)?)?$/.test(path) ? PAGE : undefined;
  const name = path.startsWith("assets/") ? path.slice("assets/".length) : "";
  return Object.hasOwn(FILES, name) ? name : undefined;
}

async function answer({ request, clientId, resultingClientId }, name) {
  const copied = () => caches.open(CACHE).then((cache) => cache.match(addressOf(name), { ignoreVary: true }));
  if (opened.has(clientId)) {
    const found = await copied();
    if (found) return found;
  }
  const reached = fetch(request);
  const late = name === PAGE ? new Promise((resolve) => setTimeout(resolve, PATIENCE_MS)) : new Promise(() => {});
  const response = await Promise.race([reached.catch(() => {}), late]);
  if (response && response.status < 500) return response;
  const found = await copied();
  if (found && resultingClientId) opened.add(resultingClientId);
  return found ?? reached;
}
