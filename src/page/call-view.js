// The views of a call: the dialog that starts one, and the panel of an incoming or active call.

import { Dialog } from "./dialog.js";
import { Avatar, Component, createRef, html, IconButton, Name, names } from "./html.js";

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
      ${room.kind === "private" ? html`<p>Call <${Name} of=${room.name} />. Audio and video go directly between the browsers.</p>`
      : others.length === 0 ? html`<p>No one else is in this room.</p>`
      : html`<p>Choose up to three. Audio and video go directly between the browsers.</p>
        <ul class="callees">${others.map((user) => html`<li key=${user}><label class="check">
          <input type="checkbox" checked=${chosen.includes(user)} disabled=${!chosen.includes(user) && chosen.length >= OTHERS_MAX}
            onChange=${({ target }) => this.#choose(user, target.checked)} /><${Avatar} of=${user} /><${Name} of=${user} /></label></li>`)}</ul>`}
      <p class="row align-end"><button type="button" disabled=${chosen.length === 0} onClick=${() => this.#call(false)}>Voice call</button>
        <button type="button" class="primary" disabled=${chosen.length === 0} onClick=${() => this.#call(true)}>Video call</button></p>
    </${Dialog}>`;
  }
}

export function CallPanel({ calls, me }) {
  const { phase, from, video, room, members, muted, camera, stream } = calls.state;
  if (phase === "ringing") {
    return html`<section class="call ringing" role="alertdialog" aria-label=${`${from} is calling`}>
      <${Avatar} of=${from} /><p><strong><${Name} of=${from} /> is calling</strong><small>${video ? "Video" : "Voice"}${room.startsWith("dm:") ? "" : html` in <${Name} of=${room} />`}</small></p>
      <span class="row"><button type="button" class="primary danger" onClick=${calls.hangUp}>Decline</button>
        <button type="button" class="primary" onClick=${calls.accept}>Accept</button></span>
    </section>`;
  }
  return html`<section class="call" aria-label="Call">
    <div class="tiles">
      ${members.map((member) => html`<${Tile} key=${member.user} ...${member} />`)}
      <${Tile} key="me" user=${me} own=${true} stream=${stream} camera=${camera} muted=${muted} status="connected" />
    </div>
    <p class="row">
      <span class="hint" role="status">${phase === "calling" ? ["Ringing ", ...names(members.map(({ user }) => user)), "…"] : "In a call"}</span>
      <button type="button" aria-pressed=${muted} onClick=${calls.mute}>${muted ? "Unmute" : "Mute"}</button>
      <${IconButton} icon="camera" label=${camera ? "Turn the camera off" : "Turn the camera on"} aria-pressed=${camera} onClick=${calls.camera} />
      <button type="button" class="primary danger" onClick=${calls.hangUp}>Hang up</button>
    </p>
  </section>`;
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

  render({ user, own, status, camera, muted }) {
    return html`<div class="tile" data-status=${status} data-camera=${camera || undefined}>
      <video ref=${this.video} autoplay playsinline muted=${own} aria-label=${own ? "You" : user}></video>
      ${!camera && html`<${Avatar} of=${user} />`}
      <p><${Name} of=${own ? "You" : user} />${muted ? " · muted" : ""}${STATUS[status] ? ` · ${STATUS[status]}` : ""}</p>
    </div>`;
  }
}
