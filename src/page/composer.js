// Where the reader writes: a field that grows, and what it is about to do when it is not a new message.

import { Component, createRef, html, Icon, IconButton, Name } from "./html.js";
import { lineOf } from "./markup.js";

export class Composer extends Component {
  field = createRef();

  componentDidUpdate(before) {
    const { room, editing } = this.props;
    if (before.room === room && before.editing === editing) return;
    this.field.current.value = editing ? (editing.draft ?? editing.text) : room.draft;
    if (editing || before.editing) this.focus();
  }

  componentDidMount() {
    this.field.current.value = this.props.room.draft;
  }

  focus() {
    const field = this.field.current;
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }

  #submit = (submit) => {
    submit.preventDefault();
    const { value } = this.field.current;
    if (value.trim() === "" || !this.props.actions.say(value.replace(/\s+$/, ""))) return;
    this.field.current.value = this.props.editing ? this.props.room.draft : "";
    this.focus();
  };

  #key = (key) => {
    const { editing, replying, actions } = this.props;
    if (key.isComposing) return;
    if (key.key === "Enter" && !key.shiftKey) {
      key.preventDefault();
      key.target.form.requestSubmit();
    } else if (key.key === "Escape" && (editing || replying)) {
      key.stopPropagation();
      actions.stop();
    } else if (key.key === "ArrowUp" && key.target.value === "" && !editing) {
      if (actions.editLast()) key.preventDefault();
    }
  };

  render({ room, editing, replying, actions }) {
    const to = room.kind === "room" ? `Message to ${room.name}` : `Private message to ${room.name}`;
    return html`<form class="composer" onSubmit=${this.#submit}>
      ${replying && html`<p class="about"><span>Replying to <${Name} of=${replying.user} />: ${lineOf(replying.text, 80)}</span> <${IconButton} icon="close" label="Stop replying" onClick=${actions.stop} /></p>`}
      ${editing && html`<p class="about">Editing your message <${IconButton} icon="close" label="Stop editing" onClick=${actions.stop} /></p>`}
      <div class="field">
        <textarea ref=${this.field} rows="1" aria-label=${editing ? "Edit your message" : to} placeholder=${`Message ${room.name}`}
          autocomplete="off" enterkeyhint="send" disabled=${room.standing === "refused"}
          onKeyDown=${this.#key} onInput=${({ target }) => editing || actions.write(target.value)}></textarea>
        <button class="send" aria-label=${editing ? "Save" : "Send"} title=${editing ? "Save" : "Send"}><${Icon} name="send" /></button>
      </div>
    </form>`;
  }
}
