// The views of a call: the dialog that starts one, and the panel of an incoming or active call.

import { Dialog } from "./dialog.js";
import { Avatar, Component, createRef, html, Name, names, User } from "./html.js";
import { titleOf } from "./names.js";
import { formatDuration } from "./time-format.js";

const OTHERS_MAX = 3;
const SHOWN_MAX = 100;

const STATUS = {
  ringing: "ringing…",
  connecting: "connecting…",
  reconnecting: "reconnecting…",
  declined: "declined",
  busy: "busy",
  "no-answer": "no answer",
  unreachable: "unreachable",
  left: "left",
  lost: "connection lost",
};

export class CallDialog extends Component {
  state = { chosen: this.#others.length === 1 ? this.#others : [] };

  get #others() {
    const { chat, room } = this.props;
    return room.kind === "private" ? [room.name] : [...room.members.keys()].filter((user) => user !== chat.me).slice(0, SHOWN_MAX);
  }

  #call(video) {
    const { chat, room, onClose } = this.props;
    onClose();
    chat.calls.call(room, this.state.chosen, video);
  }

  #choose(user, on) {
    const others = this.state.chosen.filter((each) => each !== user);
    this.setState({ chosen: on ? [...others, user] : others });
  }

  render({ room, onClose }, { chosen }) {
    const others = this.#others;
    return html`<${Dialog} title="Call" onClose=${onClose}>
      ${room.kind === "private" ? html`<p>Call <${User} of=${room.name} />. Audio and video go directly between the browsers.</p>`
      : others.length === 0 ? html`<p>No one else is in this room.</p>`
      : html`<p>Choose up to three. Audio and video go directly between the browsers.</p>
        <ul class="callees">${others.map((user) => html`<li key=${user}><label class="check">
          <input type="checkbox" checked=${chosen.includes(user)} disabled=${!chosen.includes(user) && chosen.length >= OTHERS_MAX}
            onChange=${({ target }) => this.#choose(user, target.checked)} /><${Avatar} of=${user} /><${User} of=${user} /></label></li>`)}</ul>`}
      <p class="row align-end"><button type="button" disabled=${chosen.length === 0} onClick=${() => this.#call(false)}>Voice call</button>
        <button type="button" class="primary" disabled=${chosen.length === 0} onClick=${() => this.#call(true)}>Video call</button></p>
    </${Dialog}>`;
  }
}

// An incoming call takes the focus, unless the user is writing; Alt C goes to it at any time. When the panel goes, the
// focus goes to the composer.
export class CallPanel extends Component {
  state = { fullScreen: false };
  panel = createRef();
  #phase;

  componentDidMount() {
    document.addEventListener("keydown", this.#onKey);
    document.addEventListener("fullscreenchange", this.#onFullScreen);
    this.#followPhase();
  }

  componentDidUpdate() {
    this.#followPhase();
  }

  componentWillUnmount() {
    document.removeEventListener("keydown", this.#onKey);
    document.removeEventListener("fullscreenchange", this.#onFullScreen);
    if (this.#hasFocus) document.querySelector(".composer textarea")?.focus();
  }

  get #hasFocus() {
    return this.panel.current?.contains(document.activeElement) || document.activeElement === document.body;
  }

  #followPhase() {
    const { phase } = this.props.calls.state;
    if (phase === this.#phase) return;
    const rings = phase === "ringing" && !this.props.calls.isSilent && !document.activeElement?.value && !document.querySelector("dialog[open]");
    if (rings || (this.#phase !== undefined && this.#hasFocus)) this.panel.current.focus();
    this.#phase = phase;
  }

  #onKey = (key) => {
    if (!key.altKey || key.code !== "KeyC" || key.ctrlKey || key.metaKey) return;
    key.preventDefault();
    this.panel.current.focus();
  };

  #onFullScreen = () => this.setState({ fullScreen: document.fullscreenElement === this.panel.current });

  #toggleFullScreen = () => {
    if (this.state.fullScreen) document.exitFullscreen();
    else this.panel.current.requestFullscreen().catch(() => {}); // the browser has told the user
  };

  render({ calls, me }, { fullScreen }) {
    const { phase, from, video, room, members, muted, camera, screen, stream } = calls.state;
    const place = room.startsWith("dm:") ? "" : html` in <${Name} of=${room} />`;
    if (phase === "ringing") {
      return html`<section class="call ringing" ref=${this.panel} tabindex="-1" role="alertdialog" aria-label=${`${titleOf(from)} is calling`}>
        <${Avatar} of=${from} /><p><strong><${User} of=${from} /> is calling</strong><small>${video ? "Video" : "Voice"}${place}</small></p>
        <span class="row"><button type="button" class="primary danger" onClick=${calls.hangUp}>Decline</button>
          <button type="button" class="primary" onClick=${calls.accept}>Accept</button></span>
      </section>`;
    }
    const isShared = screen || members.some((member) => member.screen);
    return html`<section class="call" ref=${this.panel} tabindex="-1" aria-label="Call">
      <div class="tiles" data-shared=${isShared || undefined}>
        ${members.map((member) => html`<${Tile} key=${member.user} ...${member} />`)}
        <${Tile} key="me" user=${me} own=${true} stream=${stream} camera=${camera || screen} screen=${screen} muted=${muted} status="connected" />
      </div>
      <p class="row">
        <span class="hint" role="status">${phase === "calling" ? ["Ringing ", ...names(members.map(({ user }) => user)), "…"] : ["In a call", place]}</span>
        ${phase === "in-call" && html`<${Timer} since=${calls.since} />`}
        ${navigator.mediaDevices?.getDisplayMedia && html`<button type="button" onClick=${calls.screen}>${screen ? "Stop sharing" : "Share screen"}</button>`}
        ${document.fullscreenEnabled && html`<button type="button" onClick=${this.#toggleFullScreen}>${fullScreen ? "Leave full screen" : "Full screen"}</button>`}
        <button type="button" onClick=${calls.mute}>${muted ? "Unmute" : "Mute"}</button>
        <button type="button" onClick=${calls.camera}>${camera ? "Turn the camera off" : "Turn the camera on"}</button>
        <button type="button" class="primary danger" onClick=${calls.hangUp}>Hang up</button>
      </p>
    </section>`;
  }
}

// For how long the call has lasted. Assistive technology does not read it out each second.
class Timer extends Component {
  #timer = 0;

  componentDidMount() {
    this.#timer = setInterval(() => this.forceUpdate(), 1_000);
  }

  componentWillUnmount() {
    clearInterval(this.#timer);
  }

  render({ since }) {
    return html`<span class="hint timer" role="timer" aria-live="off">${formatDuration(Date.now() - since)}</span>`;
  }
}

class Tile extends Component {
  video = createRef();

  componentDidMount() {
    this.#attach();
  }

  componentDidUpdate() {
    this.#attach();
  }

  // A stream cannot be set as an attribute.
  #attach() {
    const video = this.video.current;
    if (video && video.srcObject !== (this.props.stream ?? null)) video.srcObject = this.props.stream ?? null;
  }

  render({ user, own, status, camera, screen, muted }) {
    return html`<div class="tile" data-status=${status} data-camera=${camera || undefined} data-screen=${screen || undefined}>
      <video ref=${this.video} autoplay playsinline muted=${own} aria-label=${own ? "You" : user}></video>
      ${!camera && html`<${Avatar} of=${user} />`}
      <p>${own ? (screen ? "Your screen" : "You") : html`<${User} of=${user} />${screen && " · screen"}`}${muted ? " · muted" : ""}${STATUS[status] ? ` · ${STATUS[status]}` : ""}</p>
    </div>`;
  }
}
