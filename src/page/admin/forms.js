// Forms of the page of admins: fields, and dialogs that ask before something is done.

import { Component, createRef, html } from "../html.js";
import { Dialog } from "../dialog.js";

export function Field({ label, ...rest }) {
  return html`<label class="field-label"><span>${label}</span><input autocomplete="off" autocapitalize="off" spellcheck="false" ...${rest} /></label>`;
}

// What the fields of a form say, by their names; what is empty is absent.
export function valuesOf(form) {
  const values = [...new FormData(form)].map(([name, value]) => [name, value.trim()]);
  return Object.fromEntries(values.filter(([, value]) => value !== ""));
}

// A form that does something: `run` is given what its fields say, and what it rejects with is shown.
export class Form extends Component {
  state = { waiting: false, problem: undefined };
  form = createRef();

  #submit = async (event) => {
    event.preventDefault();
    if (this.state.waiting) return;
    const { run, clears } = this.props;
    const form = this.form.current;
    this.setState({ waiting: true, problem: undefined });
    try {
      await run(valuesOf(form));
      if (clears) form.reset();
      this.setState({ waiting: false });
    } catch ({ message }) {
      this.setState({ waiting: false, problem: message });
    }
  };

  render({ action, danger, class: classes = "", label, onCancel, children }, { waiting, problem }) {
    return html`<form ref=${this.form} class=${classes} aria-label=${label} onSubmit=${this.#submit}>
      ${children}
      <p class="problem" role="alert">${problem}</p>
      <p class="row align-end">
        ${onCancel && html`<button type="button" onClick=${onCancel}>Cancel</button>`}
        <button class=${danger ? "primary danger" : "primary"} disabled=${waiting}>${action}</button>
      </p>
    </form>`;
  }
}

// Asks before something is done that others notice.
export function AskDialog({ title, text, action, danger, run, onClose, children }) {
  const finish = async (values) => {
    await run(values);
    onClose();
  };
  return html`<${Dialog} title=${title} describedBy="ask-text" onClose=${onClose}>
    <div id="ask-text">${text}</div>
    <${Form} class="stacked" action=${action} danger=${danger} run=${finish} onCancel=${onClose}>${children}</${Form}>
  </${Dialog}>`;
}
