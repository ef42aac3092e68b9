// Browser notifications of messages that arrive while the page is hidden, if the user has enabled them.

import { singleLine } from "./markup.js";

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

  show(room, user, text) {
    if (Notification.permission !== "granted") return;
    const title = room.kind === "room" ? `${user} in ${room.name}` : user;
    const body = singleLine(text, 200);
    let notification;
    try {
      // One notification per room: a burst of messages does not pile up.
      notification = new Notification(title, { body, tag: room.key, icon: "/assets/favicon.svg" });
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
