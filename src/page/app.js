// The chat page: who the reader is, which room the address names, and when the page is drawn.

import { html } from "./html.js";
import { loadAll } from "./lazy.js";
import { Memory } from "./browser-storage.js";
import { roomName, userName } from "./names.js";
import { render } from "./vendor/preact.js";

// The modules of the chat, asked for at once; the first visit can do without them until there is a name.
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
const HIDDEN_MS = 250; // a hidden page is given no frames, and its title still has to count
const DRAWN_MS = 30; // between two drawings of a burst
const TICK_MS = 1_000;
const REST_MS = 300; // after the first view

const root = document.getElementById("app");
const memory = new Memory();
let chat;
let Shell;
let due = false;
let drawnAt = 0;

async function start(me) {
  memory.me = me;
  fetchChat();
  const [{ Chat }, shell] = await Promise.all([import("./chat.js"), import("./app-shell.js")]);
  ({ Shell } = shell);
  const url = new URL("/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  chat = new Chat(memory, me, url, { changed, turn, diagnose: () => diagnose(me) });
  chat.start();
  followAddress();
  addEventListener("popstate", followAddress);
  document.addEventListener("visibilitychange", () => {
    chat.look();
    changed();
  });
  setInterval(tick, TICK_MS);
  draw();
  setTimeout(loadRest, REST_MS);
}

function fetchChat() {
  for (const name of CHAT.splice(0)) {
    document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href: `/assets/${name}` }));
  }
}

// What the first view does without.
async function loadRest() {
  try {
    const modules = [import("./call-controller.js"), import("./token-renewal.js")];
    const [{ Phone }, { renewing }] = await Promise.all([...modules, chat.past, chat.secrecy, chat.bell, chat.rulings, loadAll()]);
    renewing(chat, (me) => (memory.me = me));
    // Over plain HTTP a browser has neither microphone nor camera for a page.
    if (globalThis.RTCPeerConnection && navigator.mediaDevices) chat.phone = new Phone(chat);
    changed();
  } catch {
    // The line broke: again when it is back.
    const off = chat.client.on("welcome", () => {
      off();
      loadRest();
    });
  }
}

// A browser does not say why a WebSocket was refused.
async function diagnose(me) {
  const { obstacle } = await import("./sign-in.js");
  return (await obstacle(me))?.replace(/\.$/, "");
}

// --- The address ------------------------------------------------------------------------------

function turn(room) {
  const path = room.kind === "room" ? `/chat/${encodeURIComponent(room.name)}` : `/?with=${encodeURIComponent(room.name)}`;
  if (path !== location.pathname + location.search) history.pushState(null, "", path);
  chat.turn(room);
}

function followAddress() {
  const { kind, name } = addressed() ?? {};
  const room = name ? chat.open(kind, name) : chat.open("room", FIRST_ROOM);
  chat.turn(room);
  if (!name) chat.complain("The address names no room.");
  if (location.hash.startsWith("#key=")) takeKey(room);
}

// It is taken out of the address, where others may see it.
async function takeKey(room) {
  const { hash } = location;
  history.replaceState(null, "", location.pathname + location.search);
  await chat.secrecy.then((secrecy) => secrecy.takeLink(room, hash)).catch(({ message }) => chat.complain(`The key in this link was not taken: ${message}.`));
}

function addressed() {
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

// --- Drawing ----------------------------------------------------------------------------------

// One drawing for a burst of events.
function changed() {
  if (due) return;
  due = true;
  const since = performance.now() - drawnAt;
  if (document.hidden) setTimeout(draw, HIDDEN_MS);
  else if (since < DRAWN_MS) setTimeout(requestAnimationFrame, DRAWN_MS - since, draw);
  else requestAnimationFrame(draw);
}

function draw() {
  due = false;
  drawnAt = performance.now();
  const unread = [...chat.rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  // First-strong isolates: a name's direction marks must not turn the rest of the title round.
  const title = `${unread ? `(${unread}) ` : ""}${chat.active ? `\u2068${chat.active.name}\u2069 – ` : ""}roomd`;
  if (document.title !== title) document.title = title;
  render(html`<${Shell} chat=${chat} now=${Date.now()} turn=${turn} signOut=${signOut} />`, root);
}

// Counts down what is shown in seconds, and lets go of what is over.
function tick() {
  const now = Date.now();
  let due = chat.connection.phase === "waiting" || chat.pause !== undefined;
  if (chat.pause?.until <= now) chat.pause = undefined;
  for (const room of chat.rooms.values()) due = room.expire(now) || due;
  if (due) changed();
}

function signOut(forget) {
  memory.me = undefined;
  chat.client.close();
  if (forget === true) memory.forget(chat.identity.name);
  location.assign(location.pathname);
}

const me = memory.me;
if (me && userName(me.name)) start(me);
else {
  const { Entry } = await import("./sign-in.js");
  render(html`<${Entry} room=${addressed()?.name ?? FIRST_ROOM} known=${(name) => memory.tokenOf(name)} onEnter=${start} />`, root);
  fetchChat();
}
