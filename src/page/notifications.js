// Notifications of the browser, for messages that come while the page is hidden; only when asked for.

import { lineOf } from "./markup.js";

export class Bell {
  #chat;
  #turn;

  constructor(chat, turn) {
    this.#chat = chat;
    this.#turn = turn;
  }

  // The browser asks the reader, and only when the reader has asked for it.
  async turn(on) {
    const notify = on && (await Notification.requestPermission()) === "granted";
    this.#chat.remember((settings) => (settings.notify = notify));
  }

  // Somebody has said something.
  ring(room, user, text) {
    if (Notification.permission !== "granted") return;
    const title = room.kind === "room" ? `${user} in ${room.name}` : user;
    const body = lineOf(text, 200);
    let notification;
    try {
      // One notification a room: a burst does not pile up.
      notification = new Notification(title, { body, tag: room.key, icon: "/assets/favicon.svg" });
    } catch {
      // Some telephones give the permission, and take notifications from service workers alone.
      return;
    }
    notification.onclick = () => {
      focus();
      this.#turn(room);
      notification.close();
    };
  }
}
