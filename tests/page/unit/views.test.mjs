// What the views show of a state, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { detached, find, textOf, treeOf } from "../harness/tree.mjs";

globalThis.matchMedia = () => ({ matches: false, addEventListener() {} });
globalThis.location = new URL("http://127.0.0.1:8000/");
globalThis.document = { createElement: () => ({}), head: { append: (link) => link.onload() } };
globalThis.WebSocket ??= class {};
const { html } = await import("../../../src/page/html.js");
const { AppShell } = await import("../../../src/page/app-shell.js");
const { Chat } = await import("../../../src/page/chat.js");
const { CopyLink } = await import("../../../src/page/copy-link.js");
const { LeaveDialog } = await import("../../../src/page/dialogs.js");
const { loadAll } = await import("../../../src/page/loading.js");
const { MentionList } = await import("../../../src/page/mention-list.js");
const { MessageText } = await import("../../../src/page/message-text.js");
const { Moderation } = await import("../../../src/page/moderation.js");
const { hueOf } = await import("../../../src/page/names.js");
const { Room } = await import("../../../src/page/room.js");
const { RoomDialog } = await import("../../../src/page/room-dialog.js");
await loadAll();

// A chat without a connection, in these rooms; the first is active.
function chatIn(...rooms) {
  const settings = { rooms: [], read: {}, secret: {}, levels: {}, bookmarked: {} };
  const storage = { settings: () => settings, update: (_, change) => (change(settings), settings), tab: () => ({ unsent: [], drafts: {} }), saveTab() {} };
  const chat = new Chat(storage, { name: "Ann" }, "ws://127.0.0.1/ws", { changed() {} });
  for (const name of rooms) chat.open("room", name).enter({ epoch: "e", seq: 0, members: ["Ann"], count: 1 });
  chat.active = chat.roomOf(rooms[0]);
  return chat;
}

const message = (seq, more) => ({ seq, user: "Bob", text: `t${seq}`, at: "2026-01-01T00:00:00Z", ...more });
const page = (chat, state) => {
  const shell = detached(new AppShell({ chat, pages: {} }), { chat, now: Date.now(), select: () => {} });
  Object.assign(shell.state, state);
  return shell;
};
const banners = (chat) => find(page(chat).tree(), { tag: "div" }).filter(({ props }) => props.class?.startsWith("banner")).map(({ children }) => textOf(children));
const labels = (tree) => find(tree, { tag: "button" }).map(({ props, children }) => props["aria-label"] ?? textOf(children).trim());

test("a long message can be folded again", () => {
  const props = { text: "x\n".repeat(99) };
  const row = detached(new MessageText(props), props);
  assert.deepEqual(labels(row.tree()), ["Show all 198 characters"]);
  const target = { closest: () => ({ scrollIntoView() {} }) };
  find(row.tree(), { class: "quiet" })[0].props.onClick({ target });
  assert.deepEqual(labels(row.tree()), ["Show less"]);
  find(row.tree(), { class: "quiet" })[0].props.onClick({ target });
  assert.deepEqual(labels(row.tree()), ["Show all 198 characters"]);
});

test("mentions are counted apart, and a quiet room's other messages are not in the way", () => {
  const chat = chatIn("r", "s");
  const room = chat.roomOf("s");
  room.markRead(1);
  for (const [i, text] of ["hi", "@Ann, hi", "`@Ann`", "@here"].entries()) room.receive(message(i + 2, { text }), "Ann");
  room.receive(message(9, { text: "@Ann?", deleted: true }), "Ann");
  const counts = () => find(page(chat).tree(), { tag: "span" }).filter(({ props }) => props.class?.includes("count") && props.class !== "icon-button with-count").map(({ props, children }) => [props.class, textOf(children)]);
  assert.deepEqual(counts(), [["count", "@2 mentions"], ["count quiet-count", "4 unread"]]);
  chat.settings.levels[room.key] = "mentions";
  assert.deepEqual(counts(), [["count", "@2 mentions"], ["count quiet-count", "4 unread"]]);
});

