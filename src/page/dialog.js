// A modal dialog.

import { Component, createRef, html, IconButton } from "./html.js";

// `onClose` is called however the dialog is closed.
export class Dialog extends Component {
  box = createRef();

  title = createRef();

  // Without a field of its own that asks for the focus, a dialog begins with its title.
  componentDidMount() {
    const box = this.box.current;
    box.showModal();
    if (!box.querySelector("[autofocus]")) this.title.current.focus();
  }

  // So that the focus goes back to where it was, also if the dialog is closed by what it offers.
  componentWillUnmount() {
    this.box.current.close();
  }

  render({ title, describedBy, onClose, children }) {
    const outside = ({ target, currentTarget }) => target === currentTarget && currentTarget.close();
    return html`<dialog ref=${this.box} class="dialog" aria-labelledby="dialog-title" aria-describedby=${describedBy} onClose=${onClose} onClick=${outside}>
      <div class="dialog-body">
        <header>
          <h2 id="dialog-title" ref=${this.title} tabindex="-1">${title}</h2>
          <${IconButton} icon="close" label="Close" onClick=${() => this.box.current.close()} />
        </header>
        ${children}
      </div>
      <div class="visually-hidden announcer" role="log" aria-live="polite" aria-label="Announcements"></div>
    </dialog>`;
  }
}
