// The page: a text, who is there, and whether what one has written is saved.

import { element, openClient } from "/page.js";
import { Binding } from "./binding.js";
import { Carets, hueOf } from "./carets.js";
import { Kept } from "./kept.js";
import { Provider } from "./provider.js";
import * as Y from "./vendor/yjs.js";

const ADJECTIVES = ["Quick", "Quiet", "Merry", "Brave", "Gentle", "Bright", "Clever", "Patient"];
const NOUNS = ["Heron", "Otter", "Fox", "Wren", "Badger", "Hare", "Lynx", "Owl"];

const find = (id) => document.getElementById(id);
let frame; // in which something is shown
const room = new URLSearchParams(location.search).get("document") || "notes";
const doc = new Y.Doc();
const text = doc.getText("text");

document.title = `${room} – written together`;
find("title").textContent = room;
const name = find("name");
name.value = localStorage.getItem("name") ?? randomName();

const client = await openClient({}, find("line"));
const provider = new Provider(client, room, doc, { kept: new Kept(room), changed: showSoon });
const area = find("text");
const carets = new Carets(text, find("mirror"));
const binding = new Binding(text, area, showSoon);

name.addEventListener("change", () => {
  localStorage.setItem("name", name.value);
  showSoon();
});
find("offline").addEventListener("click", ({ currentTarget }) => {
  const isOffline = currentTarget.getAttribute("aria-pressed") === "true";
  currentTarget.setAttribute("aria-pressed", String(!isOffline));
  if (isOffline) client.open();
  else client.close("you are working offline");
});
client.on("state", showSoon);
for (const type of ["joined", "join", "leave"]) client.on(type, () => showSoon());
provider.open().then(
  () => area.focus(),
  ({ message }) => (find("problem").textContent = `${message}.`),
);

function showSoon() {
  frame ??= requestAnimationFrame(() => {
    frame = undefined;
    show();
  });
}

function show() {
  carets.show(area.value, provider.carets);
  if (document.activeElement === area) provider.showCaret({ name: name.value.trim(), ...binding.caret });
  const people = [...provider.carets].map(([user, { name }]) => personOf(user, name || user));
  find("people").replaceChildren(personOf(client.user ?? "", name.value || "You", "you"), ...people);
  const { phase, problem } = provider.state;
  const isOnline = client.state.phase === "online";
  find("saved").textContent = { opening: "opening…", saving: isOnline ? "saving…" : "not saved yet: it is sent when there is a connection", saved: "saved" }[phase];
  find("problem").textContent = problem;
  find("figures").textContent = figuresOf(provider);
}

function figuresOf({ figures, state }) {
  const { snapshotBytes, tail } = figures;
  const snapshot = snapshotBytes > 0 ? `one snapshot (${Math.ceil(snapshotBytes / 1024)} KiB) and ` : "";
  const opened = state.phase === "opening" ? "" : `opened from ${snapshot}${tail} ${tail === 1 ? "change" : "changes"}; `;
  return `${opened}the room is at number ${state.position.toLocaleString("en")}`;
}

function personOf(user, name, mark) {
  const initials = name.split(/\s+/, 2).map((word) => [...word][0] ?? "").join("").toUpperCase();
  const person = element("li", { title: name, class: mark }, element("span", { class: "initials", "aria-hidden": "true" }, initials), element("bdi", {}, name));
  person.style.setProperty("--hue", hueOf(user));
  return person;
}

function randomName() {
  const one = (words) => words[Math.floor(Math.random() * words.length)];
  return `${one(ADJECTIVES)} ${one(NOUNS)}`;
}