test("the names that complete a mention are those of the room, and keys choose among them", () => {
  const chat = chatIn("r");
  for (const user of ["Bob", "Cleo", "Bea"]) chat.active.addMember(user);
  chat.active.receive(message(1, { user: "Bert" }), "Ann"); // who has left
  const [taken, attributes, list] = [[], {}, {}];
  const field = { setAttribute: (name, value) => (attributes[name] = value), removeAttribute: (name) => delete attributes[name] };
  const props = { chat, room: chat.active, word: "b", field, list, onChoose: (name) => taken.push(name), onClose: () => taken.push("closed") };
  const names = detached(new MentionList(props), props);
  names.componentDidMount();
  const shown = () => find(names.tree(), { role: "option" }).map(({ props, children }) => (props["aria-selected"] === "true" ? `>${textOf(children).slice(1).trim()}` : textOf(children).slice(1).trim()).replace(/\s+/g, " "));
  assert.deepEqual(shown(), [">Bert", "Bob", "Bea"]);
  const press = (key, more) => list.current.key({ key, preventDefault() {}, stopPropagation() {}, ...more });
  assert.equal(press("ArrowDown"), true);
  assert.deepEqual(shown(), ["Bert", ">Bob", "Bea"]);
  names.componentDidUpdate(props);
  assert.equal(attributes["aria-activedescendant"], "mention-1");
  assert.deepEqual([press("Enter"), press("Enter", { shiftKey: true }), press("x"), press("Escape")], [true, false, false, true]);
  assert.deepEqual(taken, ["Bob", "closed"]);
  names.props = { ...props, word: "" };
  assert.ok(shown().includes("here everyone in the room") && !shown().includes("Ann"));
  names.props = { ...props, word: "BOB" };
  assert.deepEqual([shown(), press("Enter"), press("Tab")], [[">Bob"], false, true]);
  names.props = { ...props, word: "zz" };
  assert.deepEqual([shown(), press("Enter")], [[], false]);
});

test("the list of rooms shows what was said last, not what failed or a reaction that waits", () => {
  const chat = chatIn("r");
  chat.active.receive(message(1), "Ann");
  for (const [mid, more] of [["a", {}], ["b", { reactTo: 1 }], ["c", {}]]) chat.active.addUnsent({ user: "Ann", text: mid, mid, at: "2026-01-01T00:00:00Z", ...more });
  assert.equal(chat.active.last.text, "c");
  chat.active.fail("c", "no");
  assert.equal(chat.active.last.text, "a");
  chat.active.fail("a", "no");
  assert.equal(chat.active.last.text, "t1");
});

test("a problem that is solved is no longer shown, and no other is hidden", () => {
  const chat = chatIn("r");
  assert.equal(chat.sender.send(chat.active, "x".repeat(65_537)), false);
  assert.equal(chat.problem.text, "The message is 1 byte too long.");
  assert.equal(chat.sender.send(chat.active, "x"), true);
  assert.equal(chat.problem, undefined);
  chat.showProblem("Bob invited you to den.");
  chat.sender.send(chat.active, "y");
  assert.equal(chat.problem.text, "Bob invited you to den.");
});

test("a user who was removed sees one banner, with the reason", () => {
  const removed = { type: "removed", code: "kicked", reason: "kicked", user: "Ann", by: "Bob", message: "Bob kicked you" };
  const chat = chatIn("r", "s");
  for (const room of chat.rooms.values()) room.receive(message(1), "Ann");
  new Moderation(chat).handle({ ...removed, room: "r" });
  assert.deepEqual(banners(chat), ["You are no longer in r: Bob kicked you.Join again"]);
  new Moderation(chat).handle({ ...removed, room: "s" }); // which is not in view
  assert.equal(chat.problem.text, "You are no longer in s: Bob kicked you.");
});

test("one member is not members", () => {
  const chat = chatIn("r");
  const label = () => labels(page(chat).tree()).find((label) => /member/.test(label));
  assert.equal(label(), "1 member");
  chat.active.addMember("Bob");
  assert.equal(label(), "2 members");
});

test("the button that copies a link has a name, whatever it has to say", async () => {
  const props = { link: "x" };
  const button = detached(new CopyLink(props), props);
  const name = () => textOf(find(button.tree(), { tag: "button" })[0].children.filter(({ props }) => !props?.role));
  assert.equal(name(), "Copy link");
  await find(button.tree(), { tag: "button" })[0].props.onClick();
  assert.equal(name(), "Select the link and copy it"); // Node has no clipboard
  assert.equal(textOf(find(button.tree(), { role: "status" })), "Select the link and copy it");
});

test("a muted member can be unmuted, and only who is in the room can be kicked", () => {
  const chat = chatIn("r");
  for (const user of ["Bob", "Cleo"]) chat.active.addMember(user);
  const props = { chat, room: chat.active };
  const dialog = detached(new RoomDialog(props), props);
  const roles = new Map([["Ann", "owner"], ["Dora", "member"]]);
  chat.active.policy = { info: { role: "owner" }, roles, mutes: new Map([["Bob"], ["Emil"]]), bans: new Map() };
  const rows = find(dialog.tree(), { class: "room-members" })[0].children.map(({ children }) => textOf(children).replace(/\s+/g, " ").trim());
  assert.match(rows.find((row) => row.startsWith("Dora")), /^Doramember, not in the room/);
  const options = (user) => rows.filter((row) => row.startsWith(user)).map((row) => row.match(/Unmute|Mute(?! or)|Kick|muted/g)?.join(" "));
  assert.deepEqual(options("Bob"), ["muted Unmute Kick"]);
  assert.deepEqual(options("Cleo"), ["Mute Kick"]);
  assert.deepEqual(options("Dora"), ["Mute"]);
  assert.deepEqual(options("Emil"), ["muted Unmute"]);
});

