// Calls: audio and video between two to four members of a room, directly between their browsers.
//
// One call at a time, as a mesh: each device in it has a connection to each other one. The server only relays
// signals (calls/signal.js), and no IP address of this device is sent before the call is accepted on it.
// Independent of the page: the caller shows the state that `change` gives, and passes in the server's events.

import { Call } from "./calls/call.js";
import { MEMBERS_MAX, readSignal } from "./calls/signal.js";

const RING_MS = 45_000; // how long this device lets others ring
const INCOMING_MS = 60_000; // how long a call rings here, should the caller vanish
const JOIN_MS = 30_000; // how long a member who is in the call may take to connect

/**
 * @typedef {object} Member another member of the call
 * @property {string} user
 * @property {"ringing"|"connecting"|"connected"|"reconnecting"|"declined"|"busy"|"no-answer"|"unreachable"|"left"|"lost"} status
 * @property {MediaStream} [stream]
 * @property {boolean} muted
 * @property {boolean} camera whether there is a picture
 * @property {boolean} screen whether it is that of a screen
 *
 * @typedef {object} State of the call, for the view
 * @property {"calling"|"ringing"|"in-call"} phase
 * @property {string} room
 * @property {string} from who started it
 * @property {boolean} video whether it started with video
 * @property {boolean} muted
 * @property {boolean} camera
 * @property {boolean} screen
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
   * @param {string} options.user this user's name
   * @param {(type: string, to: string, payload: object) => void} options.send sends a signal to the server
   * @param {(state: State|undefined) => void} options.change called with each new state; `undefined` when the call is over
   * @param {(ended: Ended) => void} options.ended
   * @param {(room: string, user: string) => boolean} [options.mayRing] whether both users are in the room
   * @param {() => RTCIceServer[]} [options.iceServers] `ice_servers` of the welcome
   * @param {import("./calls/media.js").Open} [options.media]
   * @param {import("./calls/media.js").Open} [options.screen]
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
    screen = (constraints) => navigator.mediaDevices.getDisplayMedia(constraints),
    connect = (configuration) => new RTCPeerConnection(configuration),
  }) {
    this.#on = { change, ended, mayRing };
    const device = newId();
    this.#host = {
      user,
      device,
      open: media,
      openScreen: screen,
      send: (type, to, payload) => send(type, to, { ...payload, device }),
      connect: () => connect({ iceServers: iceServers() }),
      change: (call) => call === this.#call && change(call.state()),
      ended: (call, reason) => call === this.#call && this.#end(reason),
    };
  }

  // --- Actions of the user --------------------------------------------------------------------

  /**
   * Calls members of a room. Resolves with true when they are being rung; with false if there is already a
   * call, or no microphone.
   * @param {string} room
   * @param {string[]} users one to three other users
   */
  async call(room, users, { video = false } = {}) {
    const others = [...new Set(users)].filter((user) => user !== this.#host.user);
    if (this.#call || others.length === 0 || others.length >= MEMBERS_MAX) return false;
    const call = this.#begin({ id: newId(), room, from: this.#host.user, video, phase: "calling" });
    if (!(await this.#openMedia(call))) return false;
    this.#ring(call, others);
    return true;
  }

  /** Rings more members into the call. @param {string[]} users */
  invite(users) {
    const call = this.#call;
    if (call?.phase !== "in-call") return false;
    const wanted = [...new Set(users)].filter((user) => user !== this.#host.user && !call.isPresent(user));
    if (wanted.length === 0 || call.present.length + wanted.length >= MEMBERS_MAX) return false;
    this.#ring(call, wanted);
    return true;
  }

  /** Accepts the incoming call. Resolves with false if it is over before the microphone is open. */
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

  /** Leaves, declines or cancels the call. */
  hangUp() {
    if (!this.#call) return;
    this.#sendHangups(this.#call);
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

  /** Shares a screen in place of the camera, or no longer. Rejects as `getDisplayMedia` does. @param {boolean} on */
  async screen(on) {
    await this.#call?.screen(on);
  }

  // --- Events of the server -------------------------------------------------------------------

  /** Handles an `offer`, `answer`, `ice-candidate` or `hangup`. @param {string} type @param {string} from @param {unknown} payload */
  handleSignal(type, from, payload) {
    const signal = readSignal(type, payload);
    if (!signal || from === this.#host.user) return;
    if (signal.step === "ring") return this.#onRing(from, signal);
    const call = this.#call;
    if (call?.id !== signal.call || !call.isPresent(from)) return;
    if (signal.step === "accept") this.#onAccept(call, from, signal);
    else if (signal.step === "connect") this.#onConnect(call, from, signal);
    else this.#onHangup(call, from, signal);
  }

  /** The server refused a signal to this user, who is offline. @param {string} user */
  unreachable(user) {
    if (this.#call?.invited.has(user)) this.#call.remove(user, "unreachable");
  }

  /** A user has left a room. @param {string} room @param {string} user */
  memberLeft(room, user) {
    const call = this.#call;
    if (call?.room === room && call.isPresent(user)) this.#onLeft(call, user);
  }

  #onRing(from, { call: id, room, video, members }) {
    if (!members.includes(this.#host.user) || !members.includes(from) || !this.#on.mayRing(room, from)) return;
    const before = this.#call;
    if (before?.id === id) {
      if (before.isPresent(from)) before.addRinging(members); // more members are being rung
      return;
    }
    // Two users who ring each other at once get one call: the one with the lower id.
    const same = before && before.phase !== "in-call" && before.room === room && before.isPresent(from);
    if (before && !same) return this.#host.send("hangup", from, { call: id, reason: "busy" });
    if (before && before.id < id) return;
    const wanted = before?.phase === "calling" || before?.accepting;
    for (const user of before?.invited ?? []) this.#host.send("hangup", user, { call: before.id, reason: "cancelled" });
    const media = before?.stop();
    const call = this.#begin({ id, room, from, video, phase: "ringing" });
    call.addRinging(members);
    call.after(INCOMING_MS, () => call.phase === "ringing" && this.#end("missed"));
    if (!wanted) return;
    call.accepting = true;
    call.media = media;
    if (media) this.#enter(call);
    else this.#openMedia(call).then((open) => open && this.#enter(call));
  }

  #onAccept(call, from, { device, to }) {
    if (call.phase === "ringing" || call.peer(from, device) || (to ?? this.#host.device) !== this.#host.device) return;
    const { id } = call;
    if (call.invited.delete(from)) this.#host.send("hangup", from, { call: id, reason: "taken", to: device });
    call.phase = "in-call";
    // The device that makes the offer has to know of this one.
    if (!call.connect(from, device)) this.#host.send("answer", from, { call: id, accept: true, to: device });
  }

  #onConnect(call, from, { device, to, description, candidate }) {
    if (to !== this.#host.device || call.phase !== "in-call") return;
    if (description?.type === "offer" && !call.peer(from, device)) call.connect(from, device);
    call.peer(from, device)?.handleSignal({ description, candidate });
  }

  #onHangup(call, from, { reason, device, to }) {
    if (reason === "taken") {
      if (to === this.#host.device) return;
      if (call.phase === "in-call") this.#sendHangups(call);
      this.#end("taken");
    } else if (reason === "declined" || reason === "busy") {
      if (!call.isRinging(from)) return;
      // Stops the user's other devices from ringing.
      if (call.invited.has(from)) this.#host.send("hangup", from, { call: call.id, reason: "cancelled" });
      call.remove(from, reason);
    } else if (call.peer(from, device)) {
      call.disconnect(from, device, "left");
    } else if (!call.hasPeer(from)) {
      this.#onLeft(call, from);
    }
  }

  // --- Internals ---------------------------------------------------------------------------------

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
      this.#sendHangups(call);
      this.#end("no-media");
      return false;
    }
  }

  #ring(call, users) {
    for (const user of users) call.invited.add(user);
    call.addRinging(users);
    const { id, room, video, present } = call;
    const payload = { call: id, room, video, members: [this.#host.user, ...present] };
    for (const user of present) this.#host.send("offer", user, payload);
    call.after(RING_MS, () => this.#unanswered(call, users));
  }

  #unanswered(call, users) {
    for (const user of users) {
      if (!call.invited.has(user)) continue;
      this.#host.send("hangup", user, { call: call.id, reason: "cancelled" });
      call.remove(user, "no-answer");
    }
  }

  #enter(call) {
    call.phase = "in-call";
    call.markConnecting(call.from);
    for (const user of call.present) this.#host.send("answer", user, { call: call.id, accept: true });
    call.after(JOIN_MS, () => {
      for (const user of call.present) if (!call.isRinging(user) && !call.hasPeer(user)) call.remove(user, "lost");
    });
  }

  #onLeft(call, user) {
    if (call.phase === "ringing" && user === call.from) this.#end("missed");
    else call.leave(user);
  }

  #sendHangups(call) {
    for (const user of call.present) {
      const reason = call.phase === "ringing" ? "declined" : call.invited.has(user) ? "cancelled" : "left";
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

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
