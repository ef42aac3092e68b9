// The encryption dialog: the room's key and its link, and the safety numbers that people compare.

import { CopyLink } from "./copy-link.js";
import { Dialog } from "./dialog.js";
import { Component, createRef, html, names, User } from "./html.js";
import { addressOfRoom } from "./names.js";

const KEY_STATES = {
  plain: "Messages in this conversation are not end-to-end encrypted: the server can read them.",
  missing: "Others encrypt their messages here, and this device does not have the key. Ask somebody who can read them for the link with the key.",
  declined: "Others encrypt their messages here. This device does not have the key, and you chose to write without encryption: the server can read what you send.",
  ready: "Messages that you send here are end-to-end encrypted: the server cannot read them.",
  superseded: "The key of this conversation was changed, and this device did not receive the new one. Ask for the new link.",
};

const RESULTS = {
  none: "This link does not contain a key.",
  same: "This device already has this key.",
  other: "This device has a different key for this conversation. Replace it only if you trust whoever sent you this one.",
  older: "This key was replaced by the one on this device.",
};

const UNPROVEN = "This device has the key now. No message here was encrypted with it so far: so it is if the key is new. If you expected to read older messages, forget it and enter another.";

// What asks before it is done: the question, and the button that answers it.
const QUESTIONS = {
  change: ["A new key goes to the members whose devices are known; all others need its link from you. Whoever was not given it cannot read what is written from then on.", "Yes, change the key"],
  forget: ["This device will no longer read these messages, unless you enter the key again: keep its link.", "Yes, forget the key"],
};

export class EncryptionDialog extends Component {
  state = { problem: undefined, hint: undefined, missing: [], devices: [], rejected: undefined, question: undefined };
  field = createRef();
  link = createRef();
  #fragment; // of the link, when it was shown last

  componentDidMount() {
    this.#load();
  }

  // The focus follows to a link that is new.
  componentDidUpdate() {
    const { fragment } = this.state;
    if (fragment !== this.#fragment && this.state.isNew) this.link.current?.focus();
    this.#fragment = fragment;
  }

  async #load() {
    const { chat, room } = this.props;
    try {
      const encryption = await chat.encryption;
      this.setState({ fragment: encryption.fragmentOf(room) });
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
    this.setState({ problem: undefined, hint: undefined, question: undefined });
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
      const fragment = /[#&](key=.+)$/.exec(input)?.[1];
      const result = fragment ? await encryption.useLink(room, `#${fragment}`, { replace }) : await encryption.usePassphrase(room, input, { replace });
      this.setState({ problem: RESULTS[result], hint: result === "unproven" ? UNPROVEN : undefined, rejected: result === "other" || result === "older" ? input : undefined });
      if ((result === "taken" || result === "unproven") && this.field.current) this.field.current.value = "";
    });
  }

