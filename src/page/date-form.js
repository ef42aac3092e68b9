// A form that goes to the first message of a day, in the user's time zone; of a day without one it says so, and which is
// the next.

import { Component, createRef, html } from "./html.js";
import { formatDay, formatTime, isSameDay } from "./time-format.js";

export class DateForm extends Component {
  state = { result: undefined, next: undefined };
  field = createRef();

  // Not with each change: a browser reports one for each digit of a year that is typed.
  #goTo = async (event) => {
    event.preventDefault();
    const { chat, room, ui } = this.props;
    const [year, month, day] = this.field.current.value.split("-").map(Number);
    if (!day) return this.setState({ result: "Enter a day, a month and a year.", next: undefined });
    const begin = new Date(year, month - 1, day);
    begin.setFullYear(year); // a year below 100 is not one of the last century
    try {
      const first = await (await chat.history).firstSince(room, begin.getTime());
      if (first && isSameDay(first.at, begin)) {
        this.setState({ result: undefined, next: undefined });
        return ui.showMessage(first.seq);
      }
      this.setState({ result: `There are no messages of that day${first ? "" : " or after it"}.`, next: first });
    } catch ({ message }) {
      this.setState({ result: `${message}.`, next: undefined });
    }
  };

  render({ ui }, { result, next }) {
    return html`<form class="date" aria-label="Go to a date" onSubmit=${this.#goTo}>
      <div class="row"><label class="row">Go to date <input ref=${this.field} type="date" min="0001-01-01" max="9999-12-31" /></label><button>Go</button></div>
      <p class="hint" role="status">${result}</p>
      ${next && html`<p><button type="button" class="quiet" onClick=${() => ui.showMessage(next.seq)}>Go to the next message: ${formatDay(next.at)}, ${formatTime(next.at)}</button></p>`}
    </form>`;
  }
}
