// One call: its members, and the connections to their devices.
//
// Tells its host, once, when the call is over because no member is left. calls.js decides which signals are
// sent; this only keeps the members and connections.

import { Media } from "./media.js";
import { Peer } from "./peer.js";

const RINGING_MS = 60_000; // how long a member rings, should the device that rang them have vanished
const RINGING = "ringing";
const PRESENT = new Set([RINGING, "connecting", "connected", "reconnecting"]);

/**
 * @typedef {object} Host
 * @property {string} user this user
 * @property {string} device this device's id
 * @property {(type: string, to: string, payload: object) => void} send adds this device's id
 * @property {() => RTCPeerConnection} connect
 * @property {import("./media.js").Open} open
 * @property {(call: Call) => void} change
 * @property {(call: Call, reason: string) => void} ended
 */

export class Call {
  /** @type {"calling"|"ringing"|"in-call"} */ phase;
  /** @type {Media|undefined} */ media;
  accepting = false; // the user has accepted, and the microphone is being opened
  invited = new Set(); // users who are rung by this device
  #host;
  #members = new Map(); // user → {status, stream?, muted, camera}
  #peers = new Map(); // user/device → {user, peer}
  #timers = [];
  #stopped = false;

  /** @param {Host} host @param {{id: string, room: string, from: string, video: boolean, phase: string}} what */
  constructor(host, { id, room, from, video, phase }) {
    this.#host = host;
    Object.assign(this, { id, room, from, video, phase });
  }

  // --- Members --------------------------------------------------------------------------------

  /** The other users of the call, including those who have left. */
  get users() {
    return [...this.#members.keys()];
  }

  /** The users who are in the call or are being rung. */
  get present() {
    return this.users.filter((user) => this.isPresent(user));
  }

  isPresent(user) {
    return PRESENT.has(this.statusOf(user));
  }

  isRinging(user) {
    return this.statusOf(user) === RINGING;
  }

  statusOf(user) {
    return this.#members.get(user)?.status;
  }

  /** Adds users who are being rung, by this device or another. @param {string[]} users */
  addRinging(users) {
    const added = users.filter((user) => user !== this.#host.user && !this.isPresent(user));
    for (const user of added) this.#members.set(user, { status: RINGING, muted: false, camera: false, screen: false });
    this.after(RINGING_MS, () => {
      for (const user of added) if (this.isRinging(user)) this.remove(user, "no-answer");
    });
    this.show();
  }

  /** A user is not in the call, or no longer. Without any other user the call is over. */
  remove(user, status) {
    this.invited.delete(user);
    this.#update(user, { status, stream: undefined, muted: false, camera: false, screen: false });
    if (this.phase !== "ringing" && this.present.length === 0) this.#host.ended(this, status);
  }

  /** A user has left with all devices. */
  leave(user) {
    for (const [name, each] of [...this.#peers]) if (each.user === user) this.#close(name);
    this.remove(user, "left");
  }

  /** A user is in the call, and is about to be connected. */
  markConnecting(user) {
    this.#update(user, { status: "connecting" });
  }

  #update(user, change) {
    if (this.#stopped) return;
    Object.assign(this.#members.get(user), change);
    this.show();
  }

  // --- Connections ----------------------------------------------------------------------------

  /** The connection to a device, if there is one. @returns {Peer|undefined} */
  peer(user, device) {
    return this.#peers.get(`${user}/${device}`)?.peer;
  }

  hasPeer(user) {
    return [...this.#peers.values()].some((each) => each.user === user);
  }

  /**
   * Connects to a device that is in the call. Of the two, the device with the higher id makes the first
   * offer. Returns whether that is this one.
   */
  connect(user, device) {
    const polite = this.#host.device < device;
    const name = `${user}/${device}`;
    const isCurrent = () => this.#peers.get(name)?.peer === peer;
    const content = { call: this.id, to: device };
    const peer = new Peer({
      connection: this.#host.connect(),
      stream: this.media.stream,
      polite,
      send: (type, signal) => isCurrent() && this.#host.send(type, user, { ...content, ...signal }),
      on: {
        state: (state) => isCurrent() && this.#onState(user, device, state),
        stream: (stream) => isCurrent() && this.#update(user, { stream }),
        mediaState: (mediaState) => isCurrent() && this.#update(user, mediaState),
      },
    });
    this.#peers.set(name, { user, peer });
    this.markConnecting(user);
    return !polite;
  }

  #onState(user, device, state) {
    if (state === "lost") this.disconnect(user, device, "lost");
    else if (state === "closed") this.disconnect(user, device, "left");
    else this.#update(user, { status: state });
  }

  /** A device has left the call. Without any other device its user has left too. */
  disconnect(user, device, status) {
    this.#close(`${user}/${device}`);
    if (!this.hasPeer(user)) this.remove(user, status);
  }

  #close(name) {
    const { peer } = this.#peers.get(name);
    this.#peers.delete(name);
    peer.close();
  }

  // --- This device ----------------------------------------------------------------------------

  /** Opens the microphone. Resolves with whether the call goes on; rejects if there is no microphone. */
  async openMedia() {
    const media = await Media.start(this.#host.open, this.video);
    if (this.#stopped) media.stop();
    else this.media = media;
    return !this.#stopped;
  }

  mute(muted) {
    this.media?.mute(muted);
    this.show();
  }

  async camera(on) {
    if (!this.media || this.media.camera === on) return;
    if (on) await this.media.addCamera();
    else this.media.removeVideo();
    this.#videoChanged();
  }

  async screen(on) {
    if (!this.media || this.media.screen === on) return;
    if (on) await this.media.addScreen(this.#host.openScreen, () => this.screen(false));
    else this.media.removeVideo();
    this.#videoChanged();
  }

  #videoChanged() {
    for (const { peer } of this.#peers.values()) peer.updateVideo();
    this.show();
  }

  // --- The call -------------------------------------------------------------------------------

  /** Runs a task later, unless the call is over by then. */
  after(ms, task) {
    this.#timers.push(setTimeout(task, ms));
  }

  /** Reports the current state to the host and to the other devices. */
  show() {
    if (this.#stopped) return;
    for (const { peer } of this.#peers.values()) peer.sendMediaState(this.#mediaState());
    this.#host.change(this);
  }

  /** @returns {import("../calls.js").State} */
  state() {
    const { phase, room, from, video, media } = this;
    const members = [...this.#members].map(([user, member]) => ({ user, ...member }));
    return { phase, room, from, video, ...this.#mediaState(), camera: media?.camera ?? false, stream: media?.stream, members };
  }

  #mediaState() {
    const { muted = false, camera = false, screen = false } = this.media ?? {};
    return { muted, camera: camera || screen, screen };
  }

  /** Ends the call. Returns the media, which the caller stops or passes on to another call. */
  stop() {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { peer } of this.#peers.values()) peer.close();
    return this.media;
  }
}
