// The room dialog: the room's link, owner and members, and what its moderators and owner can do. moderation.js
// sends the commands and handles the events.

import { CopyLink } from "./copy-link.js";
import { Dialog } from "./dialog.js";
import { Component, html, User } from "./html.js";
import { addressOfRoom } from "./names.js";
import { canModerate, MemberActions, memberState, PRIVILEGE, untilText } from "./member-actions.js";
import { NotificationLevel } from "./notification-level.js";
import { durationOf, formatFull, formatShort, localizeTimes } from "./time-format.js";

const SLOW_S = [0, 5, 30, 60, 300, 3600];
const AUDIT_SHOWN = 50;
const AUDIT_TEXTS = { founded: "created the room", role: "changed the role of", settings: "changed the settings", described: "changed what the room is about", pinned: "pinned a message", unpinned: "unpinned a message", deleted: "deleted a message of", invitation: "made an invitation link", revoked: "revoked an invitation link", admitted: "came by an invitation link", accepted: "entered for the first time" };

export class RoomDialog extends Component {
  state = { audit: undefined, problem: undefined, confirming: false, typed: {} };

  componentDidMount() {
    this.#load();
  }

  get #path() {
    return `/api/v1/rooms/${encodeURIComponent(this.props.room.name)}`;
  }

  async #load() {
    const { chat, room } = this.props;
    try {
      await (await chat.moderation).load(room);
      this.forceUpdate();
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  }

  async #send(type, more) {
    const { chat, room } = this.props;
    this.setState({ problem: undefined });
    try {
      await (await chat.moderation).send(room, type, more);
      this.forceUpdate();
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  }

  #loadAudit = async () => {
    const { entries } = await this.props.chat.get(`${this.#path}/audit?limit=${AUDIT_SHOWN}`).catch(({ message }) => ({ entries: [{ number: 0, what: message }] }));
    this.setState({ audit: entries.reverse() });
  };

  // What is typed stays through renders, until it is sent.
  #type = ({ target }) => this.setState(({ typed }) => ({ typed: { ...typed, [target.name]: target.value } }));

  #describe = (event) => {
    event.preventDefault();
    const { subject = "", description = "" } = { ...this.props.room.about, ...this.state.typed };
    this.#sendTyped("describe", this.#moderates() ? { subject, description } : { subject }, { subject, description });
  };

  #limit = ({ target: { value } }) => this.#sendTyped("settings", { members_max: Number(value) }, { members_max: value });

  // Sends what was typed, which then gives its place to what is in force; what was typed since stays.
  async #sendTyped(type, more, sent) {
    await this.#send(type, more);
    if (this.state.problem) return;
    this.setState(({ typed }) => ({ typed: Object.fromEntries(Object.entries(typed).filter(([name, value]) => value !== sent[name])) }));
  }

  #moderates = () => (PRIVILEGE[this.props.room.policy?.info.role] ?? 0) >= PRIVILEGE.moderator;

  render({ chat, room, ui, onClose }, { audit, problem, confirming, typed }) {
    const link = addressOfRoom(room);
    const { info, roles = new Map(), mutes = new Map(), bans = new Map() } = room.policy ?? {};
    const privilege = PRIVILEGE[info?.role] ?? 0;
    const shown = [...new Set([...roles.keys(), ...room.members.keys()])].slice(0, 200);
    const sanctioned = (map, state, undo) => [...map].filter(([user]) => state === "banned" || !shown.includes(user) || !canModerate(room, user, chat.me)) // the others have a menu
      .map(([user, until]) => html`<li key=${`${state} ${user}`}><${User} of=${user} /><small>${untilText(state, until)}</small>
        <button type="button" class="quiet" onClick=${() => this.#send(undo, { user })}>${undo === "unban" ? "Unban" : "Unmute"}</button></li>`);
    return html`<${Dialog} title=${room.name} onClose=${onClose}>
      <p class="hint">${info && (info.private ? "Private room: only its members can see and join it." : "Public room: anyone can join.")}
        ${info?.owner && html` Owner: <${User} of=${info.owner} />.`}</p>
      <p class="row"><button type="button" onClick=${() => ui.dialog("invite", { room })}>Invite people…</button>
        ${!info?.private && html`<code>${link}</code><${CopyLink} link=${link} />`}</p>
      ${room.about.subject && html`<p><strong>${room.about.subject}</strong></p>`}
      ${room.about.description && html`<p class="description" dir="auto">${room.about.description}</p>`}
      <${NotificationLevel} chat=${chat} room=${room} />
      <p class="problem" role="alert">${localizeTimes(problem)}</p>
      ${(this.#moderates() || info?.open_subject) && html`<details><summary>${this.#moderates() ? "Change the topic and the description" : "Change the topic"}</summary>
        <form class="stacked" onSubmit=${this.#describe}>
          <input name="subject" aria-label="Topic" placeholder="Topic" maxlength="200" autocomplete="off" value=${typed.subject ?? room.about.subject ?? ""} onInput=${this.#type} />
          ${this.#moderates() && html`<textarea name="description" rows="3" aria-label="Description" placeholder="Description" maxlength="2000" value=${typed.description ?? room.about.description ?? ""} onInput=${this.#type}></textarea>`}
          <button class="primary">Save</button></form></details>`}
      <h3>Members</h3>
      <ul class="room-members" aria-label="Members">
        ${shown.map((user) => html`<li key=${user}><${User} of=${user} /><small>${memberState(room, user)}</small>
          ${user !== chat.me && html`<details class="menu" onKeyDown=${closeMenu}><summary aria-label=${`Menu for ${user}`}>Menu</summary>
            <${MemberActions} chat=${chat} room=${room} user=${user} ui=${ui} onMessage=${() => this.#message(user)} /></details>`}</li>`)}
        ${sanctioned(mutes, "muted", "unmute")}
        ${sanctioned(bans, "banned", "unban")}
      </ul>
      ${privilege >= PRIVILEGE.moderator && html`<h3>Rules</h3>
        <label class="check"><input type="checkbox" checked=${info.announcement}
          onChange=${({ target }) => this.#send("settings", { announcement: target.checked })} /> Only moderators and people with a voice can post</label>
        <label class="row">Slow mode <select onChange=${({ target }) => this.#send("settings", { slow_mode_s: Number(target.value) })}>
          ${[...new Set([...SLOW_S, info.slow_mode_s ?? 0])].map((s) => html`<option key=${s} value=${s} selected=${s === (info.slow_mode_s ?? 0)}>${s === 0 ? "off" : `one message every ${durationOf(s)}`}</option>`)}</select></label>
        <label class="row">People at most <input name="members_max" type="number" min="0" max="1000000" placeholder="no limit" value=${typed.members_max ?? (info.members_max || "")}
          onInput=${this.#type} onChange=${this.#limit} /></label>
        <label class="check"><input type="checkbox" checked=${info.open_subject}
          onChange=${({ target }) => this.#send("settings", { open_subject: target.checked })} /> Everyone can set the topic</label>`}
      ${privilege >= PRIVILEGE.moderator && (audit ? html`<ul class="audit" aria-label="Audit log">${audit.map((entry) => html`<li key=${entry.number}>
          <${User} of=${entry.by ?? ""} /> ${AUDIT_TEXTS[entry.what] ?? entry.what} ${entry.user && entry.user !== entry.by && html`<${User} of=${entry.user} />`} ${entry.role && `to ${entry.role}`} ${entry.note && `“${entry.note}”`}
          ${entry.at && html`<time datetime=${entry.at} title=${formatFull(entry.at)}>${formatShort(entry.at)}</time>`}</li>`)}</ul>`
        : html`<p><button type="button" class="quiet" onClick=${this.#loadAudit}>Show audit log</button></p>`)}
      <p class="row align-end"><button type="button" onClick=${() => ui.dialog("leave", { room })}>Leave this room…</button>
        ${privilege >= PRIVILEGE.owner && !confirming && html`<button type="button" class="danger" onClick=${() => this.setState({ confirming: true })}>Delete this room…</button>`}</p>
      ${confirming && html`<div class="stacked" role="group" aria-labelledby="delete-room"><p id="delete-room"><strong>Delete the room and its history, for everyone?</strong> This cannot be undone.</p>
        <p class="row align-end"><button type="button" onClick=${() => this.setState({ confirming: false })}>Cancel</button>
          <button type="button" class="primary danger" onClick=${() => (this.#send("end"), onClose())}>Yes, delete it</button></p></div>`}
    </${Dialog}>`;
  }

  #message(user) {
    const { chat, ui, onClose } = this.props;
    onClose();
    ui.select(chat.open("private", user));
  }
}

// Escape closes an open menu, and not the dialog around it.
function closeMenu(key) {
  const menu = key.currentTarget;
  if (key.key !== "Escape" || !menu.open) return;
  key.preventDefault();
  menu.open = false;
  menu.querySelector("summary").focus();
}
