// The dialog that lists the pinned messages of a room.

import { Dialog } from "./dialog.js";
import { Avatar, Component, html, IconButton, User } from "./html.js";
import { singleLine } from "./markup.js";
import { formatFull, formatShort } from "./time-format.js";

export class PinnedDialog extends Component {
  state = { found: undefined, problem: undefined };

  componentDidMount() {
    this.#load();
  }

  async #load() {
    const { chat, room } = this.props;
    try {
      this.setState({ found: await (await chat.history).messagesOf(room, room.about.pinned) });
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  }

  #unpin = async ({ seq }) => {
    const { chat, room } = this.props;
    try {
      await chat.client.request({ type: "unpin", room: room.name, seq });
      this.setState(({ found }) => ({ found: found.filter((each) => each.seq !== seq) }));
    } catch ({ message }) {
      this.setState({ problem: `${message}.` });
    }
  };

  render({ room, ui, onClose }, { found, problem }) {
    const show = (seq) => {
      onClose();
      ui.showMessage(seq);
    };
    return html`<${Dialog} title="Pinned messages" onClose=${onClose}>
      <p class="hint" role="status">${!found && !problem ? "Loading…" : found?.length === 0 ? "None of them is kept any more." : ""}</p>
      <p class="problem" role="alert">${problem}</p>
      <ul class="receipts pinned-list">${found?.map((entry) => html`<li key=${entry.seq}>
        <button type="button" class="member" onClick=${() => show(entry.seq)}><${Avatar} of=${entry.user} /><span class="summary"><${User} of=${entry.user} /> <time datetime=${entry.at} title=${formatFull(entry.at)}>${formatShort(entry.at)}</time>
          <small class="excerpt" dir="auto">${entry.deleted ? "Message deleted" : singleLine(entry.text, 200) || "Encrypted message"}</small></span></button>
        ${room.canModerate && html`<${IconButton} icon="close" label="Unpin" onClick=${() => this.#unpin(entry)} />`}</li>`)}</ul>
    </${Dialog}>`;
  }
}
