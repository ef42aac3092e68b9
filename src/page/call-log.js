// The calls of a conversation as lines between its messages, with their times: what was missed, answered or ended. Kept
// by this browser, since the server stores no calls; so they are there after the page is loaded again.

const KEPT_MAX = 50; // calls of a conversation

export class CallLog {
  #chat;

  constructor(chat) {
    this.#chat = chat;
  }

  // Adds a call {id, from, to, at, outcome, seconds?, video} that has ended.
  add(room, call) {
    this.#chat.updateSettings(({ calls }) => (calls[room.key] = [...(calls[room.key] ?? []), call].slice(-KEPT_MAX)));
    place(room, call);
    this.#chat.changed();
  }

  // Puts the calls of a conversation between those of its messages that are loaded.
  show(room) {
    for (const call of this.#chat.settings.calls[room.key] ?? []) place(room, call);
  }
}

// Once the messages around it are here.
function place(room, call) {
  const { entries } = room;
  const id = `${room.key}/call ${call.id}`;
  if (entries.some((entry) => entry.id === id)) return;
  const at = entries.findLastIndex((entry) => Date.parse(entry.at) <= Date.parse(call.at)) + 1;
  if (at === 0 && !room.complete) return;
  const before = entries[at - 1];
  room.entries = entries.toSpliced(at, 0, { id, notice: "call", call, at: call.at, after: before ? (before.seq ?? before.after) : 0 });
}
