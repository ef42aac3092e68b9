// A button that copies a link and says whether that worked.

import { Component, html } from "./html.js";

export class CopyLink extends Component {
  state = { result: undefined };

  // Over plain HTTP, browsers give a page no access to the clipboard.
  #copy = async () => {
    try {
      await navigator.clipboard.writeText(this.props.link);
      this.setState({ result: "Copied" });
    } catch {
      this.setState({ result: "Select the link and copy it" });
    }
  };

  // The status is beside the button: inside it, its text would not be part of the button's name.
  render(_, { result }) {
    return html`<button type="button" class="quiet" onClick=${this.#copy}>${result ?? "Copy link"}</button><span class="visually-hidden" role="status">${result}</span>`;
  }
}
