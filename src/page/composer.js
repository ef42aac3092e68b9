// The composer: the field for a new message, a reply or an edit.

import { Component, createRef, html, Icon, IconButton, Name } from "./html.js";
import { singleLine } from "./markup.js";

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

  #submit = (event) => {
    event.preventDefault();
    const { value } = this.field.current;
    if (value.trim() === "" || !this.props.actions.send(value.replace(/\s+$/, ""))) return;
    this.field.current.value = this.props.editing ? this.props.room.draft : "";
    this.focus();
  };

  #onKey = (key) => {
    const { editing, replying, actions } = this.props;
    if (key.isComposing) return;
    if (key.key === "Enter" && !key.shiftKey) {
      key.preventDefault();
      key.target.form.requestSubmit();
    } else if (key.key === "Escape" && (editing || replying)) {
      key.stopPropagation();
      actions.cancel();
    } else if (key.key === "ArrowUp" && key.target.value === "" && !editing) {
      if (actions.editLast()) key.preventDefault();
    }
  };

  render({ room, editing, replying, actions }) {
    const label = room.kind === "room" ? `Message to ${room.name}` : `Private message to ${room.name}`;
    return html`<form class="composer" onSubmit=${this.#submit}>
      ${replying && html`<p class="composer-context"><span>Replying to <${Name} of=${replying.user} />: ${singleLine(replying.text, 80)}</span> <${IconButton} icon="close" label="Cancel reply" onClick=${actions.cancel} /></p>`}
      ${editing && html`<p class="composer-context">Editing your message <${IconButton} icon="close" label="Cancel edit" onClick=${actions.cancel} /></p>`}
      <div class="field">
        <textarea ref=${this.field} rows="1" aria-label=${editing ? "Edit your message" : label} placeholder=${`Message ${room.name}`}
          autocomplete="off" enterkeyhint="send" disabled=${room.joinState === "refused"}
          onKeyDown=${this.#onKey} onInput=${({ target }) => editing || actions.setDraft(target.value)}></textarea>
        <button class="send" aria-label=${editing ? "Save" : "Send"} title=${editing ? "Save" : "Send"}><${Icon} name="send" /></button>
      </div>
    </form>`;
  }
}
