// The keys that sign the server's tokens: making another one, and revoking one.

import { html } from "../html.js";
import { inPath } from "./api.js";
import { AskDialog } from "./forms.js";
import { Listing, ListSection, Table, Time } from "./table.js";

const COLUMNS = [
  ["Key", ({ key }) => html`<code>${key}</code>`],
  ["Signs", ({ signs }) => (signs ? "yes" : "no")],
  ["Made", ({ made }) => html`<${Time} at=${made} />`],
  ["Last token ends", ({ until }) => until && html`<${Time} at=${until} />`],
];

export class Keys extends ListSection {
  #rotate = () => {
    const { api, ui } = this.props;
    const run = async () => {
      const { key } = await api.admin("POST", "keys");
      this.changed(`${key} signs from now on.`);
    };
    ui.open((onClose) => html`<${AskDialog} title="Make another key?" action="Make" run=${run} onClose=${onClose}
      text=${html`<p>It signs from now on. Tokens of the old ones stay good until they expire.</p>`} />`);
  };

  #revoke({ key }) {
    const { api, ui } = this.props;
    const run = async () => {
      await api.admin("DELETE", `keys/${inPath(key)}`);
      this.changed(`${key} is revoked.`);
    };
    ui.open((onClose) => html`<${AskDialog} title="Revoke this key?" action="Revoke" danger run=${run} onClose=${onClose}
      text=${html`<p>All tokens that <code>${key}</code> has signed are void, and their connections end. Whoever has claimed a name with one needs a new token from you, or another name.</p>`} />`);
  }

  #actions = (row) => !row.signs && html`<button type="button" class="quiet" onClick=${() => this.#revoke(row)}>Revoke…<span class="visually-hidden"> ${row.key}</span></button>`;

  render({ api }, { version }) {
    return html`<p class="row"><button type="button" onClick=${this.#rotate}>Make another key…</button></p>
      <${Listing} api=${api} path="admin/keys" version=${version} name="keys">${(rows) => html`
        <${Table} label="Keys" columns=${COLUMNS} rows=${rows} keyOf=${({ key }) => key} empty="There is no key." actions=${this.#actions} />`}
      </${Listing}>`;
  }
}
