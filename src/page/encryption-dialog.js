// The dialog about a room's encryption: its key, its link, and the numbers that people compare.

import { CopyLink } from "./copy-link.js";
import { Dialog } from "./dialog.js";
import { Component, createRef, html, Name } from "./html.js";

const STANDING = {
  plain: "Messages in this conversation are not encrypted end to end: the server can read them.",
  ready: "What is written here is encrypted on this device. The server passes on what it cannot read.",
  superseded: "The key of this conversation was changed, and the new one did not reach this device. Ask for the new link.",
};

const TAKEN = {
  none: "That is not a link with a key.",
  same: "This device has this key already.",
  other: "This device has another key for this conversation. Replace it only if you know who sent you this one.",
  older: "That key was replaced by the one this device has.",
  unproven: "Nothing that was said here can be read with this key. If that surprises you, forget it and enter another.",
};

export class KeysDialog extends Component {
  state = { note: undefined, made: undefined, missing: [], devices: [], again: undefined };
  field = createRef();

  componentDidMount() {
    this.#learn();
  }

  async #learn() {
    const { chat, room } = this.props;
    try {
      const secrecy = await chat.secrecy;
      const encryption = await secrecy.encryption();
      await secrecy.look(room);
      const users = room.kind === "room" ? [...room.members.keys()] : [room.name];
      const devices = [];
      for (const user of users.filter((user) => user !== chat.me)) {
        for (const { id, trust } of await encryption.devices(user)) {
          devices.push({ user, id, trust, number: await encryption.safetyNumber(chat.me, user, id) });
        }
      }
      this.setState({ devices });
    } catch ({ message }) {
      this.setState({ note: `${message}.` });
    }
  }

  // Does something with the keys, and says what went wrong.
  async #try(work) {
    this.setState({ note: undefined });
    try {
      await work(await this.props.chat.secrecy, this.props.room);
      await this.#learn();
    } catch ({ message }) {
      this.setState({ note: `${message}.` });
    }
  }

  #use = (submit) => {
    submit.preventDefault();
    const given = this.field.current.value.trim();
    this.#give(given, false);
  };

  #give(given, replace) {
    return this.#try(async (secrecy, room) => {
      const fragment = /#(key=.+)$/.exec(given)?.[0];
      const how = fragment ? await secrecy.useLink(room, fragment, { replace }) : await secrecy.usePassphrase(room, given, { replace });
      this.setState({ note: TAKEN[how], again: how === "other" || how === "older" ? given : undefined });
      if ((how === "taken" || how === "unproven") && this.field.current) this.field.current.value = "";
    });
  }

  #create = () => this.#try(async (secrecy, room) => this.setState({ made: addressOf(room, await secrecy.create(room)) }));

  #rotate = () =>
    this.#try(async (secrecy, room) => {
      const { fragment, missing } = await secrecy.rotate(room);
      this.setState({ made: addressOf(room, fragment), missing });
    });

  #compare = ({ user, id }, trust) =>
    this.#try(async (secrecy) => (await secrecy.encryption()).trust(user, id, trust));

  render({ chat, room, removed, onClose }, { note, made, missing, devices, again }) {
    const standing = chat.isSecret(room) ? (room.secret ?? "ready") : "plain";
    return html`<${Dialog} title="Encryption" onClose=${onClose}>
      <p>${STANDING[standing]}</p>
      <p class="problem" role="alert">${note}</p>
      ${removed && !made && html`<p><${Name} of=${removed} /> was put out, and still has the key. <strong>Change the key</strong>, and what is written from now on cannot be read with the old one.</p>`}
      ${again && html`<p class="row end"><button type="button" class="danger primary" onClick=${() => this.#give(again, true)}>Replace the key</button></p>`}
      ${made && html`<div class="made"><p><strong>This link is the key.</strong> Give it only to those who may read here; it is not shown again.</p>
        <code>${made}</code><${CopyLink} link=${made} />
        ${missing.length > 0 && html`<p class="hint">The new key did not reach ${missing.join(", ")}: give them the link.</p>`}</div>`}
      ${standing !== "ready" && html`<form class="stack" onSubmit=${this.#use}>
        <label for="secret">A link with a key, or a passphrase of at least 8 characters</label>
        <div class="row"><input id="secret" ref=${this.field} autocomplete="off" spellcheck="false" /><button class="primary">Use it</button></div>
      </form>`}
      ${standing === "plain" && html`<p class="row end"><button type="button" onClick=${this.#create}>Encrypt with a new link</button></p>`}
      ${devices.length > 0 && html`<h3>Safety numbers</h3><p class="hint">Compare them side by side or by voice, not in this conversation.</p>
        <ul class="devices">${devices.map((device) => this.#device(device))}</ul>`}
      ${standing === "ready" && html`<p class="row end">
        <button type="button" onClick=${() => this.#try((secrecy) => secrecy.forget(room))}>Forget the key</button>
        <button type="button" onClick=${this.#rotate}>Change the key</button></p>`}
    </${Dialog}>`;
  }

  #device(device) {
    const { user, id, trust, number } = device;
    return html`<li key=${id}>
      <p class="row"><${Name} of=${user} /> <small>${{ verified: "verified", known: "not compared", new: "a new device" }[trust]}</small></p>
      <p class="number">${number?.replace(/\D/g, "").match(/.{5}/g).map((part) => html`<span>${part}</span> `)}</p>
      ${trust === "new" && html`<button type="button" class="quiet" onClick=${() => this.#compare(device, "known")}>It is theirs</button>`}
      ${trust === "verified"
        ? html`<button type="button" class="quiet" onClick=${() => this.#compare(device, "known")}>No longer verified</button>`
        : html`<button type="button" class="quiet" onClick=${() => this.#compare(device, "verified")}>The numbers match</button>`}
    </li>`;
  }
}

function addressOf({ kind, name }, fragment) {
  const path = kind === "room" ? `/chat/${encodeURIComponent(name)}` : `/?with=${encodeURIComponent(name)}`;
  return `${location.origin}${path}${fragment.startsWith("#") ? "" : "#"}${fragment}`;
}
