// The chat page: what the reader does goes to the server, what the server says into the rooms.
//
// All state is here, in one place; the connection and the view only bring and show it. The page
// never guesses what the server decided: a message counts as sent when `sent` or its own event says so.

import { Connection } from "/assets/connection.js";
import { Room, keyOf, roomName, userName } from "/assets/room.js";
import { View } from "/assets/view.js";

const NAME_KEY = "roomd.name";
const FIRST_ROOM = "lobby";
const HISTORY = 50; // messages asked for when a room is opened
const UNSENT_MAX = 100;
const TYPING_MS = 3_000; // the reader's own typing is told at most this often
const RENDER_MS = 30;
const TICK_MS = 1_000;

const state = {
  me: undefined,
  rooms: new Map(), // key → Room, in the order of opening
  active: undefined,
  publicRooms: [],
  connection: { phase: "connecting" },
  problem: undefined, // {text, until?}
  away: false,
};

let connection;
let typingToldAt = 0;
let rendering = false;

// --- What the reader does -------------------------------------------------------------------

const view = new View({
  enter(input) {
    const name = userName(input);
    if (!name) return "That name cannot be used here.";
    remember(name);
    if (!state.me) start(name);
    else if (name === state.me && state.connection.phase !== "closed") view.showChat();
    else location.reload(); // another name is another user: start anew
  },
  join(input) {
    const name = roomName(input);
    if (!name) return "A room name has 1 to 64 characters, no spaces, none of / ? #, and does not begin with dm:";
    turn(openRoom("room", name));
  },
  whisper: (user) => turn(openRoom("private", user)),
  turn,
  leave,
  say,
  write(text) {
    if (!state.active) return;
    state.active.draft = text;
    tellTyping(text);
  },
  again(entry) {
    delete entry.reason;
    entry.state = "waiting";
    join(state.active);
    post(state.active, entry);
    render();
  },
  remove(entry) {
    state.active.unsent = state.active.unsent.filter((each) => each !== entry);
    render();
  },
  refresh: loadPublicRooms,
  rename: () => view.askName(state.me),
  retry: () => connection.open(),
  dismiss() {
    state.problem = undefined;
    render();
  },
  away(away) {
    state.away = away;
    connection.send({ type: "presence", status: away ? "away" : "online" });
  },
});

function turn(room, fromAddress = false) {
  state.active = room;
  if (room) room.unread = 0;
  view.turnTo(room);
  if (room?.kind === "room") {
    const path = `/chat/${encodeURIComponent(room.name)}`;
    if (!fromAddress && path !== location.pathname) history.pushState(null, "", path);
    join(room);
    if (room.standing === "in") loadMembers(room);
  }
  render();
}

function openRoom(kind, name) {
  const key = keyOf(kind, name);
  let room = state.rooms.get(key);
  if (!room) {
    room = new Room(kind, name);
    state.rooms.set(key, room);
  }
  return room;
}

function leave(room) {
  if (room.kind === "room") {
    connection.request({ type: "leave", room: room.name }, (reply) => {
      if (reply.type === "error" && reply.code !== "not_member") complain(`Could not leave ${room.name}: ${reply.message}`);
      loadPublicRooms();
    });
  }
  forget(room);
}

function forget(room) {
  state.rooms.delete(room.key);
  if (state.active === room) turn([...state.rooms.values()].at(-1));
  else render();
}

// Returns whether the text was taken; if not, the reader keeps it.
function say(text) {
  const room = state.active;
  if (room.unsent.length >= UNSENT_MAX) {
    complain(`${UNSENT_MAX} messages are waiting already.`);
    return false;
  }
  // Half a surrogate pair is no text to the server.
  const entry = { user: state.me, text: text.toWellFormed(), mid: newMid(), state: "waiting" };
  const excess = connection.excess(commandFor(room, entry));
  if (excess > 0) {
    complain(`The message is ${excess.toLocaleString()} bytes too long.`);
    return false;
  }
  room.draft = "";
  room.unsent.push(entry);
  post(room, entry);
  typingToldAt = 0;
  render();
  return true;
}

function post(room, entry) {
  const { mid } = entry;
  connection.deliver(commandFor(room, entry), (reply) => {
    if (reply.type === "error") room.fail(mid, reply.message);
    else room.settle(mid, { ...reply, at: validTime(reply.at) });
    render();
  });
}

function commandFor(room, { text, mid }) {
  const command = { message: text, mid };
  return room.kind === "room"
    ? { type: "message", room: room.name, ...command }
    : { type: "private", to: room.name, ...command };
}

function tellTyping(text) {
  const room = state.active;
  const now = Date.now();
  if (!text || room.kind !== "room" || room.standing !== "in" || now - typingToldAt < TYPING_MS) return;
  typingToldAt = now;
  connection.send({ type: "typing", room: room.name, typing: true });
}

// --- What is asked of the server ------------------------------------------------------------

// While the connection is down nothing is asked: every open room is joined after `welcome`.
function join(room) {
  if (room.kind !== "room" || room.standing !== "out" || state.connection.phase !== "online") return;
  room.standing = "asked";
  connection.request({ type: "join", room: room.name, history: HISTORY, since: room.since }, (reply) => {
    if (reply.type === "error") refused(room, reply);
    else joined(room, reply);
    render();
  });
}

function joined(room, reply) {
  if (state.rooms.get(room.key) !== room) return; // left again; its `leave` is in the line
  const lost = room.enter(reply);
  if (lost) reload(room);
  if (room === state.active) loadMembers(room);
}

