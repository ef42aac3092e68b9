// Calls: voice and video between two to four members of a room, from browser to browser.
//
// One call at a time. Everybody in it has a line to everybody else; the server only carries signals
// (calls/signal.js), and nobody learns an address of this device before the call is accepted on it. No
// document: whoever uses it shows `change`, and passes in what the server says.

import { Call } from "./calls/call.js";
import { MEMBERS_MAX, readSignal } from "./calls/signal.js";

const RING_MS = 45_000; // how long somebody is rung
const RUNG_MS = 60_000; // how long it rings here, should the caller vanish
const JOIN_MS = 30_000; // how long one who is in the call may take to make a line

/**
 * @typedef {object} Member of a call, another than the reader
 * @property {string} user
 * @property {"ringing"|"connecting"|"connected"|"reconnecting"|"declined"|"busy"|"no-answer"|"unreachable"|"left"|"lost"} status
 * @property {MediaStream} [stream]
 * @property {boolean} muted
 * @property {boolean} camera
 *
 * @typedef {object} State what there is to show
 * @property {"calling"|"ringing"|"in-call"} phase
 * @property {string} room
 * @property {string} from who began it
 * @property {boolean} video whether it began with video
 * @property {boolean} muted
 * @property {boolean} camera
 * @property {MediaStream} [stream] what this device sends
 * @property {Member[]} members
 *
 * @typedef {object} Ended
 * @property {string} room
 * @property {string} from
 * @property {"hung-up"|"declined"|"busy"|"no-answer"|"unreachable"|"left"|"lost"|"missed"|"taken"|"no-media"} reason
 */

export class Calls {
  #on;
  #host;
  #call;

