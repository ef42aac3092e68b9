// The entry point of the chat page: signs the user in, follows the address, and draws the page.

import { BrowserStorage } from "./browser-storage.js";
import { html } from "./html.js";
import { loadAll } from "./lazy.js";
import { roomName, userName } from "./names.js";
import { render } from "./vendor/preact.js";

// The modules of the chat, requested together. On a first visit they load while the user chooses a name.
const CHAT = [
  "app-shell.js",
  "chat.js",
  "composer.js",
  "markup.js",
  "message-list.js",
  "message-row.js",
  "message-sender.js",
  "room.js",
  "roomd-subscription.js",
  "roomd.js",
  "sidebar.js",
  "time-format.js",
];

const FIRST_ROOM = "lobby";
const HIDDEN_MS = 250; // a hidden page gets no animation frames, but its title still shows the unread count
const FRAME_MS = 30; // at least, between two renders during a burst of events
const TICK_MS = 1_000;
const LAZY_MS = 300; // after the first render

const root = document.getElementById("app");
const storage = new BrowserStorage();
let chat;
let AppShell;
let renderDue = false;
let renderedAt = 0;

async function start(me) {
  storage.me = me;
  fetchChat();
  const [{ Chat }, shell] = await Promise.all([import("./chat.js"), import("./app-shell.js")]);
  ({ AppShell } = shell);
  const url = new URL("/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  chat = new Chat(storage, me, url, { changed, select, diagnose: () => diagnose(me) });
  chat.start();
  followAddress();
  addEventListener("popstate", followAddress);
  document.addEventListener("visibilitychange", () => {
    chat.markRead();
    changed();
  });
  setInterval(tick, TICK_MS);
  renderPage();
  setTimeout(loadLazy, LAZY_MS);
}

function fetchChat() {
  for (const name of CHAT.splice(0)) {
    document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href: `/assets/${name}` }));
  }
}

// Loads what the first render does without.
async function loadLazy() {
  try {
    const modules = [import("./call-controller.js"), import("./token-renewal.js")];
    const [{ CallController }, { renewToken }] = await Promise.all([...modules, chat.history, chat.encryption, chat.notifications, chat.moderation, loadAll()]);
    renewToken(chat, (me) => (storage.me = me));
    // Over plain HTTP, browsers give a page neither the microphone nor the camera.
    if (globalThis.RTCPeerConnection && navigator.mediaDevices) chat.calls = new CallController(chat);
    changed();
  } catch {
    // The connection was lost: try again with the next one.
    const off = chat.client.on("welcome", () => {
      off();
      loadLazy();
    });
  }
}

// Finds out why a WebSocket was refused, since the browser does not say.
async function diagnose(me) {
  const { refusalOf } = await import("./sign-in.js");
  return (await refusalOf(me))?.replace(/\.$/, "");
}

// --- The address ------------------------------------------------------------------------------

function select(room) {
  const path = room.kind === "room" ? `/chat/${encodeURIComponent(room.name)}` : `/?with=${encodeURIComponent(room.name)}`;
  if (path !== location.pathname + location.search) history.pushState(null, "", path);
  chat.select(room);
}

function followAddress() {
  const { kind, name } = roomInAddress() ?? {};
  const room = name ? chat.open(kind, name) : chat.open("room", FIRST_ROOM);
  chat.select(room);
  if (!name) chat.showProblem("This address is not a valid room address.");
  if (location.hash.startsWith("#key=")) importKey(room);
}

// Removes the key from the address, where other people may see it.
async function importKey(room) {
  const { hash } = location;
  history.replaceState(null, "", location.pathname + location.search);
  await chat.encryption.then((encryption) => encryption.importKeyFromAddress(room, hash)).catch(({ message }) => chat.showProblem(`The key in this link was not accepted: ${message}.`));
}

function roomInAddress() {
  const other = new URLSearchParams(location.search).get("with");
  if (other !== null) return { kind: "private", name: userName(other) };
  const [, path] = location.pathname.match(/^\/chat\/(.+)$/) ?? [];
  if (!path) return { kind: "room", name: FIRST_ROOM };
  try {
    return { kind: "room", name: roomName(decodeURIComponent(path)) };
  } catch {
    return undefined; // not percent-encoded UTF-8
  }
}

// --- Rendering ----------------------------------------------------------------------------------

// Renders once for a burst of events.
function changed() {
  if (renderDue) return;
  renderDue = true;
  const since = performance.now() - renderedAt;
  if (document.hidden) setTimeout(renderPage, HIDDEN_MS);
  else if (since < FRAME_MS) setTimeout(requestAnimationFrame, FRAME_MS - since, renderPage);
  else requestAnimationFrame(renderPage);
}

function renderPage() {
  renderDue = false;
  renderedAt = performance.now();
  const unread = [...chat.rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  // First-strong isolates: a name's direction marks must not reverse the rest of the title.
  const title = `${unread ? `(${unread}) ` : ""}${chat.active ? `\u2068${chat.active.name}\u2069 – ` : ""}roomd`;
  if (document.title !== title) document.title = title;
  render(html`<${AppShell} chat=${chat} now=${Date.now()} select=${select} signOut=${signOut} />`, root);
}

// Updates the countdowns, and drops what has expired.
function tick() {
  const now = Date.now();
  let isDue = chat.connection.phase === "waiting" || chat.pause !== undefined;
  if (chat.pause?.until <= now) chat.pause = undefined;
  for (const room of chat.rooms.values()) isDue = room.expire(now) || isDue;
  if (isDue) changed();
}

function signOut(forget) {
  storage.me = undefined;
  chat.client.close();
  if (forget === true) storage.forget(chat.identity.name);
  location.assign(location.pathname);
}

const me = storage.me;
if (me && userName(me.name)) start(me);
else {
  const { SignIn } = await import("./sign-in.js");
  render(html`<${SignIn} room=${roomInAddress()?.name ?? FIRST_ROOM} tokenOf=${(name) => storage.tokenOf(name)} onSignIn=${start} />`, root);
  fetchChat();
}
