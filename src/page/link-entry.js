// What a link does whose code stands behind the #: it signs this browser in as another device of a name, or admits to a
// room. Tells whose it is before it is used.

import { deviceLabel, LABEL_MAX } from "./device-label.js";
import { Component, createRef, html } from "./html.js";
import { UNREACHABLE } from "./loading.js";
import { addressOf } from "./names.js";
import { formatDateTime } from "./time-format.js";

// Puts the user on the list of the room; without a token, the server may register the name for it. Then starts the
// chat, which says why the user was not admitted if the room refuses them.
export async function enterByInvitation(room, code, me, start) {
  const named = me.token ? {} : { name: me.name, label: await deviceLabel() };
  const members = addressOf(`/api/v1/rooms/${encodeURIComponent(room)}/members`);
  const { answer, problem } = await post(members, { invitation: code, ...named }, me.token);
  // Who may enter all the same, such as a member, is not told.
  await start(answer?.token ? { ...me, token: answer.token } : me, problem);
}

// What a new user is told of the room before they choose a name: who invited them, and whether it lets them in.
export async function roomToEnter(room, code) {
  if (code) {
    const { answer, problem } = await post(addressOf("/api/v1/codes"), { code, room });
    if (answer) return html`<p><bdi>${answer.by}</bdi> invited you to <bdi>${room}</bdi>.</p>`;
    return html`<p class="problem" role="alert">${problem} Ask whoever sent it for a new one.</p>`;
  }
  const { status } = await fetch(addressOf(`/api/v1/rooms/${encodeURIComponent(room)}`));
  if (status !== 404) return undefined;
  return html`<p class="hint">There is no public room <bdi>${room}</bdi>. If it is a private one, you need an invitation to enter; otherwise it is created.</p>`;
}

export class DeviceEntry extends Component {
  state = { device: undefined, label: "", waiting: false, problem: undefined };
  heading = createRef();

  async componentDidMount() {
    this.heading.current.focus();
    deviceLabel().then((label) => this.setState({ label }));
    const { answer: device, problem } = await post(addressOf("/api/v1/codes"), { code: this.props.code });
    this.setState({ device, problem });
  }

  #signIn = async (event) => {
    event.preventDefault();
    this.setState({ waiting: true, problem: undefined });
    const { answer, problem } = await post(addressOf("/api/v1/devices"), { code: this.props.code, label: this.state.label.trim() || undefined });
    if (answer) this.props.onSignIn({ name: answer.user, token: answer.token, expires: answer.expires });
    else this.setState({ waiting: false, problem });
  };

  // Whoever follows a link of somebody else's would write under their name: so it is asked for.
  render({ me }, { device, label, waiting, problem }) {
    return html`<main class="sign-in">
      <h1 ref=${this.heading} tabindex="-1" style=${{ outline: "none" }}>${device ? html`Sign in as <bdi>${device.user}</bdi>?` : "Sign in on this device?"}</h1>
      ${device && html`<p class="hint">This browser will write as <bdi>${device.user}</bdi>, and see the rooms and private conversations of that name. Continue only if it is yours.
        The link can be used once, until <time datetime=${device.expires}>${formatDateTime(device.expires)}</time>.</p>`}
      ${me && me.name !== device?.user && html`<p class="hint">In this browser you are <bdi>${me.name}</bdi> now. If you sign in, you can return to that name after signing out.</p>`}
      <form onSubmit=${this.#signIn}>
        <label for="device">Name of this device, for your list of devices</label>
        <input id="device" autocomplete="off" maxlength=${LABEL_MAX} value=${label} onInput=${({ target }) => this.setState({ label: target.value })} />
        <p class="problem" role="alert">${problem}</p>
        <button class="primary" disabled=${!device || waiting}>Sign in</button>
      </form>
      <a href=${addressOf("/")} style=${{ color: "var(--accent)" }}>Do not sign in</a>
    </main>`;
  }
}

// {answer} or {problem}, a sentence.
async function post(address, body, token) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  try {
    const response = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
    const answer = await response.json();
    return response.ok ? { answer } : { problem: `${answer.error?.message ?? response.statusText}.` };
  } catch {
    return { problem: `${UNREACHABLE}.` };
  }
}
