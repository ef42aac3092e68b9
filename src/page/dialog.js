// A modal dialog.

import { Component, createRef, html, IconButton } from "./html.js";

// `onClose` is called however the dialog is closed.
export class Dialog extends Component {
  box = createRef();

  componentDidMount() {
    this.box.current.showModal();
  }

  render({ title, onClose, children }) {
    const outside = ({ target, currentTarget }) => target === currentTarget && currentTarget.close();
    return html`<dialog ref=${this.box} class="dialog" aria-labelledby="dialog-title" onClose=${onClose} onClick=${outside}>
      <div class="dialog-body">
        <header>
          <h2 id="dialog-title">${title}</h2>
          <${IconButton} icon="close" label="Close" onClick=${() => this.box.current.close()} />
        </header>
        ${children}
      </div>
    </dialog>`;
  }
}
