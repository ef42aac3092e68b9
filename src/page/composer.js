// The composer: the field for a new message, a reply or an edit.

import { Component, createRef, html, Icon, IconButton, User } from "./html.js";
import { lazy } from "./loading.js";
import { singleLine } from "./markup.js";
import { HOVERLESS } from "./viewport.js";

const MentionList = lazy("mention-list", "MentionList");
const MENTION = /(?:^|[^\p{L}\p{M}\p{N}.@/-])@([^\s@]{0,32})$/u; // that ends at the caret

// On a phone, Enter begins a new line unless the user has chosen otherwise.
export const enterSends = (chat) => chat.enterSends ?? !HOVERLESS.matches;

export class Composer extends Component {
  state = { word: undefined }; // behind an `@` before the caret
  field = createRef();
  mentionList = createRef();

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
    if (value.trim() === "" || this.props.room.silence || !this.props.actions.send(value.replace(/\s+$/, ""))) return;
    this.field.current.value = this.props.editing ? this.props.room.draft : "";
    this.#closeMentions();
    this.focus();
  };

  #onKey = (key) => {
    const { editing, replying, actions } = this.props;
    if (key.isComposing || this.mentionList.current?.key(key)) return;
    if (key.key === "Enter" && !key.shiftKey && (enterSends(this.props.chat) || key.ctrlKey || key.metaKey)) {
      key.preventDefault();
      key.target.form.requestSubmit();
    } else if (key.key === "Escape" && (editing || replying)) {
      key.stopPropagation();
      actions.cancel();
    } else if (key.key === "ArrowUp" && !key.altKey && key.target.value === "" && !editing) {
      if (actions.editLast()) key.preventDefault();
    }
  };

  #input = ({ target }) => {
    if (!this.props.editing) this.props.actions.setDraft(target.value);
    this.#lookForMention();
  };

  #lookForMention = () => {
    const { value, selectionStart } = this.field.current;
    const [, word] = MENTION.exec(value.slice(Math.max(0, selectionStart - 64), selectionStart)) ?? [];
    if (word !== this.state.word) this.setState({ word });
  };

  #mention = (name) => {
    const field = this.field.current;
    const end = field.selectionStart;
    field.setRangeText(`@${name} `, end - this.state.word.length - 1, end, "end");
    this.#input({ target: field });
  };

  #closeMentions = () => this.setState({ word: undefined });

  render({ chat, room, editing, replying, actions }, { word }) {
    const label = room.kind === "room" ? `Message to ${room.name}` : `Private message to ${room.name}`;
    return html`<form class="composer" id="composer" onSubmit=${this.#submit}>
      ${replying && html`<p class="composer-context"><span id="replying">Replying to <${User} of=${replying.user} />: ${singleLine(replying.text, 80)}</span> <${IconButton} icon="close" label="Cancel reply" onClick=${actions.cancel} /></p>`}
      ${editing && html`<p class="composer-context">Editing your message <${IconButton} icon="close" label="Cancel edit" onClick=${actions.cancel} /></p>`}
      <div class="field">
        ${word !== undefined && html`<${MentionList} list=${this.mentionList} field=${this.field.current} chat=${chat} room=${room} word=${word} onChoose=${this.#mention} onClose=${this.#closeMentions} />`}
        <textarea ref=${this.field} rows="1" aria-label=${editing ? "Edit your message" : label} placeholder=${`Message ${room.name}`}
          autocomplete="off" enterkeyhint=${enterSends(chat) ? "send" : "enter"} disabled=${room.joinState === "refused"} readonly=${Boolean(room.silence)}
          aria-describedby=${[replying && "replying", chat.lacksKey(room) && "missing-key"].filter(Boolean).join(" ") || undefined} aria-autocomplete="list" aria-controls=${word === undefined ? undefined : "mention-list"}
          onKeyDown=${this.#onKey} onInput=${this.#input} onClick=${this.#lookForMention} onBlur=${this.#closeMentions}></textarea>
        <button class="send" aria-label=${editing ? "Save" : "Send"} title=${editing ? "Save" : "Send"}><${Icon} name="send" /></button>
      </div>
    </form>`;
  }
}
