// The choice of which messages in a room the user is notified.

import { Component, html } from "./html.js";

export const LEVELS = { all: "all messages", mentions: "mentions of me", nothing: "nothing" };

export class NotificationLevel extends Component {
  state = { problem: undefined };

  #set = async ({ target }) => {
    const { chat, room } = this.props;
    try {
      await (await chat.bookmarks).setLevel(room, target.value);
      this.setState({ problem: undefined });
    } catch ({ message }) {
      this.setState({ problem: `Only this browser knows so far: ${message}.` });
    }
  };

  render({ chat, room }, { problem }) {
    const level = chat.levelOf(room);
    return html`<label class="row">Notify me of <select onChange=${this.#set}>
        ${Object.entries(LEVELS).map(([value, label]) => html`<option key=${value} value=${value} selected=${value === level}>${label}</option>`)}</select></label>
      <p class="problem" role="alert">${problem}</p>`;
  }
}