  /**
   * @param {object} options
   * @param {string} options.user the reader's name
   * @param {(type: string, to: string, payload: object) => void} options.send gives a signal to the server
   * @param {(state: State|undefined) => void} options.change the call is another now, or over
   * @param {(ended: Ended) => void} options.ended
   * @param {(room: string, user: string) => boolean} [options.mayRing] whether both are in the room
   * @param {() => RTCIceServer[]} [options.iceServers] `ice_servers` of the welcome
   * @param {import("./calls/media.js").Open} [options.media]
   * @param {(configuration: RTCConfiguration) => RTCPeerConnection} [options.connect]
   */
  constructor({
    user,
    send,
    change,
    ended,
    mayRing = () => true,
    iceServers = () => [],
    media = (constraints) => navigator.mediaDevices.getUserMedia(constraints),
    connect = (configuration) => new RTCPeerConnection(configuration),
  }) {
    this.#on = { change, ended, mayRing };
    const device = mark();
    this.#host = {
      user,
      device,
      open: media,
      send: (type, to, payload) => send(type, to, { ...payload, device }),
      connect: () => connect({ iceServers: iceServers() }),
      change: (call) => call === this.#call && change(call.state()),
      over: (call, reason) => call === this.#call && this.#end(reason),
    };
  }

  // --- What the reader does -------------------------------------------------------------------

  /**
   * Rings members of a room. Resolves when they are rung; false if there is a call already, or no
   * microphone.
   * @param {string} room
   * @param {string[]} users one to three others
   */
  async call(room, users, { video = false } = {}) {
    const others = [...new Set(users)].filter((user) => user !== this.#host.user);
    if (this.#call || others.length === 0 || others.length >= MEMBERS_MAX) return false;
    const call = this.#begin({ id: mark(), room, from: this.#host.user, video, phase: "calling" });
    if (!(await this.#openMedia(call))) return false;
    this.#ring(call, others);
    return true;
  }

  /** Rings further members into the call. @param {string[]} users */
  invite(users) {
    const call = this.#call;
    if (call?.phase !== "in-call") return false;
    const wanted = [...new Set(users)].filter((user) => user !== this.#host.user && !call.isIn(user));
    if (wanted.length === 0 || call.present.length + wanted.length >= MEMBERS_MAX) return false;
    this.#ring(call, wanted);
    return true;
  }

  /** Takes the call that rings. False if it is over before the microphone is there. */
  async accept() {
    const call = this.#call;
    if (call?.phase !== "ringing" || call.accepting) return false;
    call.accepting = true;
    if (!(await this.#openMedia(call))) return false;
    this.#enter(call);
    return true;
  }

  decline() {
    if (this.#call?.phase === "ringing") this.hangUp();
  }

  /** Leaves the call, whatever it is. */
  hangUp() {
    if (!this.#call) return;
    this.#farewell(this.#call);
    this.#end("hung-up");
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.#call?.mute(muted);
  }

  /** Turns the camera on or off. Rejects as `getUserMedia` does. @param {boolean} on */
  async camera(on) {
    await this.#call?.camera(on);
  }

  // --- What the server says -------------------------------------------------------------------

  /** An `offer`, `answer`, `ice-candidate` or `hangup`. @param {string} type @param {string} from @param {unknown} payload */
  hear(type, from, payload) {
    const signal = readSignal(type, payload);
    if (!signal || from === this.#host.user) return;
    if (signal.step === "ring") return this.#rung(from, signal);
    const call = this.#call;
    if (call?.id !== signal.call || !call.isIn(from)) return;
    if (signal.step === "accept") this.#accepted(call, from, signal);
    else if (signal.step === "connect") this.#connect(call, from, signal);
    else this.#hungUp(call, from, signal);
  }

  /** The server refused a signal to this user, who is not on line. @param {string} user */
  unreachable(user) {
    if (this.#call?.rung.has(user)) this.#call.lose(user, "unreachable");
  }

  /** A user has left a room. @param {string} room @param {string} user */
  memberLeft(room, user) {
    const call = this.#call;
    if (call?.room === room && call.isIn(user)) this.#left(call, user);
  }

  #rung(from, { call: id, room, video, members }) {
    if (!members.includes(this.#host.user) || !members.includes(from) || !this.#on.mayRing(room, from)) return;
    const before = this.#call;
    if (before?.id === id) {
      if (before.isIn(from)) before.expect(members); // somebody more is rung
      return;
    }
    // Two who ring each other at once mean one call: that with the lesser mark.
    const same = before && before.phase !== "in-call" && before.room === room && before.isIn(from);
    if (before && !same) return this.#host.send("hangup", from, { call: id, reason: "busy" });
    if (before && before.id < id) return;
    const wanted = before?.phase === "calling" || before?.accepting;
    for (const user of before?.rung ?? []) this.#host.send("hangup", user, { call: before.id, reason: "cancelled" });
    const media = before?.stop();
    const call = this.#begin({ id, room, from, video, phase: "ringing" });
    call.expect(members);
    call.after(RUNG_MS, () => call.phase === "ringing" && this.#end("missed"));
    if (!wanted) return;
    call.accepting = true;
    call.media = media;
    if (media) this.#enter(call);
    else this.#openMedia(call).then((open) => open && this.#enter(call));
  }

  #accepted(call, from, { device, to }) {
    if (call.phase === "ringing" || call.line(from, device) || (to ?? this.#host.device) !== this.#host.device) return;
    const { id } = call;
    if (call.rung.delete(from)) this.#host.send("hangup", from, { call: id, reason: "taken", to: device });
    call.phase = "in-call";
    // Whoever is to make the offer has to know of the other.
    if (!call.connect(from, device)) this.#host.send("answer", from, { call: id, accept: true, to: device });
  }

  #connect(call, from, { device, to, description, candidate }) {
    if (to !== this.#host.device || call.phase !== "in-call") return;
    if (description?.type === "offer" && !call.line(from, device)) call.connect(from, device);
    call.line(from, device)?.hear({ description, candidate });
  }

  #hungUp(call, from, { reason, device, to }) {
    if (reason === "taken") {
      if (to === this.#host.device) return;
      if (call.phase === "in-call") this.#farewell(call);
      this.#end("taken");
    } else if (reason === "declined" || reason === "busy") {
      if (!call.isRinging(from)) return;
      // The user's other devices need not ring on.
      if (call.rung.has(from)) this.#host.send("hangup", from, { call: call.id, reason: "cancelled" });
      call.lose(from, reason);
    } else if (call.line(from, device)) {
      call.disconnect(from, device, "left");
    } else if (!call.hasLine(from)) {
      this.#left(call, from);
    }
  }

  // --- Inside ---------------------------------------------------------------------------------

  #begin(what) {
    this.#call = new Call(this.#host, what);
    this.#call.show();
    return this.#call;
  }

  async #openMedia(call) {
    try {
      return await call.openMedia();
    } catch {
      if (call !== this.#call) return false;
      this.#farewell(call);
      this.#end("no-media");
      return false;
    }
  }

  #ring(call, users) {
    for (const user of users) call.rung.add(user);
    call.expect(users);
    const { id, room, video, present } = call;
    const payload = { call: id, room, video, members: [this.#host.user, ...present] };
    for (const user of present) this.#host.send("offer", user, payload);
    call.after(RING_MS, () => this.#unanswered(call, users));
  }

  #unanswered(call, users) {
    for (const user of users) {
      if (!call.rung.has(user)) continue;
      this.#host.send("hangup", user, { call: call.id, reason: "cancelled" });
      call.lose(user, "no-answer");
    }
  }

  #enter(call) {
    call.phase = "in-call";
    call.await(call.from);
    for (const user of call.present) this.#host.send("answer", user, { call: call.id, accept: true });
    call.after(JOIN_MS, () => {
      for (const user of call.present) if (!call.isRinging(user) && !call.hasLine(user)) call.lose(user, "lost");
    });
  }

  #left(call, user) {
    if (call.phase === "ringing" && user === call.from) this.#end("missed");
    else call.leave(user);
  }

  #farewell(call) {
    for (const user of call.present) {
      const reason = call.phase === "ringing" ? "declined" : call.rung.has(user) ? "cancelled" : "left";
      this.#host.send("hangup", user, { call: call.id, reason });
    }
  }

  #end(reason) {
    const call = this.#call;
    this.#call = undefined;
    call.stop()?.stop();
    this.#on.change(undefined);
    this.#on.ended({ room: call.room, from: call.from, reason });
  }
}

function mark() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
