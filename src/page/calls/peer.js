// The connection to one device in a call: perfect negotiation, and what becomes of the line.
//
// The first offer has a place for sound and one for pictures, and one side alone makes it; a camera that
// comes and goes then needs no further one. Where two offers meet all the same, as when both sides try to
// repair a line, the polite side takes its own back and the other ignores what it is sent (W3C WebRTC,
// "Perfect negotiation example"). No document and no room in here; signals come and go through
// whoever made it.

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
  #stream;
  #polite;
  #send;
  #on;
  #begun = false; // there has been an offer
  #making = false; // an offer is being made
  #answering = false; // an answer is being taken
  #ignoring = false; // the last offer was ignored, and so are its candidates
  #manner = { muted: false, camera: false };
  #timer;
  #closed = false;

  /**
   * @param {object} options
   * @param {RTCPeerConnection} options.connection a new one
   * @param {MediaStream} options.stream what is sent
   * @param {boolean} options.polite waits for the first offer; the other side must be told the opposite
   * @param {(type: "offer"|"answer"|"ice-candidate", content: object) => void} options.send
   * @param {object} options.on
   * @param {(line: Line) => void} options.on.line `lost` or `closed` is the last
   * @param {(stream: MediaStream) => void} options.on.stream what the other side sends
   * @param {(manner: Manner) => void} options.on.manner
   */
  constructor({ connection, stream, polite, send, on }) {
    this.#connection = connection;
    this.#stream = stream;
    this.#polite = polite;
    this.#send = send;
    this.#on = on;
    this.#giveUpIn(CONNECT_MS);
    connection.onnegotiationneeded = () => (this.#begun || !polite) && this.#guard(() => this.#offer());
    connection.onicecandidate = ({ candidate }) => candidate && send("ice-candidate", { candidate: candidate.toJSON() });
    connection.onconnectionstatechange = () => this.#changed();
    connection.ontrack = ({ streams: [stream] }) => stream && on.stream(stream);
    this.#channel = connection.createDataChannel("manner", { negotiated: true, id: 0 });
    this.#channel.onopen = () => this.#tell();
    this.#channel.onmessage = ({ data }) => this.#told(data);
    this.#channel.onclose = () => this.#end("closed");
    if (polite) return;
    for (const kind of ["audio", "video"]) connection.addTransceiver(this.#track(kind) ?? kind, { streams: [stream] });
  }

  /** Sends the camera's track that the stream has now, or no pictures. */
  film() {
    const pictures = this.#connection.getTransceivers().find(({ receiver }) => receiver.track.kind === "video");
    return this.#guard(() => pictures?.sender.replaceTrack(this.#track("video") ?? null));
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
    this.#begun = this.#making = true;
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
    if (!this.#begun) await this.#fill();
    await this.#connection.setLocalDescription();
    this.#describeSelf();
  }

  // Sends into the places that the first offer has.
  async #fill() {
    this.#begun = true;
    for (const place of this.#connection.getTransceivers()) {
      place.direction = "sendrecv";
      place.sender.setStreams(this.#stream);
      await place.sender.replaceTrack(this.#track(place.receiver.track.kind) ?? null);
    }
  }

  #track(kind) {
    return this.#stream.getTracks().find((track) => track.kind === kind);
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
