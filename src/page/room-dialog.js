// The dialog about a room: whose it is, who may be in it, and what those who rule over it can do.

import { CopyLink } from "./copy-link.js";
import { Dialog } from "./dialog.js";
import { Component, createRef, html, Name } from "./html.js";
import { userName } from "./names.js";
import { inZone, moment, short, whole } from "./time-format.js";

const RANK = { visitor: 0, member: 1, moderator: 2, owner: 3, admin: 4 };
const TIMES = [[600, "10 minutes"], [3_600, "an hour"], [86_400, "a day"], [undefined, "ever"]];
const SLOW_S = [0, 5, 30, 60, 300, 3600];
const AUDIT_SHOWN = 50;

export class RoomDialog extends Component {
  state = { about: undefined, people: [], banned: [], muted: [], time: TIMES[0][0], audit: undefined, problem: undefined, sure: false };
  field = createRef();

  componentDidMount() {
    this.#learn();
  }

  get #path() {
    return `/api/v1/rooms/${encodeURIComponent(this.props.room.name)}`;
  }

  async #learn() {
    const { chat } = this.props;
    try {
      const [about, { people = [], banned = [], muted = [] }] = await Promise.all([chat.get(this.#path), chat.get(`${this.#path}/members`)]);
      this.setState({ about, people, banned, muted });
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  }

  // Does something as the room's charter allows, and shows what it has become.
  async #do(type, more) {
    this.setState({ problem: undefined });
    try {
      await this.props.chat.client.request({ type, room: this.props.room.name, ...more });
      if (type !== "end") await this.#learn();
      const { chat, room, ui } = this.props;
      if (["remove", "kick", "ban"].includes(type) && chat.isSecret(room)) ui.dialog("keys", { removed: more.user });
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  }

  #review = async () => {
    const { entries } = await this.props.chat.get(`${this.#path}/audit?limit=${AUDIT_SHOWN}`).catch(({ message }) => ({ entries: [{ number: 0, what: message }] }));
    this.setState({ audit: entries.reverse() });
  };

  #invite = (submit) => {
    submit.preventDefault();
    const user = userName(this.field.current.value);
    if (!user) return this.setState({ problem: "That is no name." });
    this.field.current.value = "";
    this.#do("invite", { user });
  };

  render({ chat, room, onClose }, { about, people, banned, muted, time, audit, problem, sure }) {
    const link = `${location.origin}/chat/${encodeURIComponent(room.name)}`;
    const rank = RANK[about?.role] ?? 0;
    const roles = new Map(people.map(({ user, role }) => [user, role]));
    const all = new Set([...roles.keys(), ...room.members.keys()]);
    return html`<${Dialog} title=${room.name} onClose=${onClose}>
      <p class="hint">${about && (about.private ? "A private room: only those on its list know of it." : "A public room: anybody may enter.")}
        ${about?.owner && html` It belongs to <${Name} of=${about.owner} />.`}</p>
      <p class="row"><code>${link}</code><${CopyLink} link=${link} /></p>
      <p class="problem" role="alert">${inZone(problem)}</p>
      ${rank >= RANK.moderator && html`<form class="row" onSubmit=${this.#invite}>
        <input ref=${this.field} aria-label="Whom to invite" placeholder="Whom to invite" autocomplete="off" /><button class="primary">Invite</button></form>`}
      <ul class="people" aria-label="People">
        ${[...all].slice(0, 200).map((user) => html`<li key=${user}><${Name} of=${user} /><small>${roles.get(user) ?? ""}${room.members.has(user) ? "" : " (not here)"}</small>
          ${rank >= RANK.moderator && user !== chat.me && (RANK[roles.get(user)] ?? 0) < rank && this.#deeds(user, roles.get(user), rank, time)}</li>`)}
        ${muted.map(({ user, until }) => html`<li key=${`muted ${user}`}><${Name} of=${user} /><small>muted${until ? ` until ${moment(until)}` : ""}</small>
          <button type="button" class="quiet" onClick=${() => this.#do("unmute", { user })}>Let speak</button></li>`)}
        ${banned.map(({ user, until }) => html`<li key=${`banned ${user}`}><${Name} of=${user} /><small>banned${until ? ` until ${moment(until)}` : ""}</small>
          <button type="button" class="quiet" onClick=${() => this.#do("unban", { user })}>Unban</button></li>`)}
      </ul>
      ${rank >= RANK.moderator && html`<label class="row">Mute and ban for <select onChange=${({ target }) => this.setState({ time: TIMES[target.value][0] })}>
          ${TIMES.map(([s, words], i) => html`<option key=${words} value=${i} selected=${s === time}>${words}</option>`)}</select></label>
        <label class="check"><input type="checkbox" checked=${about.announcement}
          onChange=${({ target }) => this.#do("settings", { announcement: target.checked })} /> Only moderators speak</label>
        <label class="row">Slow mode <select onChange=${({ target }) => this.#do("settings", { slow_mode_s: Number(target.value) })}>
          ${[...new Set([...SLOW_S, about.slow_mode_s ?? 0])].map((s) => html`<option key=${s} value=${s} selected=${s === (about.slow_mode_s ?? 0)}>${s === 0 ? "off" : `one message each ${s} s`}</option>`)}</select></label>`}
      ${rank >= RANK.moderator && (audit ? html`<ul class="audit" aria-label="What was changed">${audit.map((entry) => html`<li key=${entry.number}>
          <${Name} of=${entry.by ?? ""} /> ${entry.what} ${entry.user && entry.user !== entry.by && html`<${Name} of=${entry.user} />`} ${entry.role} ${entry.note && `“${entry.note}”`}
          ${entry.at && html`<time datetime=${entry.at} title=${whole(entry.at)}>${short(entry.at)}</time>`}</li>`)}</ul>`
        : html`<p><button type="button" class="quiet" onClick=${this.#review}>What was changed, and by whom</button></p>`)}
      ${rank >= RANK.owner && html`<p class="row end">${sure && html`<span class="hint">Its history goes with it.</span>`}
        <button type="button" class="primary danger" onClick=${() => (sure ? (this.#do("end"), onClose()) : this.setState({ sure: true }))}>${sure ? "Yes, end it" : "End this room"}</button></p>`}
    </${Dialog}>`;
  }

  #deeds(user, role, rank, for_s) {
    const deed = (word, type, more) => html`<button type="button" class="quiet" onClick=${() => this.#do(type, { user, ...more })}>${word}</button>`;
    return html`<span class="deeds">
      ${rank >= RANK.owner && (role === "moderator" ? deed("Make a member", "role", { role: "member" }) : deed("Make a moderator", "role", { role: "moderator" }))}
      ${deed("Mute", "mute", { for_s })} ${deed("Put out", "kick")} ${role && deed("Remove", "remove")} ${deed("Ban", "ban", { for_s })}</span>`;
  }
}
