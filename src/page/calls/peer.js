// The connection to one device in a call: perfect negotiation, and what becomes of the line.
//
// Both sides may change what they send at any time. When two offers meet, the polite side takes its
// own back and the other ignores what it is sent (W3C WebRTC, "Perfect negotiation example"). No
// document and no room in here; signals come and go through whoever made it.

const CONNECT_MS = 30_000; // a line that was never there is given up
const RECONNECT_MS = 15_000; // and one that broke
const TOLD_MAX = 1_000; // characters of a word on the data channel

/**
 * @typedef {"connected"|"reconnecting"|"lost"|"closed"} Line `closed`: by the other side
 * @typedef {{muted: boolean, camera: boolean}} Manner what a member shows of itself
 */

export class Peer {
  #connection;
  #channel;
  #polite;
  #send;
  #on;
  #making = false; // an offer is being made
  #answering = false; // an answer is being taken
  #ignoring = false; // the last offer was ignored, and so are its candidates
  #manner = { muted: false, camera: false };
  #timer;
  #closed = false;

  /**
   * @param {object} options
   * @param {RTCPeerConnection} options.connection a new one
   * @param {boolean} options.polite the other side must be told the opposite
   * @param {(type: "offer"|"answer"|"ice-candidate", content: object) => void} options.send
   * @param {object} options.on
   * @param {(line: Line) => void} options.on.line `lost` or `closed` is the last
   * @param {(stream: MediaStream) => void} options.on.stream what the other side sends
   * @param {(manner: Manner) => void} options.on.manner
   */
  constructor({ connection, polite, send, on }) {
    this.#connection = connection;
    this.#polite = polite;
    this.#send = send;
    this.#on = on;
    this.#giveUpIn(CONNECT_MS);
    connection.onnegotiationneeded = () => this.#guard(() => this.#offer());
    connection.onicecandidate = ({ candidate }) => candidate && send("ice-candidate", { candidate: candidate.toJSON() });
    connection.onconnectionstatechange = () => this.#changed();
    connection.ontrack = ({ streams: [stream] }) => stream && on.stream(stream);
    this.#channel = connection.createDataChannel("manner", { negotiated: true, id: 0 });
    this.#channel.onopen = () => this.#tell();
    this.#channel.onmessage = ({ data }) => this.#told(data);
    this.#channel.onclose = () => this.#end("closed");
  }

  /** Sends a track, or another one. @param {MediaStreamTrack} track @param {MediaStream} stream */
  add(track, stream) {
    this.#connection.addTrack(track, stream);
  }

  /** @param {MediaStreamTrack} track */
  remove(track) {
    const sender = this.#connection.getSenders().find((each) => each.track === track);
    if (sender) this.#connection.removeTrack(sender);
  }

  /** Tells the other side, if it is another. @param {Manner} manner */
  show(manner) {
    const { muted, camera } = this.#manner;
    if (muted === manner.muted && camera === manner.camera) return;
    this.#manner = manner;
    this.#tell();
  }

  /** Takes a signal. @param {{description?: RTCSessionDescriptionInit, candidate?: RTCIceCandidateInit}} content */
  hear({ description, candidate }) {
    return this.#guard(() => (description ? this.#describe(description) : this.#candidate(candidate)));
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#connection.close();
  }

  async #offer() {
    this.#making = true;
    try {
      await this.#connection.setLocalDescription();
      this.#describeSelf();
    } finally {
      this.#making = false;
    }
  }

  async #describe(description) {
    const offer = description.type === "offer";
    const ready = !this.#making && (this.#connection.signalingState === "stable" || this.#answering);
    this.#ignoring = offer && !ready && !this.#polite;
    if (this.#ignoring) return;
    this.#answering = !offer;
    // An offer that meets one of our own takes ours back.
    await this.#connection.setRemoteDescription(description);
    this.#answering = false;
    if (!offer) return;
    await this.#connection.setLocalDescription();
    this.#describeSelf();
  }

  async #candidate(candidate) {
    try {
      await this.#connection.addIceCandidate(candidate);
    } catch (error) {
      if (!this.#ignoring) throw error;
    }
  }

  #describeSelf() {
    const { type, sdp } = this.#connection.localDescription;
    this.#send(type, { description: { type, sdp } });
  }

  // What the other side sent makes no sense, or came too late: without it there is no line.
  async #guard(work) {
    if (this.#closed) return;
    try {
      await work();
    } catch {
      this.#end("lost");
    }
  }

  #changed() {
    const state = this.#connection.connectionState;
    if (state === "connected") {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#on.line("connected");
    } else if (state === "disconnected" || state === "failed") {
      if (this.#timer === undefined) this.#giveUpIn(RECONNECT_MS);
      if (state === "failed") this.#connection.restartIce();
      this.#on.line("reconnecting");
    }
  }

  #giveUpIn(ms) {
    this.#timer = setTimeout(() => this.#end("lost"), ms);
  }

  #end(line) {
    if (this.#closed) return;
    this.close();
    this.#on.line(line);
  }

  #tell() {
    if (this.#channel.readyState === "open") this.#channel.send(JSON.stringify(this.#manner));
  }

  #told(data) {
    if (typeof data !== "string" || data.length > TOLD_MAX) return;
    try {
      const { muted, camera } = JSON.parse(data);
      this.#on.manner({ muted: muted === true, camera: camera === true });
    } catch {
      // Not our words: nothing to show.
    }
  }
}
