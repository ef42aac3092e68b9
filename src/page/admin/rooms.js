// The rooms: size, policy and last word; creating, ending and handing over one, how much is kept, and its hooks.

import { html, Name, RoomSign } from "../html.js";
import { inPath } from "./api.js";
import { formatCount } from "./figures.js";
import { AskDialog, Field, Form } from "./forms.js";
import { HooksDialog } from "./hooks.js";
import { Listing, ListSection, Table, Time } from "./table.js";

const DAY_S = 86_400;
const COLUMNS = [
  ["Room", ({ room, private: isPrivate }) => html`<span class="room"><${RoomSign} isPrivate=${isPrivate} /> <${Name} of=${room} /></span>`],
  ["In it", ({ members }) => formatCount(members)],
  ["Policy", policy],
  ["Owner", ({ owner }) => owner && html`<${Name} of=${owner} />`],
  ["Messages", ({ seq }) => formatCount(seq)],
  ["Last word", ({ last_at: at, last_by: by }) => at && html`<${Time} at=${at} /> <span class="by">by <${Name} of=${by} /></span>`],
];

function policy({ private: isPrivate, listed, announcement, slow_mode_s: slow }) {
  const words = [isPrivate ? "private" : "public", listed > 0 && `${listed} listed`, announcement && "only moderators and people with a voice post", slow > 0 && `slow: ${slow} s`];
  return words.filter(Boolean).join(", ");
}

export class Rooms extends ListSection {
  #create = async ({ room, owner, private: isPrivate }) => {
    await this.props.api.admin("POST", "rooms", { room, owner, private: isPrivate === "on" });
    this.changed(`${room} is created.`);
  };

  #end({ room, seq }) {
    const { api, ui } = this.props;
    const run = async () => {
      await api.admin("DELETE", `rooms/${inPath(room)}`);
      this.changed(`${room} has ended.`);
    };
    ui.open((onClose) => html`<${AskDialog} title=${`End ${room}?`} action="End the room" danger run=${run} onClose=${onClose}
      text=${html`<p>Everybody in it is put out, and ${seq ? `its ${formatCount(seq)} messages are` : "what was said in it is"} deleted. This cannot be taken back.</p>`} />`);
  }

  #handOver({ room, owner }) {
    const { api, ui } = this.props;
    const run = async ({ user }) => {
      await api.admin("PUT", `rooms/${inPath(room)}/owner`, { user });
      this.changed(`${room} belongs to ${user} now.`);
    };
    ui.open((onClose) => html`<${AskDialog} title=${`Hand over ${room}`} action="Hand over" run=${run} onClose=${onClose}
      text=${html`<p>${owner ? html`It belongs to <bdi>${owner}</bdi>, who becomes a moderator of it.` : "It belongs to nobody."}</p>`}>
      <${Field} label="Registered user that it is to belong to" name="user" required autofocus />
    </${AskDialog}>`);
  }

  async #retain({ room }) {
    const { api, ui } = this.props;
    const path = `rooms/${inPath(room)}/retention`;
    const now = await api.admin("PUT", path, {}).catch(({ message }) => ui.say(message));
    if (!now) return;
    const run = async ({ days, messages }) => {
      await api.admin("PUT", path, { age_s: days === undefined ? "server" : Math.round(Number(days) * DAY_S), messages: messages === undefined ? "server" : Number(messages) });
      this.changed(`How much of ${room} is kept is changed.`);
    };
    ui.open((onClose) => html`<${AskDialog} title=${`How much of ${room} is kept`} action="Keep" run=${run} onClose=${onClose}
      text=${html`<p>An empty field is the setting of the server, 0 is no bound. What is beyond the bounds is deleted within a minute or two.</p>`}>
      <${Field} label="Days" name="days" type="number" min="0" step="any" autofocus defaultValue=${now.age_s === undefined ? "" : now.age_s / DAY_S} />
      <${Field} label="Messages" name="messages" type="number" min="0" step="1" defaultValue=${now.messages ?? ""} />
    </${AskDialog}>`);
  }

  #hooks({ room }) {
    const { api, ui } = this.props;
    ui.open((onClose) => html`<${HooksDialog} api=${api} room=${room} onClose=${onClose} />`);
  }

  #actions = (row) => {
    const of = html`<span class="visually-hidden"> ${row.room}</span>`;
    return html`<button type="button" class="quiet" onClick=${() => this.#handOver(row)}>Hand over…${of}</button>
      <button type="button" class="quiet" onClick=${() => this.#retain(row)}>Keep…${of}</button>
      <button type="button" class="quiet" onClick=${() => this.#hooks(row)}>Hooks…${of}</button>
      <button type="button" class="quiet" onClick=${() => this.#end(row)}>End…${of}</button>`;
  };

  render({ api }, { version }) {
    return html`<${Form} class="card stacked" label="Create a room" action="Create" clears run=${this.#create}>
        <h2>Create a room</h2>
        <div class="fields">
          <${Field} label="Name" name="room" required />
          <${Field} label="Owner (otherwise you)" name="owner" />
        </div>
        <label class="check"><input type="checkbox" name="private" /> Private: only those on its list can see and join it</label>
      </${Form}>
      <${Listing} api=${api} path="admin/rooms" version=${version} name="rooms">${(rows) => html`
        <${Table} label="Rooms" columns=${COLUMNS} rows=${rows} keyOf=${({ room }) => room} empty="There are no rooms." actions=${this.#actions} />`}
      </${Listing}>`;
  }
}
