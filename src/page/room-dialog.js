// The room dialog: the room's link, owner and members, and what its moderators and owner can do. moderation.js
// handles the events.

import { CopyLink } from "./copy-link.js";
import { Dialog } from "./dialog.js";
import { Component, createRef, html, Name } from "./html.js";
import { userName } from "./names.js";
import { formatDateTime, formatFull, formatShort, localizeTimes } from "./time-format.js";

const PRIVILEGE = { visitor: 0, member: 1, moderator: 2, owner: 3, admin: 4 };
const DURATIONS = [[600, "10 minutes"], [3_600, "an hour"], [86_400, "a day"], [undefined, "forever"]];
const SLOW_S = [0, 5, 30, 60, 300, 3600];
const AUDIT_SHOWN = 50;
const AUDIT_TEXTS = { founded: "created the room", role: "changed the role of", settings: "changed the settings", deleted: "deleted a message of" };

export class RoomDialog extends Component {
  state = { info: undefined, people: [], banned: [], muted: [], duration: DURATIONS[0][0], audit: undefined, problem: undefined, confirming: false };
  field = createRef();

  componentDidMount() {
    this.#load();
  }

  get #path() {
    return `/api/v1/rooms/${encodeURIComponent(this.props.room.name)}`;
  }

  async #load() {
    const { chat } = this.props;
    try {
      const [info, { people = [], banned = [], muted = [] }] = await Promise.all([chat.get(this.#path), chat.get(`${this.#path}/members`)]);
      this.setState({ info, people, banned, muted });
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  }

  // Sends a moderation command, and shows the result.
  async #send(type, more) {
    this.setState({ problem: undefined });
    try {
      await this.props.chat.client.request({ type, room: this.props.room.name, ...more });
      if (type !== "end") await this.#load();
      const { chat, room, ui } = this.props;
      if (["remove", "kick", "ban"].includes(type) && chat.isEncrypted(room)) ui.dialog("encryption", { removed: more.user });
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  }

  #loadAudit = async () => {
    const { entries } = await this.props.chat.get(`${this.#path}/audit?limit=${AUDIT_SHOWN}`).catch(({ message }) => ({ entries: [{ number: 0, what: message }] }));
    this.setState({ audit: entries.reverse() });
  };

  #invite = (event) => {
    event.preventDefault();
    const user = userName(this.field.current.value);
    if (!user) return this.setState({ problem: "This is not a valid name." });
    this.field.current.value = "";
    this.#send("invite", { user });
  };

  render({ chat, room, onClose }, { info, people, banned, muted, duration, audit, problem, confirming }) {
    const link = `${location.origin}/chat/${encodeURIComponent(room.name)}`;
    const privilege = PRIVILEGE[info?.role] ?? 0;
    const roles = new Map(people.map(({ user, role }) => [user, role]));
    const shown = [...new Set([...roles.keys(), ...room.members.keys()])].slice(0, 200);
    const mutes = new Map(muted.map(({ user, until }) => [user, until]));
    const canModerate = (user) => privilege >= PRIVILEGE.moderator && user !== chat.me && (PRIVILEGE[roles.get(user)] ?? 0) < privilege;
    const stateOf = (user) => [roles.get(user), !room.members.has(user) && "not in the room", canModerate(user) && mutes.has(user) && untilText("muted", mutes.get(user))].filter(Boolean).join(", ");
    const isPlain = ({ user }) => !shown.includes(user) || !canModerate(user); // its row has no actions
    return html`<${Dialog} title=${room.name} onClose=${onClose}>
      <p class="hint">${info && (info.private ? "Private room: only its members can see and join it." : "Public room: anyone can join.")}
        ${info?.owner && html` Owner: <${Name} of=${info.owner} />.`}</p>
      <p class="row"><code>${link}</code><${CopyLink} link=${link} /></p>
      <p class="problem" role="alert">${localizeTimes(problem)}</p>
      ${privilege >= PRIVILEGE.moderator && html`<form class="row" onSubmit=${this.#invite}>
        <input ref=${this.field} aria-label="User to invite" placeholder="User to invite" autocomplete="off" /><button class="primary">Invite</button></form>`}
      <ul class="room-members" aria-label="Members">
        ${shown.map((user) => html`<li key=${user}><${Name} of=${user} /><small>${stateOf(user)}</small>
          ${canModerate(user) && this.#actions(user, roles.get(user), privilege, duration, mutes.has(user))}</li>`)}
        ${muted.filter(isPlain).map(({ user, until }) => html`<li key=${`muted ${user}`}><${Name} of=${user} /><small>${untilText("muted", until)}</small>
          <button type="button" class="quiet" onClick=${() => this.#send("unmute", { user })}>Unmute</button></li>`)}
        ${banned.map(({ user, until }) => html`<li key=${`banned ${user}`}><${Name} of=${user} /><small>${untilText("banned", until)}</small>
          <button type="button" class="quiet" onClick=${() => this.#send("unban", { user })}>Unban</button></li>`)}
      </ul>
      ${privilege >= PRIVILEGE.moderator && html`<label class="row">Mute or ban for <select onChange=${({ target }) => this.setState({ duration: DURATIONS[target.value][0] })}>
          ${DURATIONS.map(([s, label], i) => html`<option key=${label} value=${i} selected=${s === duration}>${label}</option>`)}</select></label>
        <label class="check"><input type="checkbox" checked=${info.announcement}
          onChange=${({ target }) => this.#send("settings", { announcement: target.checked })} /> Only moderators can post</label>
        <label class="row">Slow mode <select onChange=${({ target }) => this.#send("settings", { slow_mode_s: Number(target.value) })}>
          ${[...new Set([...SLOW_S, info.slow_mode_s ?? 0])].map((s) => html`<option key=${s} value=${s} selected=${s === (info.slow_mode_s ?? 0)}>${s === 0 ? "off" : `one message every ${s} s`}</option>`)}</select></label>`}
      ${privilege >= PRIVILEGE.moderator && (audit ? html`<ul class="audit" aria-label="Audit log">${audit.map((entry) => html`<li key=${entry.number}>
          <${Name} of=${entry.by ?? ""} /> ${AUDIT_TEXTS[entry.what] ?? entry.what} ${entry.user && entry.user !== entry.by && html`<${Name} of=${entry.user} />`} ${entry.role && `to ${entry.role}`} ${entry.note && `“${entry.note}”`}
          ${entry.at && html`<time datetime=${entry.at} title=${formatFull(entry.at)}>${formatShort(entry.at)}</time>`}</li>`)}</ul>`
        : html`<p><button type="button" class="quiet" onClick=${this.#loadAudit}>Show audit log</button></p>`)}
      ${privilege >= PRIVILEGE.owner && html`<p class="row align-end">${confirming && html`<span class="hint">Its history will be deleted.</span>`}
        <button type="button" class="primary danger" onClick=${() => (confirming ? (this.#send("end"), onClose()) : this.setState({ confirming: true }))}>${confirming ? "Yes, delete it" : "Delete this room"}</button></p>`}
    </${Dialog}>`;
  }

  #actions(user, role, privilege, for_s, isMuted) {
    const button = (label, type, more) => html`<button type="button" class="quiet" onClick=${() => this.#send(type, { user, ...more })}>${label}</button>`;
    return html`<span class="actions">
      ${privilege >= PRIVILEGE.owner && (role === "moderator" ? button("Make a member", "role", { role: "member" }) : button("Make a moderator", "role", { role: "moderator" }))}
      ${isMuted ? button("Unmute", "unmute") : button("Mute", "mute", { for_s })} ${this.props.room.members.has(user) && button("Kick", "kick")} ${role && button("Remove", "remove")} ${button("Ban", "ban", { for_s })}</span>`;
  }
}

const untilText = (state, until) => `${state}${until ? ` until ${formatDateTime(until)}` : ""}`;
