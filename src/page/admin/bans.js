// Bans from the whole server: who is out, making one, lifting one.

import { html } from "../html.js";
import { AskDialog, Field, Form } from "./forms.js";
import { Listing, ListSection, Table, Time } from "./table.js";

const TIMES = [["", "until it is lifted"], ["3600", "an hour"], ["86400", "a day"], ["604800", "a week"], ["2592000", "30 days"], ["31536000", "a year"]];
const COLUMNS = [
  ["Who", ({ user, address }) => html`<bdi>${user ?? address}</bdi>`],
  ["Until", ({ until }) => (until ? html`<${Time} at=${until} />` : "it is lifted")],
  ["By", ({ by }) => html`<bdi>${by}</bdi>`],
  ["Since", ({ at }) => html`<${Time} at=${at} />`],
  ["Note", ({ note }) => note && html`<bdi>${note}</bdi>`],
];

export class Bans extends ListSection {
  #ban = async ({ who, kind, for_s: lasts, note }) => {
    if (!who) throw new Error("Say who is to be banned.");
    const target = kind === "address" ? { address: who } : { user: who };
    await this.props.api.admin("POST", "bans", { ...target, for_s: lasts ? Number(lasts) : undefined, note });
    this.changed(`${who} is banned.`);
  };

  #lift({ ban, user, address }) {
    const { api, ui } = this.props;
    const who = user ?? address;
    const run = async () => {
      await api.admin("DELETE", `bans/${ban}`);
      this.changed(`The ban of ${who} is lifted.`);
    };
    ui.open((onClose) => html`<${AskDialog} title="Lift this ban?" action="Lift" run=${run} onClose=${onClose} text=${html`<p><bdi>${who}</bdi> may come in again.</p>`} />`);
  }

  render({ api, given }, { version }) {
    return html`<${Form} class="card stacked" label="Ban" action="Ban" danger clears run=${this.#ban}>
        <h2>Ban somebody</h2>
        <div class="fields">
          <label class="field-label"><span>What</span><select name="kind"><option value="user">a user, in any spelling</option><option value="address">an address or a network</option></select></label>
          <${Field} label="Who" name="who" placeholder="mallory, 192.0.2.7 or 192.0.2.0/24" defaultValue=${given.user} required />
          <label class="field-label"><span>For how long</span><select name="for_s">${TIMES.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select></label>
          <${Field} label="Why (they are told)" name="note" maxlength="200" />
        </div>
        <p class="hint">Whoever it concerns is put out, and comes in by no door.</p>
      </${Form}>
      <${Listing} api=${api} path="admin/bans" version=${version} name="bans">${(rows) => html`
        <${Table} label="Bans" columns=${COLUMNS} rows=${rows} keyOf=${({ ban }) => ban} empty="Nobody is banned."
          actions=${(row) => html`<button type="button" class="quiet" onClick=${() => this.#lift(row)}>Lift…<span class="visually-hidden"> ${row.user ?? row.address}</span></button>`} />`}
      </${Listing}>`;
  }
}
