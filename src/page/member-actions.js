// What one may do with a member of a room, each action explained: in the dialog of a member, and in that of the room.

import { Component, html } from "./html.js";
import { formatDateTime, localizeTimes } from "./time-format.js";

export const PRIVILEGE = { visitor: 0, member: 1, voice: 2, moderator: 3, owner: 4, admin: 5 };
const DURATIONS = [[600, "10 minutes"], [3_600, "an hour"], [86_400, "a day"], [undefined, "forever"]];

export const untilText = (state, until) => `${state}${until ? ` until ${formatDateTime(until)}` : ""}`;

// Whether the user may moderate this member, as far as the page knows.
export function canModerate({ policy }, user, me) {
  const own = PRIVILEGE[policy?.info.role] ?? 0;
  return own >= PRIVILEGE.moderator && user !== me && (PRIVILEGE[policy.roles.get(user)] ?? 0) < own;
}

// What a member is in the room: "moderator, muted until 14:05".
export function memberState({ policy, members }, user) {
  const role = policy?.roles.get(user) ?? (policy?.info.owner === user ? "owner" : undefined);
  return [role, !members.has(user) && "not in the room", policy?.mutes.has(user) && untilText("muted", policy.mutes.get(user))].filter(Boolean).join(", ");
}

export class MemberActions extends Component {
  state = { duration: DURATIONS[0][0], problem: undefined };

  async #send(type, more) {
    const { chat, room, user, ui } = this.props;
    try {
      await (await chat.moderation).send(room, type, { user, ...more });
      this.setState({ problem: undefined });
      if (["remove", "kick", "ban"].includes(type) && chat.isEncrypted(room)) ui.dialog("encryption", { removed: user });
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  }

  #action(label, type, what, more) {
    return html`<li key=${label}><button type="button" onClick=${() => this.#send(type, more)}>${label}</button> <small>${what}</small></li>`;
  }

  render({ chat, room, user, onMessage }, { duration, problem }) {
    const { policy } = room;
    const mayModerate = canModerate(room, user, chat.me);
    const role = policy?.roles.get(user);
    const isOwner = PRIVILEGE[policy?.info.role] >= PRIVILEGE.owner;
    const for_s = duration;
    return html`<ul class="member-actions">
      <li><button type="button" onClick=${onMessage}>Message privately</button></li>
      ${mayModerate && isOwner && (role === "moderator" ? this.#action("Make a member", "role", "no longer moderates this room", { role: "member" })
        : this.#action("Make a moderator", "role", "may mute and remove others, and delete their messages", { role: "moderator" }))}
      ${mayModerate && (role === "voice" ? this.#action("Take the voice", "role", "no longer writes where only moderators and people with a voice can", { role: "member" })
        : policy.info.announcement && role !== "moderator" && this.#action("Give a voice", "role", "may write here as moderators may", { role: "voice" }))}
      ${mayModerate && html`<li><label class="row">Mute or ban for <select onChange=${({ target }) => this.setState({ duration: DURATIONS[target.value][0] })}>
        ${DURATIONS.map(([s, label], i) => html`<option key=${label} value=${i} selected=${s === duration}>${label}</option>`)}</select></label></li>`}
      ${mayModerate && [
        policy.mutes.has(user) ? this.#action("Unmute", "unmute", "may write again") : this.#action("Mute", "mute", "can read, but not write", { for_s }),
        room.members.has(user) && this.#action("Kick", "kick", "has to leave now, and may come back"),
        role && this.#action("Remove", "remove", policy.info.private ? "comes back only if invited again" : "is no longer on the list of members"),
        this.#action("Ban", "ban", "has to leave, and cannot come back", { for_s }),
      ]}
    </ul>
    <p class="problem" role="alert">${localizeTimes(problem)}</p>`;
  }
}
