// What tells the user of a message that they do not see arrive: a screen reader, and, while the page is hidden, a
// notification of the browser, if the user has enabled them.

import { announce } from "./announcer.js";
import { mentions, singleLine } from "./markup.js";
import { addressOf, titleOf } from "./names.js";

export class Notifications {
  #chat;
  #select;

  constructor(chat, select) {
    this.#chat = chat;
    this.#select = select;
  }

  // Enabling them makes the browser ask for permission.
  async setEnabled(enabled) {
    const notify = enabled && (await Notification.requestPermission()) === "granted";
    this.#chat.updateSettings((settings) => (settings.notify = notify));
  }

  announce(text) {
    announce(text);
  }

  // A message of another user has arrived.
  heard(room, { user, replyTo }, text) {
    const chat = this.#chat;
    const isMention = mentions(text, chat.me);
    const level = chat.levelOf(room);
    const isWanted = level === "all" || (level === "mentions" && isMention);
    if (isWanted) chat.notify(room, user, text);
    const isActive = room === chat.active;
    if (!isActive && !(isWanted && (isMention || room.kind === "private"))) return;
    const repliedTo = room.bySeq(replyTo)?.user;
    const how = [isMention && "mentions you", repliedTo && `replies to ${repliedTo === chat.me ? "you" : titleOf(repliedTo)}`].filter(Boolean).join(" and ");
    const where = isActive ? "" : room.kind === "room" ? ` in ${room.name}` : " in private";
    announce(`${titleOf(user)}${how && ` ${how}`}${where}: ${singleLine(text, 500)}`);
  }

  show(room, user, text) {
    if (Notification.permission !== "granted") return;
    const title = room.kind === "room" ? `${titleOf(user)} in ${room.name}` : titleOf(user);
    const body = singleLine(text, 200);
    let notification;
    try {
      // One notification per room: a burst of messages does not pile up.
      notification = new Notification(title, { body, tag: room.key, icon: addressOf("/assets/favicon.svg") });
    } catch {
      // Some mobile browsers grant the permission, but accept notifications only from service workers.
      return;
    }
    notification.onclick = () => {
      focus();
      this.#select(room);
      notification.close();
    };
  }
}
