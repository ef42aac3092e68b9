// Who is connected, and ending a connection.

import { Component, html, Name } from "../html.js";
import { query } from "./api.js";
import { formatBytes } from "./figures.js";
import { AskDialog, Field, Form } from "./forms.js";
import { Listing, Table, Time } from "./table.js";

const DOORS = ["websocket-json", "websocket-text", "lines", "irc", "sse", "ndjson", "in-process"];
const COLUMNS = [
  ["User", ({ user }) => html`<${Name} of=${user} />`],
  ["Level", ({ level }) => level],
  ["Address", ({ address }) => address],
  ["Door", ({ door }) => html`<span class="whole">${door}</span>`],
  ["Rooms", ({ rooms }) => rooms.length > 0 && rooms.map((room, i) => html`${i > 0 && ", "}<${Name} of=${room} />`)],
  ["Outbox", ({ detached, waiting, waiting_bytes }) => (detached ? "away" : html`<span class="whole">${waiting} (${formatBytes(waiting_bytes)})</span>`)],
  ["Since", ({ since }) => html`<${Time} at=${since} />`],
];

export class Connections extends Component {
  state = { filter: {}, version: 0 };

  #end({ connection, user }) {
    const { api, ui } = this.props;
    const run = async () => {
      await api.admin("DELETE", `connections/${connection}`);
      ui.say(`The connection ${connection} of ${user} is ended.`);
      this.setState(({ version }) => ({ version: version + 1 }));
    };
    ui.open((onClose) => html`<${AskDialog} title="End this connection?" action="End" danger run=${run} onClose=${onClose}
      text=${html`<p>The client of <bdi>${user}</bdi> is told, and does not come back by itself. The user may connect again; who is to stay out is banned.</p>`} />`);
  }

  render({ api, ui }, { filter, version }) {
    return html`<${Form} class="filter" label="Filter" action="Show" run=${(values) => this.setState({ filter: values, version: version + 1 })}>
        <${Field} label="User" name="user" />
        <${Field} label="Address or network" name="address" />
        <${Field} label="Room" name="room" />
        <label class="field-label"><span>Door</span><select name="door"><option value="">any</option>${DOORS.map((door) => html`<option key=${door}>${door}</option>`)}</select></label>
      </${Form}>
      <${Listing} api=${api} path=${`admin/connections${query(filter)}`} version=${version} name="connections">${(rows) => html`
        <${Table} label="Connections" columns=${COLUMNS} rows=${rows} keyOf=${({ connection }) => connection} empty="Nobody is connected that fits."
          actions=${(row) => html`<button type="button" class="quiet" onClick=${() => this.#end(row)}>End…<span class="visually-hidden"> ${row.user}</span></button>
            <button type="button" class="quiet" onClick=${() => ui.go("bans", { user: row.user })}>Ban…<span class="visually-hidden"> ${row.user}</span></button>`} />`}
      </${Listing}>`;
  }
}
