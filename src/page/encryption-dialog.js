// The encryption dialog: the room's key and its link, and the safety numbers that people compare.

import { CopyLink } from "./copy-link.js";
import { Dialog } from "./dialog.js";
import { Component, createRef, html, Name } from "./html.js";

const KEY_STATES = {
  plain: "Messages in this conversation are not end-to-end encrypted: the server can read them.",
  ready: "Messages that you send here are end-to-end encrypted: the server cannot read them.",
  superseded: "The key of this conversation was changed, and this device did not receive the new one. Ask for the new link.",
};

const RESULTS = {
  none: "This link does not contain a key.",
  same: "This device already has this key.",
  other: "This device has a different key for this conversation. Replace it only if you trust whoever sent you this one.",
  older: "This key was replaced by the one on this device.",
  unproven: "This key decrypts none of the messages here. If you expected it to, forget it and enter another.",
};

export class EncryptionDialog extends Component {
  state = { problem: undefined, link: undefined, missing: [], devices: [], rejected: undefined };
  field = createRef();

  componentDidMount() {
    this.#load();
  }

  async #load() {
    const { chat, room } = this.props;
    try {
      const encryption = await chat.encryption;
      const engine = await encryption.engine();
      await encryption.check(room);
      const users = room.kind === "room" ? [...room.members.keys()] : [room.name];
      const devices = [];
      for (const user of users.filter((user) => user !== chat.me)) {
        for (const { id, trust } of await engine.devices(user)) {
          devices.push({ user, id, trust, number: await engine.safetyNumber(chat.me, user, id) });
        }
      }
      this.setState({ devices });
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  }

  // Does something with the keys, and shows what went wrong.
  async #try(work) {
    this.setState({ problem: undefined });
    try {
      await work(await this.props.chat.encryption, this.props.room);
      await this.#load();
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  }

  #submit = (event) => {
    event.preventDefault();
    const input = this.field.current.value.trim();
    this.#enter(input, false);
  };

  #enter(input, replace) {
    return this.#try(async (encryption, room) => {
      const fragment = /#(key=.+)$/.exec(input)?.[0];
      const result = fragment ? await encryption.useLink(room, fragment, { replace }) : await encryption.usePassphrase(room, input, { replace });
      this.setState({ problem: RESULTS[result], rejected: result === "other" || result === "older" ? input : undefined });
      if ((result === "taken" || result === "unproven") && this.field.current) this.field.current.value = "";
    });
  }

  #create = () => this.#try(async (encryption, room) => this.setState({ link: linkOf(room, await encryption.create(room)) }));

  #rotate = () =>
    this.#try(async (encryption, room) => {
      const { fragment, missing } = await encryption.rotate(room);
      this.setState({ link: linkOf(room, fragment), missing });
    });

  #setTrust = ({ user, id }, trust) =>
    this.#try(async (encryption) => (await encryption.engine()).trust(user, id, trust));

  render({ chat, room, removed, onClose }, { problem, link, missing, devices, rejected }) {
    const keyState = chat.isEncrypted(room) ? (room.keyState ?? "ready") : "plain";
    return html`<${Dialog} title="Encryption" onClose=${onClose}>
      <p>${KEY_STATES[keyState]}</p>
      <p class="problem" role="alert">${problem}</p>
      ${removed && !link && html`<p><${Name} of=${removed} /> was removed but still has the key. <strong>Change the key</strong> so that the old one cannot decrypt new messages.</p>`}
      ${rejected && html`<p class="row align-end"><button type="button" class="danger primary" onClick=${() => this.#enter(rejected, true)}>Replace the key</button></p>`}
      ${link && html`<div class="new-link"><p><strong>This link is the key.</strong> Give it only to people who should read this conversation. It is not shown again.</p>
        <code>${link}</code><${CopyLink} link=${link} />
        ${missing.length > 0 && html`<p class="hint">The new key did not reach ${missing.join(", ")}: send them the link.</p>`}</div>`}
      ${keyState !== "ready" && html`<form class="stacked" onSubmit=${this.#submit}>
        <label for="secret">A link with a key, or a passphrase of at least 8 characters</label>
        <div class="row"><input id="secret" ref=${this.field} autocomplete="off" spellcheck="false" /><button class="primary">Use</button></div>
      </form>`}
      ${keyState === "plain" && html`<p class="row align-end"><button type="button" onClick=${this.#create}>Encrypt with a new link</button></p>`}
      ${devices.length > 0 && html`<h3>Safety numbers</h3><p class="hint">Compare them in person or by voice, not in this conversation.</p>
        <ul class="devices">${devices.map((device) => this.#device(device))}</ul>`}
      ${keyState === "ready" && html`<p class="row align-end">
        <button type="button" onClick=${() => this.#try((encryption) => encryption.forget(room))}>Forget the key</button>
        <button type="button" onClick=${this.#rotate}>Change the key</button></p>`}
    </${Dialog}>`;
  }

  #device(device) {
    const { user, id, trust, number } = device;
    return html`<li key=${id}>
      <p class="row"><${Name} of=${user} /> <small>${{ verified: "verified", known: "not verified", new: "new device" }[trust]}</small></p>
      <p class="number">${number?.replace(/\D/g, "").match(/.{5}/g).map((part) => html`<span>${part}</span> `)}</p>
      ${trust === "new" && html`<button type="button" class="quiet" onClick=${() => this.#setTrust(device, "known")}>This device is theirs</button>`}
      ${trust === "verified"
        ? html`<button type="button" class="quiet" onClick=${() => this.#setTrust(device, "known")}>Remove verification</button>`
        : html`<button type="button" class="quiet" onClick=${() => this.#setTrust(device, "verified")}>The numbers match</button>`}
    </li>`;
  }
}

function linkOf({ kind, name }, fragment) {
  const path = kind === "room" ? `/chat/${encodeURIComponent(name)}` : `/?with=${encodeURIComponent(name)}`;
  return `${location.origin}${path}${fragment.startsWith("#") ? "" : "#"}${fragment}`;
}
