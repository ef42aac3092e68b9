// The entry point of the chat page: signs the user in, follows the address, and draws the page.

import { BrowserStorage } from "./browser-storage.js";
import { html } from "./html.js";
import { eventually, loadAll, loadModule } from "./loading.js";
import { addressOf, addressOfRoom, basePath, roomName, userName } from "./names.js";
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
  "page-history.js",
  "room.js",
  "roomd-data.js",
  "roomd-subscription.js",
  "roomd.js",
  "sidebar.js",
  "time-format.js",
  "viewport.js",
];

const FIRST_ROOM = "lobby";
const LINK = /^#(device|invite)=(\w+)(?:&(key=.+))?$/; // a code that signs in, or admits to the room of the address; and its key
const FOR_ROOM = /^#(?:invite|key)=./; // what whoever enters the room of the address uses
const HIDDEN_MS = 250; // a hidden page gets no animation frames, but its title still shows the unread count
const FRAME_MS = 30; // at least, between two renders during a burst of events
const TICK_MS = 1_000;
const LAZY_MS = 300; // after the first render

const root = document.getElementById("app");
const storage = new BrowserStorage();
storage.applyAppearance();
let chat;
let AppShell;
let pages; // the PageHistory
let renderDue = false;
let renderedAt = 0;

// `notAdmitted` says why an invitation did not admit the user.
async function start(me, notAdmitted) {
  storage.me = me;
  if (!notAdmitted) unused = undefined;
  fetchChat();
  const [{ Chat }, shell, { PageHistory }] = await Promise.all(["chat", "app-shell", "page-history"].map(loadModule));
  ({ AppShell } = shell);
  const url = new URL(addressOf("/ws"));
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  chat = new Chat(storage, me, url, { changed, select, diagnose: () => diagnose(me) });
  chat.notAdmitted = notAdmitted;
  chat.start();
  followAddress();
  pages = new PageHistory(followAddress);
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
    document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href: addressOf(`/assets/${name}`) }));
  }
}

// Loads what the first render does without.
async function loadLazy() {
  const modules = ["call-controller", "token-renewal", "page-updates", "saved-messages", "display-names", "focus", "other-tabs"];
  const load = () => Promise.all([...modules.map(loadModule), chat.history, chat.encryption, chat.notifications, chat.moderation, chat.changes, loadAll()]);
  const [{ CallController }, { renewToken }, { watchForUpdates }, { SavedMessages }, { followDisplayNames }, { keepFocus }, { followOtherTabs }] = await eventually(chat, load);
  renewToken(chat, (me) => (storage.me = me));
  followDisplayNames(chat);
  keepFocus();
  followOtherTabs(chat, storage);
  // A browser may keep both from a page: it then opens with the server alone.
  for (const started of [watchForUpdates(chat), SavedMessages.start(chat)]) started.catch(() => {});
  // Over plain HTTP, browsers give a page neither the microphone nor the camera.
  if (globalThis.RTCPeerConnection && navigator.mediaDevices) chat.calls = new CallController(chat);
  else chat.noCalls = isSecureContext ? "This browser cannot make calls" : "Calls need HTTPS: over plain HTTP, browsers give a page neither the microphone nor the camera";
  changed();
}

// Finds out why a WebSocket was refused, since the browser does not say.
async function diagnose(me) {
  const { refusalOf } = await loadModule("sign-in");
  return (await refusalOf(me))?.replace(/\.$/, "");
}

// --- The address ------------------------------------------------------------------------------

// With `replaces` instead of the one before, which was left.
function select(room, replaces) {
  pages.open(room ? addressOfRoom(room) : addressOf("/"), replaces);
  chat.select(room);
}

function followAddress() {
  if (LINK.test(location.hash)) return; // the page is loaded again
  const { kind, name, seq } = roomInAddress() ?? {};
  const room = name ? chat.open(kind, name) : chat.open("room", FIRST_ROOM);
  chat.select(room);
  chat.wanted = seq > 0 ? { room, seq } : undefined;
  if (!name) chat.showProblem("This is no valid room address.");
  if (location.hash.startsWith("#key=")) room.importing = importKey(room).then(() => (room.importing = undefined));
}

