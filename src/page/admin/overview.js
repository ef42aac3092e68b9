// The server at this moment: connections, rooms, deliveries, the journal and threads, live.

import { Component, html } from "../html.js";
import { Figures, formatBytes, formatCount, perSecond } from "./figures.js";

const EVERY_MS = 2_000;

export class Overview extends Component {
  state = { now: undefined, before: undefined, problem: undefined };

  componentDidMount() {
    this.#load();
  }

  componentWillUnmount() {
    clearTimeout(this.timer);
    this.gone = true;
  }

  // A page that nobody sees asks for nothing.
  async #load() {
    if (!document.hidden) {
      try {
        const now = new Figures(await this.props.api.figures(), performance.now());
        this.setState(({ now: before }) => ({ now, before, problem: undefined }));
      } catch ({ message }) {
        this.setState({ problem: message });
      }
    }
    if (!this.gone) this.timer = setTimeout(() => this.#load(), EVERY_MS);
  }

  render(_, { now, before, problem }) {
    return html`<p class="problem" role="alert">${problem}</p>
      ${now ? html`<div class="cards">${cards(now, before)}</div>` : !problem && html`<p class="hint">Loading…</p>`}`;
  }
}

function cards(now, before) {
  const count = (name) => formatCount(now.sum(name));
  const of = (name, most) => (now.sum(most) === undefined ? count(name) : `${count(name)} of ${count(most)}`);
  const rate = (name) => perSecond(now.rate(name, before));
  return [
    html`<${Card} title="Connections" rows=${[
      ["Places taken", of("connections_served", "connections_served_max")],
      ["Waiting for a place", count("connections_waiting")],
      ["Lost, can be resumed", count("sessions_detached")],
      ["Opened", rate("connections_opened_total")],
      ...now.by("connections", "door").map(([door, number]) => [door, formatCount(number)]),
    ]} />`,
    html`<${Card} title="Rooms" rows=${[
      ["Open", of("rooms", "rooms_max")],
      ["Messages", rate("messages_total")],
      ["Messages since the start", count("messages_total")],
    ]} />`,
    html`<${Card} title="Deliveries" note=${now.isBalanced ? "Each is accounted for." : "Not each is accounted for: this is a defect."} rows=${[
      ["Addressed", rate("deliveries_enqueued_total")],
      ["Written", rate("deliveries_written_total")],
      ["Waiting", count("deliveries_pending")],
      ["Waiting, in bytes", `${formatBytes(now.sum("outbox_bytes"))} of ${formatBytes(now.sum("outbox_bytes_max"))}`],
      ["Dropped since the start", count("deliveries_dropped_total")],
      ["Replaced by a newer one", count("deliveries_conflated_total")],
    ]} />`,
    html`<${Card} title="Journal" rows=${[
      ["Transactions", rate("journal_transaction_seconds_count")],
      ["Written", rate("journal_drafts_total")],
      ["Time of a transaction", meanMs(now, before)],
      ["Failures since the start", count("journal_failures_total")],
    ]} />`,
    html`<${Card} title="Webhooks" rows=${[
      ["Waiting", count("webhook_backlog")],
      ["Switched off", count("webhooks_off")],
      ...now.by("webhook_attempts_total", "outcome").map(([outcome, number]) => [outcome, formatCount(number)]),
    ]} />`,
    html`<${Card} title="Threads" rows=${now.by("threads", "role").map(([role, number]) => [role, formatCount(number)])} />`,
    html`<${Card} title="Refused since the start" rows=${now.by("refusals_total", "code").map(([code, number]) => [code, formatCount(number)])} />`,
    html`<${Card} title="Defects" note="Report them with the log." rows=${[["Panics", count("panics_total")]]} />`,
  ];
}

// The mean of what was written since the figures before.
function meanMs(now, before) {
  const [seconds, number] = ["sum", "count"].map((part) => now.rate(`journal_transaction_seconds_${part}`, before));
  return number > 0 ? `${((seconds * 1_000) / number).toFixed(1)} ms` : undefined;
}

// What the server has no figure of is not shown.
function Card({ title, note, rows }) {
  const shown = rows.filter(([, value]) => value !== undefined);
  return html`<section class="card"><h2>${title}</h2>
    <dl>${shown.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${shown.length === 0 && html`<p class="hint">Nothing.</p>`}
    ${note && html`<p class="hint">${note}</p>`}
  </section>`;
}
