// Where the reader writes: a field that grows, and what it is about to do when it is not a new message.

import { Component, createRef, html, IconButton } from "./html.js";

export class Composer extends Component {
  field = createRef();

  componentDidUpdate(before) {
    const { room, editing } = this.props;
    if (before.room === room && before.editing === editing) return;
    this.field.current.value = editing?.text ?? room.draft;
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
    const { editing, actions } = this.props;
    if (key.isComposing) return;
    if (key.key === "Enter" && !key.shiftKey) {
      key.preventDefault();
      key.target.form.requestSubmit();
    } else if (key.key === "Escape" && editing) {
      key.stopPropagation();
      actions.stop();
    } else if (key.key === "ArrowUp" && key.target.value === "" && !editing) {
      if (actions.editLast()) key.preventDefault();
    }
  };

  render({ room, editing, actions }) {
    const to = room.kind === "room" ? `Message to ${room.name}` : `Private message to ${room.name}`;
    return html`<form class="composer" onSubmit=${this.#submit}>
      ${editing && html`<p class="about">Editing your message <${IconButton} icon="close" label="Stop editing" onClick=${actions.stop} /></p>`}
      <div class="field">
        <textarea ref=${this.field} rows="1" aria-label=${editing ? "Edit your message" : to} placeholder=${`Message ${room.name}`}
          autocomplete="off" enterkeyhint="send" disabled=${room.standing === "refused"}
          onKeyDown=${this.#key} onInput=${({ target }) => editing || actions.write(target.value)}></textarea>
        <button class="send" aria-label=${editing ? "Save" : "Send"} title=${editing ? "Save" : "Send"}>
          <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M4 12l16-7-6 15-3-6z" /></svg>
        </button>
      </div>
    </form>`;
  }
}