// Removes the key from the address, where other people may see it.
async function importKey(room) {
  const { hash } = location;
  history.replaceState(history.state, "", location.pathname + location.search);
  await chat.encryption.then((encryption) => encryption.importKeyFromAddress(room, hash)).catch(({ message }) => chat.showProblem(`The link has a wrong key: ${message}.`));
}

function roomInAddress() {
  const query = new URLSearchParams(location.search);
  const other = query.get("with");
  if (other !== null) return { kind: "private", name: userName(other), seq: Number(query.get("message")) };
  const [, path, seq] = location.pathname.slice(basePath.length).match(/^chat\/([^/]+)(?:\/(\d+))?$/) ?? [];
  if (!path) return { kind: "room", name: FIRST_ROOM };
  try {
    return { kind: "room", name: roomName(decodeURIComponent(path)), seq: Number(seq) };
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
  const unread = [...chat.rooms.values()].reduce((sum, room) => sum + { all: room.unread, mentions: room.mentioned, nothing: 0 }[chat.levelOf(room)], 0);
  // First-strong isolates: a name's direction marks must not reverse the rest of the title.
  const title = `${chat.calls?.state?.phase === "ringing" && !chat.calls.isSilent ? "📞 " : ""}${unread ? `(${unread}) ` : ""}${chat.active ? `\u2068${chat.active.name}\u2069 – ` : ""}roomd`;
  if (document.title !== title) document.title = title;
  render(html`<${AppShell} chat=${chat} now=${Date.now()} select=${select} pages=${pages} signOut=${signOut} />`, root);
}

// Updates the countdowns, and drops what has expired.
function tick() {
  const now = Date.now();
  let isDue = chat.connection.phase === "waiting" || chat.pause !== undefined;
  if (chat.pause?.until <= now) chat.pause = undefined;
  for (const room of chat.rooms.values()) isDue = room.expire(now) || isDue;
  if (isDue) changed();
}

async function signOut(forget) {
  storage.me = undefined;
  chat.client.close();
  await storage.forgetMessages(chat.identity.name);
  if (forget === true) storage.forget(chat.identity.name);
  location.assign(location.pathname + location.search);
}

const me = storage.me;
const arrival = location.pathname + location.search;
const kept = storage.takeLink(arrival);
if (kept?.endsWith(location.hash.slice(1))) history.replaceState(null, "", arrival + kept);
// What a link brought, until it is used. Whoever has to log in first leaves the page: meanwhile the browser keeps it, since no server may see a key.
let unused = FOR_ROOM.test(location.hash) ? location.hash : undefined;
addEventListener("pagehide", () => unused && storage.keepLink(arrival, unused));
const [, link, code, key] = LINK.exec(location.hash) ?? [];
if (link) history.replaceState(null, "", location.pathname + location.search + (key ? `#${key}` : "")); // nobody reads the code off the screen
const room = roomInAddress()?.name ?? FIRST_ROOM;
const enter = link ? async (me) => (await loadModule("link-entry")).enterByInvitation(room, code, me, start) : start;
addEventListener("hashchange", () => LINK.test(location.hash) && location.reload()); // a link that is opened in this tab
if (link === "device") {
  const { DeviceEntry } = await loadModule("link-entry");
  render(html`<${DeviceEntry} code=${code} me=${me} onSignIn=${start} />`, root);
} else if (me && userName(me.name)) enter(me);
else {
  const { SignIn } = await loadModule("sign-in");
  const about = room !== FIRST_ROOM && (async () => (await loadModule("link-entry")).roomToEnter(room, code));
  render(html`<${SignIn} room=${room} about=${about} tokenOf=${(name) => storage.tokenOf(name)} onSignIn=${enter} />`, root);
  fetchChat();
}