test("what is typed about a room stays while the page renders again", () => {
  const chat = chatIn("r");
  chat.active.about = { subject: "Tea", pinned: [] };
  const props = { chat, room: chat.active };
  const dialog = detached(new RoomDialog(props), props);
  chat.active.policy = { info: { role: "owner" }, roles: new Map(), mutes: new Map(), bans: new Map() };
  const field = (name) => find(dialog.tree(), { name })[0].props;
  assert.deepEqual([field("subject").value, field("description").value], ["Tea", ""]);
  field("subject").onInput({ target: { name: "subject", value: "Coff" } });
  field("description").onInput({ target: { name: "description", value: "of all kinds" } });
  field("members_max").onInput({ target: { name: "members_max", value: "5" } });
  chat.active.about = { subject: "Cocoa", pinned: [] }; // set by another moderator
  assert.deepEqual(["subject", "description", "members_max"].map((name) => field(name).value), ["Coff", "of all kinds", "5"]);
});

test("public, private and encrypted are three signs, each with its text", () => {
  const chat = chatIn("open", "den");
  chat.roomOf("den").isPrivate = true;
  const signs = () => find(page(chat).tree(), { tag: "li" }).map(({ children }) => find(children, { role: "img" }).map(({ props }) => props["aria-label"]));
  assert.deepEqual(signs(), [["Public room"], ["Private room"]]);
  chat.open("private", "Bob");
  for (const key of chat.rooms.keys()) chat.settings.secret[key] = true;
  assert.deepEqual(signs(), [["Public room", "Encrypted"], ["Private room", "Encrypted"], ["Encrypted"]]);
});

test("the names in a room have colours that can be told apart", () => {
  const counts = new Map();
  for (let i = 0; i < 1_200; i++) counts.set(hueOf(`user ${i}`), (counts.get(hueOf(`user ${i}`)) ?? 0) + 1);
  const hues = [...counts.keys()].sort((a, b) => a - b);
  assert.ok(hues.length >= 10 && hues.every((hue, i) => i === 0 || hue - hues[i - 1] >= 30) && hues.at(-1) <= 330, hues.join());
  assert.ok(Math.max(...counts.values()) < 150, "they are about equally frequent");
});

test("messages from before the encryption are above one divider, and later ones are marked", () => {
  const chat = chatIn("r");
  const room = chat.active;
  for (let seq = 1; seq <= 3; seq++) room.receive(message(seq), "Ann");
  room.addMembershipNotice("Cleo", "join", "2026-01-01T00:00:00Z");
  chat.settings.secret[room.key] = true;
  for (const seq of [4, 5]) room.receive(message(seq, { cipher: {}, text: `t${seq}` }), "Ann");
  room.receive(message(6), "Ann");
  const rows = () => find(page(chat).tree(), { role: "listitem" });
  const divided = () => rows().filter(({ children }) => /Messages before this are not encrypted/.test(textOf(children))).map(({ props }) => props["data-seq"]);
  const marked = () => rows().filter(({ children }) => find(children, { "data-level": "plain" }).length > 0).map(({ props }) => props["data-seq"]);
  assert.deepEqual([divided(), marked()], [[4], [6]]);
  room.edit({ seq: 2, cipher: {}, text: "t2", edited: "2026-01-01T00:00:00Z" });
  assert.deepEqual([divided(), marked()], [[4], [6]]);
  // What is loaded later may be encrypted earlier.
  const older = new Room("room", "r");
  older.enter({ epoch: "e", seq: 9, members: [] });
  older.prepend([message(8), message(9, { cipher: {} })], false);
  assert.equal(older.encryptedFrom, 9);
  older.prepend([message(6), message(7, { cipher: {} })], true);
  assert.equal(older.encryptedFrom, 7);
});

test("without any encrypted message, each that is not is marked", () => {
  const chat = chatIn("r");
  chat.settings.secret[chat.active.key] = true;
  chat.active.receive(message(1), "Ann");
  assert.equal(find(page(chat).tree(), { "data-level": "plain" }).length, 1);
});

test("leaving a room is asked about, and a dialog stays with its room", () => {
  const chat = chatIn("r", "s");
  const shell = page(chat);
  find(shell.tree(), { "aria-label": "Leave r" })[0].props.onClick();
  assert.ok(chat.roomOf("r"), "it was left without a question");
  const [{ name, room }, { dialog }] = [shell.state.dialog, shell.state];
  assert.deepEqual([name, room.name], ["leave", "r"]);
  chat.select(chat.roomOf("s"));
  assert.equal(dialog.room.name, "r");
  const tree = treeOf(html`<${LeaveDialog} chat=${chat} ui=${shell.ui} ...${dialog} onClose=${() => {}} />`);
  find(tree, { class: "primary danger" })[0].props.onClick();
  assert.deepEqual([chat.roomOf("r"), chat.roomOf("s")?.name], [undefined, "s"]);
});
