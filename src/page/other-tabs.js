// Takes over what other tabs of this browser change in the settings that they share.

import { isAmong } from "./chat.js";
import { keyOf } from "./room.js";

export function followOtherTabs(chat, storage) {
  const follow = () => takeOver(chat, storage.settings(chat.me));
  storage.watch(chat.identity.name, follow);
  follow(); // what was changed before this was loaded
}

// Opens and leaves the same rooms here, takes over what was read, and which rooms are encrypted.
function takeOver(chat, settings) {
  const before = chat.settings;
  chat.settings = settings;
  for (const { kind, name } of settings.rooms) if (!chat.rooms.has(keyOf(kind, name))) chat.subscribe(chat.open(kind, name));
  for (const room of [...chat.rooms.values()]) {
    if (isAmong(before.rooms, room) && !isAmong(settings.rooms, room)) chat.leave(room);
    const read = settings.read[room.key];
    if (read && read.epoch === room.epoch) room.markRead(read.seq);
    if (chat.isEncrypted(room)) chat.decryptAll(room);
  }
  chat.changed();
}
