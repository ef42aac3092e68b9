// A button that copies a link, and says whether that was done.

import { Component, html } from "./html.js";

export class CopyLink extends Component {
  state = { word: "Copy the link" };

  // Over plain HTTP a browser gives a page no clipboard.
  #copy = async () => {
    try {
      await navigator.clipboard.writeText(this.props.link);
      this.setState({ word: "Copied" });
    } catch {
      this.setState({ word: "Select it and copy" });
    }
  };

  render(_, { word }) {
    return html`<button type="button" class="quiet" onClick=${this.#copy}><span role="status">${word}</span></button>`;
  }
}
