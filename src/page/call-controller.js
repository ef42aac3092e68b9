// Calls as the page has them: signals over the chat's connection, and who may ring.

import { Calls } from "./calls.js";
import { privateRoom } from "./names.js";

const SIGNALS = ["offer", "answer", "ice-candidate", "hangup"];
const SAID_MAX = 500; // signals whose refusal is understood

const ENDED = {
  declined: "The call was declined.",
  busy: "The line is busy.",
  "no-answer": "Nobody answered.",
  unreachable: "They cannot be reached.",
  left: "The call is over.",
  lost: "The line of the call broke.",
  missed: "You missed a call.",
  "no-media": "This browser gives the page no microphone.",
};

export class Phone {
  state; // of the call; see calls.js
  #chat;
  #calls;
  #said = new Map(); // id → to whom, oldest first
  #number = 0;

  constructor(chat) {
    this.#chat = chat;
    this.#calls = new Calls({
      user: chat.me,
      send: (type, to, payload) => this.#send(type, to, payload),
      change: (state) => {
        if (state && !this.state) chat.dismiss(); // how the last call ended
        if (state?.phase === "ringing" && this.state?.phase !== "ringing") this.#ring(state);
        this.state = state;
        chat.changed();
      },
      ended: ({ reason, from }) => ENDED[reason] && chat.complain(reason === "missed" ? `You missed a call of ${from}.` : ENDED[reason]),
      mayRing: (room, from) => this.#mayRing(room, from),
      iceServers: () => this.iceServers ?? [],
    });
    for (const type of SIGNALS) chat.client.on(type, ({ from, payload }) => this.#calls.hear(type, from, payload));
    chat.client.on("leave", ({ room, user }) => this.#calls.memberLeft(room, user));
    chat.client.on("welcome", (event) => (this.iceServers = event.ice_servers));
    this.iceServers = chat.iceServers;
  }

  ring({ address }, users, video) {
    return this.#calls.call(address, users, { video });
  }

  accept = () => this.#calls.accept();
  hangUp = () => this.#calls.hangUp();
  mute = () => this.#calls.mute(!this.state.muted);
  camera = () => this.#calls.camera(!this.state.camera).catch(() => this.#chat.complain("This browser gives the page no camera."));

  // A signal of ours was refused. Returns whether it was one.
  refused(id) {
    const to = this.#said.get(id);
    if (to !== undefined) this.#calls.unreachable(to);
    return to !== undefined;
  }

  #send(type, to, payload) {
    const id = `call-${++this.#number}`;
    this.#said.set(id, to);
    if (this.#said.size > SAID_MAX) this.#said.delete(this.#said.keys().next().value);
    this.#chat.client.tell({ type, to, payload, id });
  }

  // Whoever looks elsewhere is told as of a message.
  #ring({ room: address, from }) {
    const room = this.#chat.roomOf(address) ?? this.#chat.open("private", from);
    this.#chat.ring(room, from, "is calling");
  }

  #mayRing(room, from) {
    if (room.startsWith("dm:")) return room === privateRoom(this.#chat.me, from);
    return this.#chat.roomOf(room)?.members.has(from) ?? false;
  }
}
