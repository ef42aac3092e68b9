// The media that this device sends in a call: the microphone, and the camera while it is on.

/** @typedef {(constraints: MediaStreamConstraints) => Promise<MediaStream>} Open as `getUserMedia` */

export class Media {
  #open;
  #stopped = false;

  /** @param {MediaStream} stream @param {Open} open */
  constructor(stream, open) {
    this.stream = stream;
    this.#open = open;
  }

  /**
   * Opens the microphone, and the camera if `video`; without a camera, the microphone alone.
   * @param {Open} open
   * @param {boolean} video
   */
  static async start(open, video) {
    if (!video) return new Media(await open({ audio: true }), open);
    try {
      return new Media(await open({ audio: true, video: true }), open);
    } catch {
      return new Media(await open({ audio: true }), open);
    }
  }

  get camera() {
    return this.stream.getVideoTracks().length > 0;
  }

  get muted() {
    return this.stream.getAudioTracks().every((track) => !track.enabled);
  }

  /** @param {boolean} muted */
  mute(muted) {
    for (const track of this.stream.getAudioTracks()) track.enabled = !muted;
  }

  async addCamera() {
    const [track] = (await this.#open({ video: true })).getVideoTracks();
    if (this.#stopped || this.camera) {
      track.stop(); // the call has ended, or the camera was turned on twice
    } else {
      this.stream.addTrack(track);
    }
  }

  removeCamera() {
    for (const track of this.stream.getVideoTracks()) {
      track.stop();
      this.stream.removeTrack(track);
    }
  }

  stop() {
    this.#stopped = true;
    for (const track of this.stream.getTracks()) track.stop();
  }
}
