// What those who rule over a room have done, as everybody in it hears.

import { validTime } from "./room.js";

export class Rulings {
  #chat;

  constructor(chat) {
    this.#chat = chat;
  }

  hear(event) {
    heard[event.type](this.#chat, event, this.#chat.roomOf(event.room));
    this.#chat.changed();
  }
}

const heard = {
  removed(chat, { user, by, reason, at, message }, room) {
    if (!room) return;
    if (user && user !== chat.me) {
      room.depart(user);
      return room.note(`${by} ${{ kicked: "put", banned: "banned" }[reason] ?? "removed"} ${user}${reason === "kicked" ? " out" : ""}`, validTime(at));
    }
    room.refuse();
    room.depart(chat.me);
    chat.complain(`You are no longer in ${room.name}: ${message}.`);
  },
  invited(chat, { room: name, user, by, at }, room) {
    if (user !== chat.me) return room?.note(`${by} invited ${user}`, validTime(at));
    if (room && room.standing !== "refused") return;
    if (room) chat.forget(room);
    chat.join(chat.open("room", name));
    chat.complain(`${by} has invited you to ${name}.`);
  },
  role(chat, { user, by, role, at }, room) {
    if (room && user === chat.me) chat.loadMembers(room);
    room?.note(`${by} made ${user} ${role === "owner" ? "the owner" : `a ${role}`}`, validTime(at));
  },
  muted(chat, { user, by, at }, room) {
    room?.note(`${by} muted ${user}`, validTime(at));
  },
  unmuted(chat, { user, by, at }, room) {
    room?.note(`${by} let ${user} speak again`, validTime(at));
  },
  settings(chat, { by, slow_mode_s, announcement, at }, room) {
    const slow = slow_mode_s > 0 ? `one message each ${slow_mode_s} s` : "no slow mode";
    room?.note(`${by} changed the rules: ${announcement ? "only moderators speak" : "everybody may speak"}, ${slow}`, validTime(at));
  },
};
