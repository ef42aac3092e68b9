// The form with which users say what they want to be called.

import { Component, html } from "./html.js";
import { displayNames } from "./names.js";

const CHARS_MAX = 64; // as on the server

export class DisplayNameForm extends Component {
  state = { typed: undefined, result: undefined, problem: undefined };

  #submit = async (event) => {
    event.preventDefault();
    const { chat } = this.props;
    const name = (this.state.typed ?? displayNames.get(chat.me) ?? "").trim();
    this.setState({ result: undefined, problem: undefined });
    try {
      await chat.client.request({ type: "display_name", name });
      this.setState({ result: name ? "Others see it beside your name." : "Others see your name alone." });
      chat.askDisplayNames?.(chat.me);
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  };

  render({ chat }, { typed, result, problem }) {
    return html`<form class="stacked" onSubmit=${this.#submit}>
      <label for="display-name">What you want to be called</label>
      <span class="row"><input id="display-name" maxlength=${CHARS_MAX} autocomplete="name" placeholder="Such as your first and last name" value=${typed ?? displayNames.get(chat.me) ?? ""}
        aria-describedby="display-name-result" onInput=${({ target }) => this.setState({ typed: target.value })} /><button>Save</button></span>
      <p id="display-name-result" class=${problem ? "problem" : "hint"} role="status">${problem ?? result}</p></form>`;
  }
}
