// Registered names, giving one back, and erasing the person behind a name, after saying how much there is.

import { Component, html, Name } from "../html.js";
import { Dialog } from "../dialog.js";
import { inPath } from "./api.js";
import { formatCount } from "./figures.js";
import { AskDialog, Field, Form } from "./forms.js";
import { Listing, ListSection, Table, Time } from "./table.js";

const IDLE_MAX = 25; // times that nothing is left but a connection
const PAUSE_MS = 200; // for a connection that is ending
const COLUMNS = [
  ["Name", ({ user }) => html`<${Name} of=${user} />`],
  ["Called", ({ name }) => name && html`<bdi>${name}</bdi>`],
  ["Devices", ({ devices }) => formatCount(devices)],
  ["Registered", ({ since }) => html`<${Time} at=${since} />`],
  ["Last used", ({ used }) => html`<${Time} at=${used} />`],
];

export class Accounts extends ListSection {
  #giveBack({ user }) {
    const { api, ui } = this.props;
    const run = async () => {
      await api.admin("DELETE", `accounts/${inPath(user)}`);
      this.changed(`The name ${user} is free.`);
    };
    ui.open((onClose) => html`<${AskDialog} title=${`Give ${user} back?`} action="Give back" danger run=${run} onClose=${onClose}
      text=${html`<p>The name is free for anybody, its tokens are void, its connections end, and it is on the list of no room. What was said under it stays.</p>`} />`);
  }

  // Looks first, so that a name of which there is nothing is told here.
  async #erase(name) {
    const { api, ui } = this.props;
    const data = await api.admin("GET", `people/${inPath(name)}`);
    ui.open((onClose) => html`<${EraseDialog} api=${api} data=${data} onDone=${this.changed} onClose=${onClose} />`);
  }

  #actions = (row) => {
    const of = html`<span class="visually-hidden"> ${row.user}</span>`;
    return html`<button type="button" class="quiet" onClick=${() => this.#giveBack(row)}>Give back…${of}</button>
      <button type="button" class="quiet" onClick=${() => this.#erase(row.user).catch(({ message }) => this.props.ui.say(message))}>Erase…${of}</button>`;
  };

  render({ api }, { version }) {
    return html`<${Form} class="card stacked" label="Erase a person" action="See how much there is" clears run=${({ user }) => this.#erase(user)}>
        <h2>Erase a person</h2>
        <p class="hint">Their messages, receipts and name, in all rooms and private conversations. First you see how much there is.</p>
        <div class="fields"><${Field} label="Name, registered or not" name="user" required /></div>
      </${Form}>
      <${Listing} api=${api} path="admin/accounts" version=${version} name="accounts">${(rows) => html`
        <${Table} label="Accounts" columns=${COLUMNS} rows=${rows} keyOf=${({ user }) => user} empty="No name is registered." actions=${this.#actions} />`}
      </${Listing}>`;
  }
}

// The dry run, and then the erasing, part by part.
class EraseDialog extends Component {
  state = { erased: undefined, problem: undefined };

  componentWillUnmount() {
    this.gone = true;
  }

  #erase = async () => {
    const { api, data: { user }, onDone, onClose } = this.props;
    let [messages, idle] = [0, 0];
    this.setState({ erased: 0, problem: undefined });
    try {
      for (;;) {
        const part = await api.admin("DELETE", `people/${inPath(user)}`);
        messages += part.messages;
        if (part.complete) break;
        if (this.gone) return onDone(`${formatCount(messages)} messages of ${user} are erased, and not all: you closed the dialog.`);
        this.setState({ erased: messages });
        if (part.messages > 0) continue;
        idle += 1;
        if (idle === IDLE_MAX) throw new Error(`${user} is still connected, or comes back at once: ban the name first.`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
      onDone(`${user} is erased: ${formatCount(messages)} messages are deleted.`);
      onClose();
    } catch ({ message }) {
      this.setState({ erased: undefined, problem: message });
    }
  };

  render({ data, onClose }, { erased, problem }) {
    const { user, since, connections, messages, rooms, receipts, listed, owns } = data;
    const rows = [
      ["Registered", since ? html`<${Time} at=${since} />` : "no"],
      ["Connections", formatCount(connections)],
      ["Messages", `${formatCount(messages)}${messages > 0 ? ` in ${formatCount(rooms)} ${rooms === 1 ? "room or conversation" : "rooms and conversations"}` : ""}`],
      ["Receipts", formatCount(receipts)],
      ["On the lists of", `${formatCount(listed)} ${listed === 1 ? "room" : "rooms"}`],
    ];
    return html`<${Dialog} title=${`Erase ${user}?`} describedBy="erase-text" onClose=${onClose}>
      <div id="erase-text">
        <p>This is what there is:</p>
        <dl class="data">${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
        <p>All of it is erased, and members see the messages as deleted. This cannot be taken back. What others have quoted is not reached, nor are backups: delete these, or erase again after a restore.</p>
        ${owns.length > 0 && html`<p class="problem">End these rooms, or hand them over, first: ${owns.map((room, i) => html`${i > 0 && ", "}<${Name} of=${room} />`)}.</p>`}
      </div>
      <p class="hint" role="status">${erased === undefined ? "" : `Erasing: ${formatCount(erased)} of ${formatCount(messages)} messages…`}</p>
      <p class="problem" role="alert">${problem}</p>
      <p class="row align-end"><button type="button" onClick=${onClose}>Cancel</button>
        <button type="button" class="primary danger" disabled=${owns.length > 0 || erased !== undefined} onClick=${this.#erase}>Erase</button></p>
    </${Dialog}>`;
  }
}
