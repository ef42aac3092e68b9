// One call: who is in it or is being rung, and the lines to their devices.
//
// It knows when it is over, because nobody is left, and tells its host once. What is said to whom is
// up to `calls.js`; here is only what follows for the list of members.

import { Media } from "./media.js";
import { Peer } from "./peer.js";

const RUNG_MS = 60_000; // after this nobody rings any more, should whoever rang them have vanished
const RINGING = "ringing";
const IN = new Set([RINGING, "connecting", "connected", "reconnecting"]);

/**
 * @typedef {object} Host
 * @property {string} user the reader
 * @property {string} device this one's mark
 * @property {(type: string, to: string, payload: object) => void} send adds this device's mark
 * @property {() => RTCPeerConnection} connect
 * @property {import("./media.js").Open} open
 * @property {(call: Call) => void} change
 * @property {(call: Call, reason: string) => void} over
 */

export class Call {
  /** @type {"calling"|"ringing"|"in-call"} */ phase;
  /** @type {Media|undefined} */ media;
  accepting = false; // the reader has said so, and the microphone is being opened
  rung = new Set(); // users whom this device rings
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

  /** The users of the call but the reader, whatever became of them. */
  get users() {
    return [...this.#members.keys()];
  }

  /** Those who are in it or are being rung. */
  get present() {
    return this.users.filter((user) => this.isIn(user));
  }

  isIn(user) {
    return IN.has(this.statusOf(user));
  }

  isRinging(user) {
    return this.statusOf(user) === RINGING;
  }

  statusOf(user) {
    return this.#members.get(user)?.status;
  }

  /** These users are rung, by whomever. @param {string[]} users */
  expect(users) {
    const news = users.filter((user) => user !== this.#host.user && !this.isIn(user));
    for (const user of news) this.#members.set(user, { status: RINGING, muted: false, camera: false });
    this.after(RUNG_MS, () => {
      for (const user of news) if (this.isRinging(user)) this.lose(user, "no-answer");
    });
    this.show();
  }

  /** A user is not in the call (any more); with the last of them it is over. */
  lose(user, status) {
    this.rung.delete(user);
    this.#update(user, { status, stream: undefined, muted: false, camera: false });
    if (this.phase !== "ringing" && this.present.length === 0) this.#host.over(this, status);
  }

  /** A user has left with every device. */
  leave(user) {
    for (const [name, each] of [...this.#peers]) if (each.user === user) this.#cut(name);
    this.lose(user, "left");
  }

  /** A user is in the call, and the line is about to be made. */
  await(user) {
    this.#update(user, { status: "connecting" });
  }

  #update(user, change) {
    if (this.#stopped) return;
    Object.assign(this.#members.get(user), change);
    this.show();
  }

  // --- Lines ----------------------------------------------------------------------------------

  /** The line to a device, if there is one. @returns {Peer|undefined} */
  line(user, device) {
    return this.#peers.get(`${user}/${device}`)?.peer;
  }

  hasLine(user) {
    return [...this.#peers.values()].some((each) => each.user === user);
  }

  /**
   * Makes a line to a device that is in the call. Of the two the one with the greater mark makes the
   * first offer; returns whether it is this one.
   */
  connect(user, device) {
    const polite = this.#host.device < device;
    const name = `${user}/${device}`;
    const ours = () => this.#peers.get(name)?.peer === peer;
    const content = { call: this.id, to: device };
    const peer = new Peer({
      connection: this.#host.connect(),
      stream: this.media.stream,
      polite,
      send: (type, said) => ours() && this.#host.send(type, user, { ...content, ...said }),
      on: {
        line: (line) => ours() && this.#lined(user, device, line),
        stream: (stream) => ours() && this.#update(user, { stream }),
        manner: (manner) => ours() && this.#update(user, manner),
      },
    });
    this.#peers.set(name, { user, peer });
    this.await(user);
    return !polite;
  }

  #lined(user, device, line) {
    if (line === "lost") this.disconnect(user, device, "lost");
    else if (line === "closed") this.disconnect(user, device, "left");
    else this.#update(user, { status: line });
  }

  /** One of a user's devices is out of the call; with the last of them the user. */
  disconnect(user, device, status) {
    this.#cut(`${user}/${device}`);
    if (!this.hasLine(user)) this.lose(user, status);
  }

  #cut(name) {
    const { peer } = this.#peers.get(name);
    this.#peers.delete(name);
    peer.close();
  }

  // --- This device ----------------------------------------------------------------------------

  /** Opens the microphone. Returns whether the call goes on with it; rejects if there is none. */
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
    else this.media.removeCamera();
    for (const { peer } of this.#peers.values()) peer.film();
    this.show();
  }

  // --- The whole ------------------------------------------------------------------------------

  /** Does something later, unless the call is over by then. */
  after(ms, work) {
    this.#timers.push(setTimeout(work, ms));
  }

  /** Tells everybody who should know how it stands. */
  show() {
    if (this.#stopped) return;
    for (const { peer } of this.#peers.values()) peer.show(this.#manner());
    this.#host.change(this);
  }

  /** @returns {import("../calls.js").State} */
  state() {
    const { phase, room, from, video, media } = this;
    const members = [...this.#members].map(([user, member]) => ({ user, ...member }));
    return { phase, room, from, video, ...this.#manner(), stream: media?.stream, members };
  }

  #manner() {
    return { muted: this.media?.muted ?? false, camera: this.media?.camera ?? false };
  }

  /** Nothing happens in it any more. Returns the microphone, which the caller stops or goes on with. */
  stop() {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { peer } of this.#peers.values()) peer.close();
    return this.media;
  }
}
