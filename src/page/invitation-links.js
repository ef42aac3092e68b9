// Links that admit whoever opens them to a room: made, listed and revoked by its moderators. With `fragment` they carry
// the key of an encrypted room.

import { CopyLink } from "./copy-link.js";
import { Component, html } from "./html.js";
import { addressOfRoom } from "./names.js";
import { QrCode } from "./qr-code.js";
import { formatDateTime } from "./time-format.js";

const VALIDITIES = [[86_400, "a day"], [604_800, "a week"], [2_592_000, "30 days"]];
const USES = [[1, "one person"], [10, "10 people"], [100, "100 people"]];

export class InvitationLinks extends Component {
  state = { invitations: undefined, made: undefined, problem: undefined };
  #chosen = { for_s: VALIDITIES[1][0], uses: USES[1][0] };

  componentDidMount() {
    this.#load();
  }

  async #request(command) {
    const { chat, room } = this.props;
    try {
      const answer = await chat.client.request({ ...command, room: room.name });
      this.setState({ problem: undefined });
      return answer;
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
      return undefined;
    }
  }

  async #load() {
    const answer = await this.#request({ type: "invitations" });
    if (answer) this.setState({ invitations: answer.invitations });
  }

  #make = async (event) => {
    event.preventDefault();
    const made = await this.#request({ type: "invitation", ...this.#chosen });
    if (made) this.setState({ made });
    await this.#load();
  };

  async #revoke({ invitation }) {
    if (await this.#request({ type: "revoke", invitation })) this.setState({ made: undefined });
    await this.#load();
  }

  #link({ code }) {
    const { room, fragment } = this.props;
    return `${addressOfRoom(room)}#invite=${code}${fragment ? `&${fragment}` : ""}`;
  }

  render({ chat, fragment }, { invitations, made, problem }) {
    const choice = (name, label, all) => html`<label class="row">${label} <select onChange=${({ target }) => (this.#chosen[name] = Number(target.value))}>
      ${all.map(([value, text]) => html`<option key=${value} value=${value} selected=${value === this.#chosen[name]}>${text}</option>`)}</select></label>`;
    return html`<form class="stacked" onSubmit=${this.#make}>
        <p class="hint">An invitation is a link: whoever opens it gives a name and is in.</p>
        ${choice("for_s", "Valid for", VALIDITIES)}
        ${choice("uses", "Admits", USES)}
        <button class="primary">Create an invitation</button>
      </form>
      <p class="problem" role="alert">${problem}</p>
      ${made && html`<div class="new-link"><p class="row"><code>${this.#link(made)}</code><${CopyLink} link=${this.#link(made)} /></p>
        ${!fragment && html`<${QrCode} key=${made.code} chat=${chat} text=${this.#link(made)} />`}</div>`}
      <ul class="device-list" aria-label="Invitations">${invitations?.map((each) => html`<li key=${each.invitation}>
        <span>By <bdi>${each.by}</bdi><small>${each.used} of ${each.uses} used, until <time datetime=${each.until}>${formatDateTime(each.until)}</time></small></span>
        <${CopyLink} link=${this.#link(each)} />
        <button type="button" class="quiet" onClick=${() => this.#revoke(each)}>Revoke</button></li>`)}</ul>`;
  }
}
