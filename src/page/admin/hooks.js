// Hooks of a room, by which other software speaks in it, and webhooks, which are told what happens, with their logs.

import { Component, html } from "../html.js";
import { Dialog } from "../dialog.js";
import { inPath } from "./api.js";
import { formatCount } from "./figures.js";
import { AskDialog } from "./forms.js";
import { Listing, ListSection, Table, Time } from "./table.js";

const HOOK_COLUMNS = [
  ["Name", ({ name }) => html`<bdi>${name}</bdi>`],
  ["By", ({ by }) => (by ? html`<bdi>${by}</bdi>` : "the operator")],
  ["Created", ({ created }) => html`<${Time} at=${created} />`],
  ["Revoked", ({ revoked }) => revoked && html`<${Time} at=${revoked} />`],
];
const WEBHOOK_COLUMNS = [
  ["Address", ({ url }) => html`<span class="url">${url}</span>`],
  ["Room", ({ room }) => (room ? html`<bdi>${room}</bdi>` : "all")],
  ["Events", ({ events }) => events.join(", ")],
  ["Waiting", ({ waiting }) => formatCount(waiting)],
  ["State", stateOf],
];
const DELIVERY_COLUMNS = [
  ["Event", ({ event }) => event],
  ["Room", ({ room }) => html`<bdi>${room}</bdi>`],
  ["At", ({ at }) => html`<${Time} at=${at} />`],
  ["Attempts", ({ attempts }) => formatCount(attempts)],
  ["Outcome", ({ outcome, delivered }) => outcome ?? (delivered ? "delivered" : "waiting")],
];

function stateOf({ removed, off, reason, failures }) {
  if (removed) return "removed";
  if (off) return `switched off${reason ? `: ${reason}` : ""}`;
  return failures > 0 ? `failing (${failures})` : "in force";
}

// The hooks and webhooks of one room.
export class HooksDialog extends Component {
  state = { version: 0, problem: undefined };

  #revoke = async ({ hook }) => {
    const { api, room } = this.props;
    const problem = await api.ask("DELETE", `rooms/${inPath(room)}/hooks/${hook}`).catch(({ message }) => message);
    this.setState(({ version }) => ({ version: version + 1, problem }));
  };

  render({ api, room, onClose }, { version, problem }) {
    const place = `rooms/${inPath(room)}`;
    return html`<${Dialog} title=${`Hooks of ${room}`} onClose=${onClose}>
      <p class="problem" role="alert">${problem}</p>
      <h3>What speaks here</h3>
      <${Listing} api=${api} path=${`${place}/hooks`} version=${version} name="hooks">${(rows) => html`
        <${Table} label="Hooks" columns=${HOOK_COLUMNS} rows=${rows} keyOf=${({ hook }) => hook} empty="No hook."
          actions=${(row) => !row.revoked && html`<button type="button" class="quiet" onClick=${() => this.#revoke(row)}>Revoke<span class="visually-hidden"> ${row.name}</span></button>`} />`}
      </${Listing}>
      <h3>What is told of it</h3>
      <${Listing} api=${api} path=${`${place}/webhooks`} name="webhooks">${(rows) => html`
        <${Table} label="Webhooks" columns=${WEBHOOK_COLUMNS} rows=${rows} keyOf=${({ webhook }) => webhook} empty="No webhook." />`}
      </${Listing}>
    </${Dialog}>`;
  }
}

// The webhooks of all rooms.
export class Webhooks extends ListSection {
  #remove({ webhook, url }) {
    const { api, ui } = this.props;
    const run = async () => {
      await api.ask("DELETE", `webhooks/${webhook}`);
      this.changed(`The webhook ${webhook} is removed.`);
    };
    ui.open((onClose) => html`<${AskDialog} title="Remove this webhook?" action="Remove" danger run=${run} onClose=${onClose}
      text=${html`<p><span class="url">${url}</span> is told nothing any more, and what waits for it is lost.</p>`} />`);
  }

  async #resend({ webhook }) {
    const said = await this.props.api.ask("POST", `webhooks/${webhook}/deliveries`).then(() => `What waits for the webhook ${webhook} is tried now.`, ({ message }) => message);
    this.changed(said);
  }

  #log({ webhook, url }) {
    const { api, ui } = this.props;
    ui.open((onClose) => html`<${Dialog} title=${`Log of webhook ${webhook}`} onClose=${onClose}>
      <p class="hint"><span class="url">${url}</span></p>
      <${Listing} api=${api} path=${`webhooks/${webhook}/deliveries`} name="deliveries">${(rows) => html`
        <${Table} label="Deliveries" columns=${DELIVERY_COLUMNS} rows=${[...rows].reverse()} keyOf=${({ delivery }) => delivery} empty="Nothing was delivered." />`}
      </${Listing}>
    </${Dialog}>`);
  }

  #actions = (row) => {
    const of = html`<span class="visually-hidden"> webhook ${row.webhook}</span>`;
    return html`<button type="button" class="quiet" onClick=${() => this.#log(row)}>Log…${of}</button>
      ${!row.removed && html`<button type="button" class="quiet" onClick=${() => this.#resend(row)}>Try now${of}</button>
        <button type="button" class="quiet" onClick=${() => this.#remove(row)}>Remove…${of}</button>`}`;
  };

  render({ api }, { version }) {
    return html`<p class="hint">Webhooks that are told of all rooms; those of one room are at the room, in “Hooks…”. They are made with <code>roomd webhook add</code>.</p>
      <${Listing} api=${api} path="webhooks" version=${version} name="webhooks">${(rows) => html`
        <${Table} label="Webhooks" columns=${WEBHOOK_COLUMNS} rows=${rows} keyOf=${({ webhook }) => webhook} empty="There is no webhook." actions=${this.#actions} />`}
      </${Listing}>`;
  }
}
