// Connects calls.js with the chat: sends signals over its connection, and shows incoming calls and problems.

import { CallLog } from "./call-log.js";
import { Calls } from "./calls.js";
import { privateRoom, titleOf } from "./names.js";

const SIGNALS = ["offer", "answer", "ice-candidate", "hangup"];
const SENT_MAX = 500; // signals whose refusal is recognised

const ENDED = {
  declined: "The call was declined.",
  busy: "The user is busy in another call.",
  "no-answer": "No one answered.",
  unreachable: "The user cannot be reached.",
  left: "The call has ended.",
  lost: "The call was disconnected.",
  "no-media": "The page has no access to a microphone.",
};

export class CallController {
  state; // of the call; see calls.js
  since; // when the call was accepted, in ms
  isSilent = false; // it rings in a conversation of which the user wants to be told nothing
  #chat;
  #calls;
  #sent = new Map(); // id → recipient, oldest first
  #number = 0;
  #log;
  #last; // state of the call, with when it was accepted
  #begun = Date.now(); // when the call began

  constructor(chat) {
    this.#chat = chat;
    this.#calls = new Calls({
      user: chat.me,
      send: (type, to, payload) => this.#send(type, to, payload),
      change: (state) => {
        if (state && !this.state) {
          chat.dismiss(); // the problem of the last call
          this.#begun = Date.now();
        }
        if (state?.phase === "in-call") this.since ??= Date.now();
        if (state?.phase === "ringing" && this.state?.phase !== "ringing") this.#ring(state);
        if (state) this.#last = { ...state, answered: this.since };
        else this.since = undefined;
        this.state = state;
        chat.changed();
      },
      ended: (ended) => this.#ended(ended),
      mayRing: (room, from) => this.#mayRing(room, from),
      iceServers: () => this.iceServers ?? [],
    });
    for (const type of SIGNALS) chat.client.on(type, ({ from, payload }) => this.#calls.handleSignal(type, from, payload));
    chat.client.on("leave", ({ room, user }) => this.#calls.memberLeft(room, user));
    chat.client.on("welcome", (event) => (this.iceServers = event.ice_servers));
    this.iceServers = chat.iceServers;
    this.#log = new CallLog(chat);
    chat.client.on("joined", ({ room }) => this.showLog(chat.roomOf(room)));
    chat.client.on("message", ({ room, replayed }) => replayed && this.showLog(chat.roomOf(room)));
    for (const room of chat.rooms.values()) this.showLog(room);
  }

  // Shows the earlier calls of a conversation, among as many of its messages as are loaded.
  showLog(room) {
    if (room) this.#log.show(room);
  }

  // Calls those who were in an earlier call.
  callBack(room, { from, to }) {
    this.call(room, [from, ...to].slice(0, 4), false);
  }

  call({ address }, users, video) {
    return this.#calls.call(address, users, { video });
  }

  accept = () => this.#calls.accept();
  hangUp = () => this.#calls.hangUp();
  mute = () => this.#calls.mute(!this.state.muted);
  camera = () => this.#calls.camera(!this.state.camera).catch(() => this.#chat.showProblem("The page has no access to a camera."));

  screen = () => this.#calls.screen(!this.state.screen).catch(() => {}); // the user has chosen no screen

  // Handles the refusal of a command with this id. Returns whether it was a signal.
  refused(id) {
    const to = this.#sent.get(id);
    if (to !== undefined) this.#calls.unreachable(to);
    return to !== undefined;
  }

  // A call that another device of the user took is in the log of that one.
  #ended({ reason, from, room: address }) {
    const { members = [], video = false, answered } = this.#last ?? {};
    const to = members.map(({ user }) => user).filter((user) => user !== from);
    const outcome = answered ? "ended" : from === this.#chat.me ? (reason === "hung-up" ? "cancelled" : reason) : reason === "hung-up" ? "declined" : reason;
    const call = { id: `${this.#begun}`, from, to, video, at: new Date(this.#begun).toISOString(), outcome };
    if (answered) call.seconds = Math.round((Date.now() - answered) / 1_000);
    if (reason !== "taken" && reason !== "no-media") this.#log.add(this.#roomOf(address, from), call);
    this.#last = undefined;
    if (ENDED[reason]) this.#chat.showProblem(ENDED[reason]);
    else if (reason === "missed") this.#chat.showProblem(`You missed a call from ${titleOf(from)}.`);
    else if (answered) this.#chat.announce("The call has ended.");
  }

  #roomOf(address, from) {
    return this.#chat.roomOf(address) ?? this.#chat.open("private", from);
  }

  #send(type, to, payload) {
    const id = `call-${++this.#number}`;
    this.#sent.set(id, to);
    if (this.#sent.size > SENT_MAX) this.#sent.delete(this.#sent.keys().next().value);
    this.#chat.client.tell({ type, to, payload, id });
  }

  // Tells the user, as of a message. A conversation that is set to nothing shows the call and no more.
  #ring({ room: address, from }) {
    const room = this.#roomOf(address, from);
    this.isSilent = this.#chat.levelOf(room) === "nothing";
    if (this.isSilent) return;
    this.#chat.announce(`${titleOf(from)} is calling. Alt C goes to the call.`);
    this.#chat.notify(room, from, "is calling");
  }

  #mayRing(room, from) {
    if (room.startsWith("dm:")) return room === privateRoom(this.#chat.me, from);
    return this.#chat.roomOf(room)?.members.has(from) ?? false;
  }
}