function refused(room, error) {
  complain(`Could not join ${room.name}: ${error.message}`);
  room.standing = "out";
  // A room that was open keeps what it shows, above all what is not sent yet.
  if (room.epoch === undefined && room.unsent.length === 0) forget(room);
}

// What was missed cannot be replayed: show the newest there is.
function reload(room) {
  connection.request({ type: "history", room: room.name, limit: HISTORY }, (reply) => {
    for (const event of reply.messages ?? []) receive(room, event);
    render();
  });
}

function loadMembers(room) {
  connection.request({ type: "members", room: room.name }, (reply) => {
    if (!Array.isArray(reply.members)) return;
    room.members = new Map(reply.members.map(({ user, status, lastSeen }) => [user, { status, lastSeen }]));
    state.away = room.members.get(state.me)?.status === "away"; // another window may have said so
    render();
  });
}

function loadPublicRooms() {
  connection.request({ type: "rooms" }, (reply) => {
    if (!Array.isArray(reply.rooms)) return;
    state.publicRooms = reply.rooms;
    render();
  });
}

// --- What the server says -------------------------------------------------------------------

const heard = {
  welcome(event) {
    state.me = event.user;
    for (const room of state.rooms.values()) {
      room.standing = "out";
      join(room);
    }
    if (state.away) connection.send({ type: "presence", status: "away" });
    loadPublicRooms();
  },
  message(event, room) {
    if (room) receive(room, event);
  },
  private(event) {
    receive(openRoom("private", event.from === state.me ? event.to : event.from), { ...event, user: event.from });
  },
  join(event, room) {
    if (!room) return;
    room.arrive(event.user);
    if (event.user !== state.me) room.notice("joined the room", event.user, validTime(event.at));
  },
  leave(event, room) {
    if (!room || event.user === state.me) return;
    room.depart(event.user);
    room.notice("left the room", event.user, validTime(event.at));
  },
  typing(event, room) {
    if (event.username !== state.me) room?.typing(event.username, event.typing, Date.now());
  },
  presence({ user, status, lastSeen }) {
    if (user === state.me) state.away = status === "away";
    for (const room of state.rooms.values()) {
      if (room.members.has(user)) room.members.set(user, { status, lastSeen });
    }
  },
  lagged(event, room) {
    if (!room) return;
    room.notice(`${event.missed} messages were missed`, "", validTime(event.at));
    reload(room);
  },
  error(event) {
    if (event.code === "name_taken") {
      connection.close(event.message);
      view.askName(state.me, event.message);
    } else {
      complain(event.message);
    }
  },
};

function hear(event) {
  if (!Object.hasOwn(heard, event.type)) return;
  heard[event.type](event, state.rooms.get(keyOf("room", event.room)));
  render();
}

function receive(room, { user, message, cipher, seq, mid, at }) {
  const text = cipher ? "(encrypted message)" : String(message);
  const isNew = room.receive({ user, text, seq, mid, at: validTime(at) });
  if (!isNew || user === state.me || seq <= room.old) return;
  if (room !== state.active || document.hidden) room.unread += 1;
}

// --- The page -------------------------------------------------------------------------------

function start(name) {
  state.me = name;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const url = `${scheme}://${location.host}/ws?user=${encodeURIComponent(name)}&format=json`;
  connection = new Connection(url, {
    state(now) {
      state.connection = now;
      render();
    },
    event: hear,
    pause(message, until) {
      state.problem = { text: `${message}.`, until };
      render();
    },
  });
  connection.open();
  view.showChat();
  followAddress();
  addEventListener("popstate", followAddress);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !state.active) return;
    state.active.unread = 0;
    render();
  });
  setInterval(tick, TICK_MS);
}

function followAddress() {
  const name = roomFromAddress();
  if (!name) complain("The address names no room.");
  turn(openRoom("room", name ?? FIRST_ROOM), true);
}

function roomFromAddress() {
  const [, path] = location.pathname.match(/^\/chat\/(.+)$/) ?? [];
  if (!path) return FIRST_ROOM;
  try {
    return roomName(decodeURIComponent(path));
  } catch {
    return undefined;
  }
}

// Counts down what is shown in seconds, and lets typing notices run out.
function tick() {
  const now = Date.now();
  let due = state.connection.phase === "waiting";
  if (state.problem?.until) {
    due = true;
    if (state.problem.until <= now) state.problem = undefined;
  }
  for (const room of state.rooms.values()) due = room.expire(now) || due;
  if (due) render();
}

function complain(text) {
  state.problem = { text };
  render();
}

// One rendering for a burst of events. A timer, because a hidden page is given no frames and its
// title still has to count.
function render() {
  if (rendering) return;
  rendering = true;
  setTimeout(() => {
    rendering = false;
    view.render(state, Date.now());
  }, RENDER_MS);
}

// `crypto.randomUUID` exists only in secure contexts; a server in the house may speak plain HTTP.
function newMid() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function validTime(at) {
  return Number.isNaN(Date.parse(at)) ? new Date().toISOString() : at;
}

function remember(name) {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // Storage is refused: the name lives as long as this page.
  }
}

function remembered() {
  try {
    return userName(localStorage.getItem(NAME_KEY) ?? "");
  } catch {
    return undefined;
  }
}

const name = remembered();
if (name) start(name);
else view.askName();
