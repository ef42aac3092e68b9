// The media that this device sends in a call: the microphone, and the camera or the screen while one of them is on.

/** @typedef {(constraints: MediaStreamConstraints) => Promise<MediaStream>} Open as `getUserMedia` */

export class Media {
  #open;
  #stopped = false;
  #screen; // the track of the screen

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
    return this.stream.getVideoTracks().length > 0 && !this.screen;
  }

  get screen() {
    return this.#screen !== undefined;
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
      this.removeVideo();
      this.stream.addTrack(track);
    }
  }

  /**
   * Shares a screen, in place of the camera; the user chooses which.
   * @param {Open} openScreen as `getDisplayMedia`
   * @param {() => void} ended the user has ended it in the browser
   */
  async addScreen(openScreen, ended) {
    const [track] = (await openScreen({ video: true })).getVideoTracks();
    if (this.#stopped || this.screen) return track.stop();
    this.removeVideo();
    this.#screen = track;
    this.stream.addTrack(track);
    track.addEventListener("ended", () => this.#screen === track && ended());
  }

  removeVideo() {
    this.#screen = undefined;
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