  #create = () => this.#try(async (encryption, room) => {
    await encryption.create(room);
    this.setState({ isNew: true });
  });

  #rotate = () => this.#try(async (encryption, room) => this.setState({ missing: await encryption.rotate(room), isNew: true }));

  #forget = () => this.#try((encryption, room) => encryption.forget(room));

  #writePlainly = () => this.#try((encryption, room) => encryption.writePlainly(room));

  #setTrust = ({ user, id }, trust) =>
    this.#try(async (encryption) => (await encryption.engine()).trust(user, id, trust));

  get #keyState() {
    const { chat, room } = this.props;
    if (chat.isEncrypted(room)) return room.keyState ?? "ready";
    return chat.lacksKey(room) ? "missing" : room.encryptedFrom !== undefined ? "declined" : "plain";
  }

  render({ removed, onClose }, { problem, hint, fragment, isNew, devices, rejected, question }) {
    const keyState = this.#keyState;
    const ask = (what) => () => this.setState({ question: what });
    return html`<${Dialog} title="Encryption" onClose=${onClose}>
      <p>${KEY_STATES[keyState]}</p>
      <p class="problem" role="alert">${problem}</p>
      <p class="hint" role="status">${hint}</p>
      ${removed && !isNew && html`<p><${User} of=${removed} /> was removed but still has the key. <strong>Change the key</strong> so that the old one cannot decrypt new messages.</p>`}
      ${rejected && html`<p class="row align-end"><button type="button" class="danger primary" onClick=${() => this.#enter(rejected, true)}>Replace the key</button></p>`}
      ${keyState === "plain" && html`<p class="row align-end"><button type="button" class="primary" onClick=${this.#create}>Encrypt with a new link</button></p>`}
      ${keyState === "ready" && fragment && this.#link(fragment)}
      ${keyState !== "ready" && html`<form class="stacked" onSubmit=${this.#submit}>
        <label for="secret">${keyState === "plain" ? "Or use a link with a key, or a passphrase of at least 8 characters" : "A link with a key, or a passphrase of at least 8 characters"}</label>
        <div class="row"><input id="secret" ref=${this.field} autocomplete="off" spellcheck="false" /><button class=${keyState === "plain" ? "" : "primary"}>Use</button></div>
      </form>`}
      ${keyState === "missing" && html`<p class="row align-end"><button type="button" class="quiet" onClick=${this.#writePlainly}>Write here without encryption</button></p>`}
      ${devices.length > 0 && html`<h3>Safety numbers</h3><p class="hint">Compare them in person or by voice, not in this conversation.</p>
        <ul class="devices">${devices.map((device) => this.#device(device))}</ul>`}
      ${keyState === "ready" && question && html`<div class="new-link" role="alert"><p>${QUESTIONS[question][0]}</p>
        <p class="row align-end"><button type="button" onClick=${ask()}>Cancel</button>
          <button type="button" class="primary danger" onClick=${question === "change" ? this.#rotate : this.#forget}>${QUESTIONS[question][1]}</button></p></div>`}
      ${keyState === "ready" && !question && html`<p class="row align-end">
        <button type="button" onClick=${ask("forget")}>Forget the key…</button>
        <button type="button" onClick=${removed ? this.#rotate : ask("change")}>Change the key${removed ? "" : "…"}</button></p>`}
    </${Dialog}>`;
  }

  #link(fragment) {
    const { chat, room, ui } = this.props;
    const { missing } = this.state;
    const link = `${addressOfRoom(room)}#${fragment}`;
    return html`<div class="new-link" ref=${this.link} tabindex="-1" role="group" aria-label="The link with the key">
      <p><strong>This link is the key.</strong> Give it only to people who should read this conversation. It is shown here until this page is closed or loaded again, and cannot be made again from the key: keep it.</p>
      <code>${link}</code><p class="row"><${CopyLink} link=${link} />
        ${room.kind === "room" && html`<button type="button" class="quiet" onClick=${() => ui.dialog("invite", { room })}>Invite people with it</button>`}</p>
      ${room.isPrivate && html`<p class="hint">It does not admit to this private room${chat.isEncrypted(room) && room.canModerate ? ": an invitation does, and carries the key as well." : "."}</p>`}
      ${missing.length > 0 && html`<p class="hint">The new key did not reach ${names(missing)}: send them the link.</p>`}</div>`;
  }

  #device(device) {
    const { user, id, trust, number } = device;
    return html`<li key=${id}>
      <p class="row"><${User} of=${user} /> <small>${{ verified: "verified", known: "not verified", new: "new device" }[trust]}</small></p>
      <p class="number">${number?.replace(/\D/g, "").match(/.{5}/g).map((part) => html`<span>${part}</span> `)}</p>
      ${trust === "new" && html`<button type="button" class="quiet" onClick=${() => this.#setTrust(device, "known")}>This device is theirs</button>`}
      ${trust === "verified"
        ? html`<button type="button" class="quiet" onClick=${() => this.#setTrust(device, "known")}>Remove verification</button>`
        : html`<button type="button" class="quiet" onClick=${() => this.#setTrust(device, "verified")}>The numbers match</button>`}
    </li>`;
  }
}
