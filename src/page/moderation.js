// Moderation: loads who owns, moderates and is muted, sends the commands, and handles the events.

import { titleOf } from "./names.js";
import { validTime } from "./room.js";
import { durationOf } from "./time-format.js";

const CHANGES = new Set(["removed", "admitted", "invited", "role", "muted", "unmuted", "settings"]); // of what `load` has loaded

export class Moderation {
  #chat;
  #loads = new Map(); // room → the promise of its policy

  constructor(chat) {
    this.#chat = chat;
  }

  // Loads what the server tells this user of the room's policy, into `room.policy`.
  load(room) {
    if (!this.#loads.has(room)) this.#loads.set(room, this.#load(room).finally(() => this.#loads.delete(room)));
    return this.#loads.get(room);
  }

  async #load(room) {
    const chat = this.#chat;
    const get = (rest) => chat.get(`/api/v1/rooms/${encodeURIComponent(room.name)}${rest}`);
    const [info, { people = [], banned = [], muted = [] }] = await Promise.all([get(""), get("/members")]);
    const mapOf = (list, key) => new Map(list.map((each) => [each.user, each[key]]));
    room.policy = { info, roles: mapOf(people, "role"), bans: mapOf(banned, "until"), mutes: mapOf(muted, "until") };
    chat.changed();
  }

  // Sends a command, and loads what it has changed.
  async send(room, type, more) {
    await this.#chat.client.request({ type, room: room.name, ...more });
    if (type === "end") return;
    await this.#loads.get(room)?.catch(() => {}); // it may show the room as it was before
    await this.load(room);
  }

  handle(event) {
    const chat = this.#chat;
    const room = chat.roomOf(event.room);
    const last = room?.entries.at(-1);
    handlers[event.type](chat, event, room);
    const notice = room?.entries.at(-1);
    if (notice !== last && notice?.notice && room === chat.active) chat.announce(`${notice.text}.`);
    if (room?.policy && CHANGES.has(event.type)) this.load(room).catch(() => {}); // the connection is lost: loaded when it is shown again
    chat.changed();
  }
}

const handlers = {
  removed(chat, { user, by, reason, at, message }, room) {
    if (!room) return;
    if (user && user !== chat.me) {
      room.removeMember(user);
      return room.addNotice(`${titleOf(by)} ${reason ?? "removed"} ${titleOf(user)}`, validTime(at));
    }
    room.removeMember(chat.me);
    chat.refuse(room, `You are no longer in ${room.name}: ${message}.`);
  },
  invited(chat, { room: name, user, by, at }, room) {
    if (user !== chat.me) return room?.addNotice(`${titleOf(by)} invited ${titleOf(user)}`, validTime(at));
    if (room && room.joinState !== "refused") return;
    chat.invitations.set(name, by);
  },
  admitted(chat, { user, at }, room) {
    room?.addNotice(`${titleOf(user)} came by an invitation`, validTime(at));
  },
  role(chat, { user, by, role, at }, room) {
    if (room && user === chat.me) chat.loadMembers(room);
    const what = role === "voice" ? `gave ${titleOf(user)} a voice` : `made ${titleOf(user)} ${role === "owner" ? "the owner" : `a ${role}`}`;
    room?.addNotice(`${titleOf(by)} ${what}`, validTime(at));
  },
  muted(chat, { user, by, until, at }, room) {
    if (room && user === chat.me) room.mute = { until: until ? Date.parse(until) : Infinity };
    room?.addNotice(`${titleOf(by)} muted ${titleOf(user)}`, validTime(at));
  },
  unmuted(chat, { user, by, at }, room) {
    if (room && user === chat.me) room.mute = undefined;
    room?.addNotice(`${titleOf(by)} unmuted ${titleOf(user)}`, validTime(at));
  },
  about(chat, { subject, description, pinned }, room) {
    if (room) room.about = { subject, description, pinned };
  },
  described(chat, { by, subject, description, at }, room) {
    if (!room) return;
    // What is absent stays as it is, what is empty is removed.
    room.about = { ...room.about, ...(subject !== undefined && { subject }), ...(description !== undefined && { description }) };
    const what = subject ? `set the topic to “${subject}”` : subject === "" ? "removed the topic" : "changed the description of the room";
    room.addNotice(`${titleOf(by)} ${what}`, validTime(at));
  },
  pinned(chat, { by, seq, at }, room) {
    if (!room) return;
    room.about = { ...room.about, pinned: [...new Set([...room.about.pinned, seq])].sort((one, other) => one - other) };
    room.addNotice(`${titleOf(by)} pinned a message`, validTime(at));
  },
  unpinned(chat, { seq }, room) {
    if (room) room.about = { ...room.about, pinned: room.about.pinned.filter((each) => each !== seq) };
  },
  // What the event does not have stays as it was.
  settings(chat, { by, slow_mode_s, announcement, members_max, open_subject, at }, room) {
    if (!room) return;
    room.announcement = announcement ?? room.announcement;
    const changed = [
      announcement !== undefined && (announcement ? "only moderators and people with a voice can post" : "everyone can post"),
      slow_mode_s !== undefined && (slow_mode_s > 0 ? `one message every ${durationOf(slow_mode_s)}` : "no slow mode"),
      members_max !== undefined && (members_max > 0 ? `at most ${members_max} people` : "no limit of people"),
      open_subject !== undefined && (open_subject ? "everyone can set the topic" : "only moderators can set the topic"),
    ].filter(Boolean);
    room.addNotice(`${titleOf(by)} changed the settings: ${changed.join(", ")}`, validTime(at));
  },
};
