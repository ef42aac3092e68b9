// Lists of the page of admins: tables, which are cards where the window is narrow, filled from the server a part at a time.

import { Component, html } from "../html.js";
import { formatDateTime, formatFull } from "../time-format.js";

const NONE = () => html`<span class="none">–</span>`; // a node is drawn in one place

// `columns` are [title, what stands there for a row]; the first names the row. `actions` are the buttons of a row. The roles are
// said, since a table that is shown as cards is none to a browser.
export function Table({ label, columns, rows, keyOf, actions, empty }) {
  if (rows.length === 0) return html`<p class="hint nothing">${empty}</p>`;
  return html`<table role="table" aria-label=${label}>
    <thead role="rowgroup"><tr role="row">
      ${columns.map(([title]) => html`<th key=${title} role="columnheader" scope="col">${title}</th>`)}
      ${actions && html`<th role="columnheader" scope="col"><span class="visually-hidden">Actions</span></th>`}
    </tr></thead>
    <tbody role="rowgroup">${rows.map((row) => html`<tr key=${keyOf(row)} role="row">
      ${columns.map(([title, show], i) => i === 0
        ? html`<th key=${title} role="rowheader" scope="row">${show(row)}</th>`
        : html`<td key=${title} role="cell" data-label=${title}><span>${show(row) || NONE()}</span></td>`)}
      ${actions && html`<td role="cell" class="actions">${actions(row)}</td>`}
    </tr>`)}</tbody>
  </table>`;
}

// A list of the server's, below `path`, under this name in its answers. `children` draws its rows. A new `path` or `version` loads
// it again.
export class Listing extends Component {
  state = { rows: undefined, next: undefined, problem: undefined, waiting: false };
  #load = 0;

  componentDidMount() {
    this.#fetch();
  }

  componentDidUpdate({ path, version }) {
    if (path !== this.props.path || version !== this.props.version) this.#fetch();
  }

  componentWillUnmount() {
    this.#load = -1;
  }

  async #fetch(after) {
    const { api, path, name } = this.props;
    const load = (this.#load += 1);
    this.setState({ waiting: true });
    const more = after === undefined ? "" : `${path.includes("?") ? "&" : "?"}after=${encodeURIComponent(after)}`;
    let outcome;
    try {
      const answer = await api.ask("GET", path + more);
      const before = after === undefined ? [] : this.state.rows;
      outcome = { rows: [...before, ...answer[name]], next: answer.next, problem: undefined };
    } catch ({ message }) {
      outcome = { problem: message };
    }
    if (load === this.#load) this.setState({ ...outcome, waiting: false });
  }

  render({ children }, { rows, next, problem, waiting }) {
    return html`<div class="listing" aria-busy=${waiting}>
      <p class="problem" role="alert">${problem}</p>
      ${rows ? children(rows) : !problem && html`<p class="hint">Loading…</p>`}
      <p class="row">
        ${next !== undefined && html`<button type="button" disabled=${waiting} onClick=${() => this.#fetch(next)}>Show more</button>`}
        <button type="button" class="quiet" disabled=${waiting} onClick=${() => this.#fetch()}>Refresh</button>
      </p>
    </div>`;
  }
}

// A section with a list, which is loaded again when something in it was changed.
export class ListSection extends Component {
  state = { version: 0 };

  changed = (said) => {
    this.props.ui.say(said);
    this.setState(({ version }) => ({ version: version + 1 }));
  };
}

export function Time({ at }) {
  return at && html`<time datetime=${at} title=${formatFull(at)}>${formatDateTime(at)}</time>`;
}
