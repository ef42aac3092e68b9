// The WebRTC connection to one device in a call, with perfect negotiation.
//
// One side makes the first offer, which has a transceiver for audio and one for video, so that turning a camera
// on and off needs no other offer. Where two offers collide all the same, as when both sides restart ICE, the
// polite side rolls its own back and the other side ignores the one it receives (W3C WebRTC, "Perfect
// negotiation example"). Signals are sent and received by the owner.

const CONNECT_MS = 30_000; // until a connection that was never established is given up
const RECONNECT_MS = 15_000; // and one that was interrupted
const MEDIA_STATE_MAX = 1_000; // characters of a message on the data channel

/**
 * @typedef {"connected"|"reconnecting"|"lost"|"closed"} ConnectionState `closed`: by the other side
 * @typedef {{muted: boolean, camera: boolean, screen: boolean}} MediaState `camera`: there is a picture, also of a screen
 */

export class Peer {
  #connection;
  #channel;
  #stream;
  #polite;
  #send;
  #on;
  #negotiated = false; // an offer was made or received
  #offering = false; // an offer is being made
  #settingAnswer = false; // an answer is being applied
  #ignoring = false; // the last offer was ignored, and so are its candidates
  #mediaState = { muted: false, camera: false, screen: false };
  #timer;
  #closed = false;

  /**
   * @param {object} options
   * @param {RTCPeerConnection} options.connection a new one
   * @param {MediaStream} options.stream the media to send
   * @param {boolean} options.polite waits for the first offer; exactly one of the two sides is polite
   * @param {(type: "offer"|"answer"|"ice-candidate", content: object) => void} options.send
   * @param {object} options.on
   * @param {(state: ConnectionState) => void} options.on.state `lost` or `closed` is the last one
   * @param {(stream: MediaStream) => void} options.on.stream the media of the other side
   * @param {(mediaState: MediaState) => void} options.on.mediaState
   */
  constructor({ connection, stream, polite, send, on }) {
    this.#connection = connection;
    this.#stream = stream;
    this.#polite = polite;
    this.#send = send;
    this.#on = on;
    this.#giveUpIn(CONNECT_MS);
    connection.onnegotiationneeded = () => (this.#negotiated || !polite) && this.#guard(() => this.#offer());
    connection.onicecandidate = ({ candidate }) => candidate && send("ice-candidate", { candidate: candidate.toJSON() });
    connection.onconnectionstatechange = () => this.#onConnectionState();
    connection.ontrack = ({ streams: [stream] }) => stream && on.stream(stream);
    this.#channel = connection.createDataChannel("manner", { negotiated: true, id: 0 });
    this.#channel.onopen = () => this.#sendMediaState();
    this.#channel.onmessage = ({ data }) => this.#receiveMediaState(data);
    this.#channel.onclose = () => this.#end("closed");
    if (polite) return;
    for (const kind of ["audio", "video"]) connection.addTransceiver(this.#track(kind) ?? kind, { streams: [stream] });
  }

  /** Sends the video track that the stream has now, or none. */
  updateVideo() {
    const video = this.#connection.getTransceivers().find(({ receiver }) => receiver.track.kind === "video");
    return this.#guard(() => video?.sender.replaceTrack(this.#track("video") ?? null));
  }

  /** Sends the media state to the other side if it has changed. @param {MediaState} mediaState */
  sendMediaState(mediaState) {
    const { muted, camera, screen } = this.#mediaState;
    if (muted === mediaState.muted && camera === mediaState.camera && screen === mediaState.screen) return;
    this.#mediaState = mediaState;
    this.#sendMediaState();
  }

  /** Handles a signal. @param {{description?: RTCSessionDescriptionInit, candidate?: RTCIceCandidateInit}} content */
  handleSignal({ description, candidate }) {
    return this.#guard(() => (description ? this.#receiveDescription(description) : this.#addCandidate(candidate)));
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#connection.close();
  }

  async #offer() {
    this.#negotiated = this.#offering = true;
    try {
      await this.#connection.setLocalDescription();
      this.#sendDescription();
    } finally {
      this.#offering = false;
    }
  }

  async #receiveDescription(description) {
    const offer = description.type === "offer";
    const ready = !this.#offering && (this.#connection.signalingState === "stable" || this.#settingAnswer);
    this.#ignoring = offer && !ready && !this.#polite;
    if (this.#ignoring) return;
    this.#settingAnswer = !offer;
    // An offer that collides with one of our own rolls ours back.
    await this.#connection.setRemoteDescription(description);
    this.#settingAnswer = false;
    if (!offer) return;
    if (!this.#negotiated) await this.#attachTracks();
    await this.#connection.setLocalDescription();
    this.#sendDescription();
  }

  // Sends through the transceivers of the first offer.
  async #attachTracks() {
    this.#negotiated = true;
    for (const transceiver of this.#connection.getTransceivers()) {
      transceiver.direction = "sendrecv";
      transceiver.sender.setStreams(this.#stream);
      await transceiver.sender.replaceTrack(this.#track(transceiver.receiver.track.kind) ?? null);
    }
  }

  #track(kind) {
    return this.#stream.getTracks().find((track) => track.kind === kind);
  }

  async #addCandidate(candidate) {
    try {
      await this.#connection.addIceCandidate(candidate);
    } catch (error) {
      if (!this.#ignoring) throw error;
    }
  }

  #sendDescription() {
    const { type, sdp } = this.#connection.localDescription;
    this.#send(type, { description: { type, sdp } });
  }

  // Runs a step of the negotiation; a failure of it ends the connection.
  async #guard(step) {
    if (this.#closed) return;
    try {
      await step();
    } catch {
      this.#end("lost");
    }
  }

  #onConnectionState() {
    const state = this.#connection.connectionState;
    if (state === "connected") {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#on.state("connected");
    } else if (state === "disconnected" || state === "failed") {
      if (this.#timer === undefined) this.#giveUpIn(RECONNECT_MS);
      if (state === "failed") this.#connection.restartIce();
      this.#on.state("reconnecting");
    }
  }

  #giveUpIn(ms) {
    this.#timer = setTimeout(() => this.#end("lost"), ms);
  }

  #end(state) {
    if (this.#closed) return;
    this.close();
    this.#on.state(state);
  }

  #sendMediaState() {
    if (this.#channel.readyState === "open") this.#channel.send(JSON.stringify(this.#mediaState));
  }

  #receiveMediaState(data) {
    if (typeof data !== "string" || data.length > MEDIA_STATE_MAX) return;
    try {
      const { muted, camera, screen } = JSON.parse(data);
      this.#on.mediaState({ muted: muted === true, camera: camera === true, screen: screen === true });
    } catch {
      // Not a media state: ignore it.
    }
  }
}
