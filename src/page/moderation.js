// Handles the events of moderation: removed, invited, muted and the like. room-dialog.js sends the commands.

import { validTime } from "./room.js";

export class Moderation {
  #chat;

  constructor(chat) {
    this.#chat = chat;
  }

  handle(event) {
    handlers[event.type](this.#chat, event, this.#chat.roomOf(event.room));
    this.#chat.changed();
  }
}

const handlers = {
  removed(chat, { user, by, reason, at, message }, room) {
    if (!room) return;
    if (user && user !== chat.me) {
      room.removeMember(user);
      return room.addNotice(`${by} ${reason ?? "removed"} ${user}`, validTime(at));
    }
    room.removeMember(chat.me);
    chat.refuse(room, `You are no longer in ${room.name}: ${message}.`);
  },
  invited(chat, { room: name, user, by, at }, room) {
    if (user !== chat.me) return room?.addNotice(`${by} invited ${user}`, validTime(at));
    if (room && room.joinState !== "refused") return;
    if (room) chat.forget(room);
    chat.join(chat.open("room", name));
    chat.showProblem(`${by} invited you to ${name}.`);
  },
  role(chat, { user, by, role, at }, room) {
    if (room && user === chat.me) chat.loadMembers(room);
    room?.addNotice(`${by} made ${user} ${role === "owner" ? "the owner" : `a ${role}`}`, validTime(at));
  },
  muted(chat, { user, by, at }, room) {
    room?.addNotice(`${by} muted ${user}`, validTime(at));
  },
  unmuted(chat, { user, by, at }, room) {
    room?.addNotice(`${by} unmuted ${user}`, validTime(at));
  },
  settings(chat, { by, slow_mode_s, announcement, at }, room) {
    const slow = slow_mode_s > 0 ? `one message every ${slow_mode_s} s` : "no slow mode";
    room?.addNotice(`${by} changed the settings: ${announcement ? "only moderators can post" : "everyone can post"}, ${slow}`, validTime(at));
  },
};
