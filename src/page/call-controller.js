// Connects calls.js with the chat: sends signals over its connection, and shows incoming calls and problems.

import { Calls } from "./calls.js";
import { privateRoom } from "./names.js";

const SIGNALS = ["offer", "answer", "ice-candidate", "hangup"];
const SENT_MAX = 500; // signals whose refusal is recognised

const ENDED = {
  declined: "The call was declined.",
  busy: "The user is busy in another call.",
  "no-answer": "No one answered.",
  unreachable: "The user cannot be reached.",
  left: "The call has ended.",
  lost: "The call was disconnected.",
  missed: "You missed a call.",
  "no-media": "The page has no access to a microphone.",
};

export class CallController {
  state; // of the call; see calls.js
  #chat;
  #calls;
  #sent = new Map(); // id → recipient, oldest first
  #number = 0;

  constructor(chat) {
    this.#chat = chat;
    this.#calls = new Calls({
      user: chat.me,
      send: (type, to, payload) => this.#send(type, to, payload),
      change: (state) => {
        if (state && !this.state) chat.dismiss(); // the problem of the last call
        if (state?.phase === "ringing" && this.state?.phase !== "ringing") this.#notify(state);
        this.state = state;
        chat.changed();
      },
      ended: ({ reason, from }) => ENDED[reason] && chat.showProblem(reason === "missed" ? `You missed a call from ${from}.` : ENDED[reason]),
      mayRing: (room, from) => this.#mayRing(room, from),
      iceServers: () => this.iceServers ?? [],
    });
    for (const type of SIGNALS) chat.client.on(type, ({ from, payload }) => this.#calls.handleSignal(type, from, payload));
    chat.client.on("leave", ({ room, user }) => this.#calls.memberLeft(room, user));
    chat.client.on("welcome", (event) => (this.iceServers = event.ice_servers));
    this.iceServers = chat.iceServers;
  }

  call({ address }, users, video) {
    return this.#calls.call(address, users, { video });
  }

  accept = () => this.#calls.accept();
  hangUp = () => this.#calls.hangUp();
  mute = () => this.#calls.mute(!this.state.muted);
  camera = () => this.#calls.camera(!this.state.camera).catch(() => this.#chat.showProblem("The page has no access to a camera."));

  // Handles the refusal of a command with this id. Returns whether it was a signal.
  refused(id) {
    const to = this.#sent.get(id);
    if (to !== undefined) this.#calls.unreachable(to);
    return to !== undefined;
  }

  #send(type, to, payload) {
    const id = `call-${++this.#number}`;
    this.#sent.set(id, to);
    if (this.#sent.size > SENT_MAX) this.#sent.delete(this.#sent.keys().next().value);
    this.#chat.client.tell({ type, to, payload, id });
  }

  // Notifies the user, as of a message.
  #notify({ room: address, from }) {
    const room = this.#chat.roomOf(address) ?? this.#chat.open("private", from);
    this.#chat.notify(room, from, "is calling");
  }

  #mayRing(room, from) {
    if (room.startsWith("dm:")) return room === privateRoom(this.#chat.me, from);
    return this.#chat.roomOf(room)?.members.has(from) ?? false;
  }
}
