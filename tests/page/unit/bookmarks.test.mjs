// The bookmarks of one user on several devices, which come and go without a connection.

import assert from "node:assert/strict";
import { test } from "node:test";
import { numbersFrom } from "../harness/random.mjs";

globalThis.WebSocket ??= class {};
const { Bookmarks } = await import("../../../src/page/bookmarks.js");
const { Chat } = await import("../../../src/page/chat.js");

// A server that keeps bookmarks, for devices that may be offline.
class Host {
  bookmarks = new Map();
  devices = [];

  device() {
    const settings = { rooms: [], read: {}, secret: {}, levels: {}, bookmarked: {} };
    const storage = { settings: () => settings, update: (_, change) => (change(settings), settings), tab: () => ({ unsent: [], drafts: {} }), saveTab() {} };
    const chat = new Chat(storage, { name: "Ann", token: "t" }, "ws://127.0.0.1/ws", { changed() {} });
    const device = { chat, online: false };
    chat.subscribe = () => {};
    chat.client.request = async (command) => this.#answer(device, command);
    chat.client.leave = async () => {};
    chat.client.on = (type, listener) => (device[type] = listener);
    device.bookmarks = new Bookmarks(chat);
    Object.defineProperty(chat, "bookmarks", { value: Promise.resolve(device.bookmarks) });
    this.devices.push(device);
    return device;
  }

  #answer(device, { type, room, notify }) {
    if (!device.online) throw new Error("the connection is lost");
    if (type === "bookmarks") return { bookmarks: [...this.bookmarks].map(([room, notify]) => ({ room, notify })) };
    if (type === "rooms") return { rooms: [] };
    if (type === "unbookmark") this.bookmarks.delete(room);
    else this.bookmarks.set(room, notify ?? this.bookmarks.get(room) ?? "all");
    const told = type === "unbookmark" ? { room } : { room, notify: this.bookmarks.get(room) };
    for (const other of this.devices) if (other !== device && other.online) other[type](told);
    return {};
  }
}

const connect = async (device, online = true) => {
  device.online = online;
  device.chat.connection = { phase: online ? "online" : "waiting" };
  if (online) await device.bookmarks.sync();
};
const settle = async () => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};
const open = ({ chat }) => [...chat.rooms.keys()].sort();

test("a second device lists the rooms and conversations of the first, with their levels", async () => {
  const host = new Host();
  const [desk, phone] = [host.device(), host.device()];
  desk.chat.open("room", "den");
  desk.chat.open("private", "Bob");
  await connect(desk);
  await desk.bookmarks.setLevel(desk.chat.rooms.get("room/den"), "mentions");
  assert.deepEqual([...host.bookmarks], [["den", "mentions"], ["dm:Ann:Bob", "all"]]);
  phone.chat.open("room", "hall");
  await connect(phone);
  assert.deepEqual(open(phone), ["private/Bob", "room/den", "room/hall"]);
  assert.deepEqual(open(desk), open(phone), "the first hears of it at once");
  assert.equal(phone.chat.levelOf(phone.chat.rooms.get("room/den")), "mentions");
  await phone.bookmarks.setLevel(phone.chat.rooms.get("room/den"), "nothing");
  assert.equal(desk.chat.levelOf(desk.chat.rooms.get("room/den")), "nothing");
});

test("what was left without a connection is left everywhere, and what was opened is opened", async () => {
  const host = new Host();
  const [desk, phone] = [host.device(), host.device()];
  for (const name of ["a", "b"]) desk.chat.open("room", name);
  await connect(desk);
  await connect(phone);
  await connect(phone, false);
  phone.chat.forget(phone.chat.rooms.get("room/a"));
  phone.chat.open("room", "c");
  desk.chat.forget(desk.chat.rooms.get("room/b"));
  await settle();
  await connect(phone);
  await settle();
  assert.deepEqual([open(desk), open(phone), [...host.bookmarks.keys()]], [["room/c"], ["room/c"], ["c"]]);
});

test("a room with something that is not sent stays open", async () => {
  const host = new Host();
  const [desk, phone] = [host.device(), host.device()];
  desk.chat.open("room", "a");
  await connect(desk);
  await connect(phone);
  phone.chat.rooms.get("room/a").draft = "half a thought";
  desk.chat.forget(desk.chat.rooms.get("room/a"));
  await settle();
  assert.deepEqual(open(phone), ["room/a"]);
});

test("a guest's levels are this browser's", async () => {
  const host = new Host();
  const { chat, bookmarks } = host.device();
  chat.identity.token = undefined;
  const room = chat.open("room", "a");
  await bookmarks.setLevel(room, "nothing");
  assert.deepEqual([chat.levelOf(room), host.bookmarks.size], ["nothing", 0]);
});

// Whatever is opened and left on two devices that are connected now and then: in the end all agree.
test("devices that come and go agree in the end", async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = numbersFrom(seed * 0x9e3779b9 || 1);
    const host = new Host();
    const devices = [host.device(), host.device()];
    for (const device of devices) await connect(device);
    const steps = [];
    for (let i = 0; i < 30; i++) {
      const device = devices[random(2)];
      const name = ["a", "b", "c"][random(3)];
      const step = random(4);
      steps.push([devices.indexOf(device), ["open", "leave", "offline", "online"][step], name].join(" "));
      if (step === 0) device.chat.open("room", name);
      else if (step === 1 && device.chat.rooms.has(`room/${name}`)) device.chat.forget(device.chat.rooms.get(`room/${name}`));
      else if (step >= 2) await connect(device, step === 3);
      await settle();
    }
    for (const device of [...devices, ...devices]) await connect(device);
    await settle();
    const wanted = [...host.bookmarks.keys()].map((name) => `room/${name}`).sort();
    assert.deepEqual(devices.map(open), [wanted, wanted], `seed ${seed}: ${steps.join(", ")}`);
  }
});
