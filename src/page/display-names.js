// Learns what registered users want to be called: asks the server about whoever is shown, and is told of changes.

import { displayNames, userName } from "./names.js";

const ASKED_MAX = 300; // users of one request
const SHOWN_MAX = 300; // messages of each conversation whose authors are asked about
const ASK_MS = 100; // after an event, for many at once
const EVENTS = ["joined", "join", "message", "private", "members"];

export function followDisplayNames(chat) {
  const { client } = chat;
  const asked = new Set();
  let timer = 0;

  const ask = async () => {
    timer = 0;
    const users = usersOf(chat).filter((user) => !asked.has(user) && userName(user) === user);
    for (let i = 0; i < users.length; i += ASKED_MAX) {
      const some = users.slice(i, i + ASKED_MAX);
      for (const user of some) asked.add(user);
      const { names } = await client.request({ type: "display_names", users: some });
      const known = new Map(names.map(({ user, name }) => [user, name]));
      for (const user of some) learn(user, known.get(user));
    }
  };
  const askSoon = () => {
    timer ||= setTimeout(() => ask().catch(() => {}), ASK_MS); // the connection is lost: asked with the next one
  };
  const learn = (user, name) => {
    if (displayNames.get(user) === name) return;
    if (name) displayNames.set(user, name);
    else displayNames.delete(user);
    chat.called += 1;
    chat.changed();
  };

  client.on("display_name", ({ user, name }) => learn(user, name));
  client.on("welcome", () => {
    asked.clear(); // a change may have been missed
    askSoon();
  });
  for (const type of EVENTS) client.on(type, askSoon);
  // For a conversation of which more was loaded, or a user whose name was changed here.
  chat.askDisplayNames = (user) => {
    asked.delete(user);
    askSoon();
  };
  askSoon();
}

// Whoever the page shows.
function usersOf(chat) {
  const users = new Set([chat.me]);
  for (const { kind, name, members, entries } of chat.rooms.values()) {
    if (kind === "private") users.add(name);
    for (const user of members.keys()) users.add(user);
    for (const { user } of entries.slice(-SHOWN_MAX)) if (user) users.add(user);
  }
  return [...users];
}
