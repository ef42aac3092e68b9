// A button that copies a link and says whether that worked.

import { Component, html } from "./html.js";

export class CopyLink extends Component {
  state = { label: "Copy link" };

  // Over plain HTTP, browsers give a page no access to the clipboard.
  #copy = async () => {
    try {
      await navigator.clipboard.writeText(this.props.link);
      this.setState({ label: "Copied" });
    } catch {
      this.setState({ label: "Select the link and copy it" });
    }
  };

  render(_, { label }) {
    return html`<button type="button" class="quiet" onClick=${this.#copy}><span role="status">${label}</span></button>`;
  }
}
