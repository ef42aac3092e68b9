// The devices on which the user is signed in: each can be signed out, and another one be added by a link.

import { CopyLink } from "./copy-link.js";
import { Dialog } from "./dialog.js";
import { Component, html } from "./html.js";
import { addressOf } from "./names.js";
import { QrCode } from "./qr-code.js";
import { formatDateTime, formatFull } from "./time-format.js";

const LOOK_MS = 3_000; // the server does not tell when a device comes or goes

export class DevicesDialog extends Component {
  state = { devices: undefined, added: undefined, arrived: undefined, problem: undefined };
  #timer = 0;
  #before = new Set(); // the devices when the link was made

  componentDidMount() {
    this.#load();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  componentWillUnmount() {
    clearInterval(this.#timer);
  }

  async #request(command) {
    try {
      return await this.props.chat.client.request(command);
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
      return undefined;
    }
  }

  async #load() {
    const answer = await this.#request({ type: "devices" });
    if (answer) this.setState({ devices: answer.devices, problem: undefined });
    return answer?.devices;
  }

  #add = async () => {
    const before = await this.#load();
    const added = before && (await this.#request({ type: "add_device" }));
    if (!added) return;
    this.#before = new Set(before.map(({ device }) => device));
    this.setState({ added, arrived: undefined, problem: undefined });
  };

  // Whether the link was used: then a new device is in the list. Otherwise it may have expired.
  async #look() {
    const { added } = this.state;
    const devices = await this.#load();
    if (!added || added !== this.state.added) return;
    const arrived = devices?.find(({ device }) => !this.#before.has(device));
    if (arrived) this.setState({ added: undefined, arrived });
    else if (Date.parse(added.expires) < Date.now()) this.setState({ added: undefined, problem: "The link has expired." });
  }

  async #end(device) {
    if (await this.#request({ type: "end_device", device })) await this.#load();
  }

  render({ chat, onClose }, { devices, added, arrived, problem }) {
    const link = added && addressOf(`/#device=${added.code}`);
    return html`<${Dialog} title="Your devices" onClose=${onClose}>
      <p class="hint">You are signed in as <bdi>${chat.me}</bdi> on these devices. Your rooms and private conversations are the same on all of them; keys of encrypted rooms stay on the device where they are.</p>
      <p class="problem" role="alert">${problem}</p>
      <p class="hint" role="status">${arrived && html`Signed in: <bdi>${arrived.label ?? "a device without a name"}</bdi>.`}</p>
      ${added ? html`<div class="new-link">
          <p>Open this link on the other device, paste it there in place of a name, or point its camera at the code. It works once, until <time datetime=${added.expires}>${formatDateTime(added.expires)}</time>. Whoever opens it is signed in as you.</p>
          <p class="row"><code>${link}</code><${CopyLink} link=${link} /></p>
          <${QrCode} key=${link} chat=${chat} text=${link} /></div>`
        : html`<p class="row align-end"><button type="button" class="primary" onClick=${this.#add}>Create a sign-in link</button></p>`}
      <ul class="device-list" aria-label="Devices">${devices?.map((each) => html`<li key=${each.device}>
        <span><bdi>${each.label ?? "A device without a name"}</bdi><small>${stateOf(each)}</small></span>
        ${!each.current && html`<button type="button" class="quiet" onClick=${() => this.#end(each.device)}>Sign out</button>`}</li>`)}</ul>
    </${Dialog}>`;
  }
}

function stateOf({ current, connections, created, seen }) {
  const since = html`since <time datetime=${created} title=${formatFull(created)}>${formatDateTime(created)}</time>`;
  if (current) return html`This device, ${since}`;
  if (connections > 0) return html`Connected, ${since}`;
  return html`${seen && html`Last seen <time datetime=${seen} title=${formatFull(seen)}>${formatDateTime(seen)}</time>, `}${since}`;
}
