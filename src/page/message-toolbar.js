// The toolbar of the message that is hovered or focused: react, reply, copy, copy its link, pin, edit, delete. It is one
// stop of the Tab key, in which the arrow keys move. Where there is no pointer that hovers, the style sheet makes a sheet
// of it, with words.

import { Component, createRef, html, IconButton } from "./html.js";
import { addressOfRoom } from "./names.js";

const EMOJIS = ["👍", "❤️", "😂", "🎉", "😮", "😢"];
const ICONS = {
  copy: "M9 9h10v11H9zM5 15V4h10",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  reply: "M10 6l-6 5 6 5v-3c5 0 8 1 10 5 0-6-3-10-10-10z",
  trash: "M5 7h14M9 7V5h6v2M7 7l1 13h8l1-13",
};
const COPIED_MS = 2_000;

export class MessageToolbar extends Component {
  state = { at: 0, copied: undefined };
  bar = createRef();
  #timer = 0;

  componentWillUnmount() {
    clearTimeout(this.#timer);
  }

  get #buttons() {
    return [...this.bar.current.querySelectorAll("button")];
  }

  #key = (key) => {
    const buttons = this.#buttons;
    const on = buttons.indexOf(key.target);
    const next = { ArrowLeft: on - 1, ArrowRight: on + 1, Home: 0, End: -1 }[key.key];
    if (next === undefined || key.altKey || key.ctrlKey || key.metaKey) return;
    key.preventDefault();
    buttons.at(next % buttons.length).focus();
  };

  #focused = ({ target }) => this.setState({ at: this.#buttons.indexOf(target.closest("button")) });

  // Over plain HTTP, browsers give a page no clipboard.
  async #copy(what, text, otherwise) {
    const { chat } = this.props;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return otherwise();
    }
    chat.announce(`The ${what} was copied.`);
    this.setState({ copied: what });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.setState({ copied: undefined }), COPIED_MS);
  }

  #copyText = () => this.#copy("text", this.props.entry.text, () => this.props.chat.showProblem("This browser does not let the page copy text."));

  #copyLink = () => {
    const { room, entry: { seq }, chat, actions } = this.props;
    this.#copy("link", addressOfRoom(room, seq), () => {
      actions.locate(room, seq);
      chat.showProblem("This browser does not let the page copy the link: it is in the address bar now.");
    });
  };

  render({ entry, me, room, chat, canModerate, reactions, actions }, { at, copied }) {
    const isPinned = room.about.pinned.includes(entry.seq);
    const pin = () => chat.client.request({ type: isPinned ? "unpin" : "pin", room: room.name, seq: entry.seq }).catch(({ message }) => chat.showProblem(`${message}.`));
    const own = entry.user === me && entry.opened?.state !== "unreadable";
    const chosen = new Set([...(reactions?.values() ?? [])].filter(({ user }) => user === me).map(({ text }) => text));
    const buttons = [
      ...EMOJIS.map((emoji) => (tabindex) => html`<button type="button" class="icon-button emoji" key=${emoji} tabindex=${tabindex} aria-label=${`React with ${emoji}`} aria-pressed=${chosen.has(emoji)} onClick=${() => actions.react(entry, emoji)}>${emoji}</button>`),
      button(ICONS.reply, "Reply", () => actions.reply(entry)),
      !entry.data && button(copied === "text" ? "tick" : ICONS.copy, "Copy text", this.#copyText),
      button(copied === "link" ? "tick" : ICONS.link, "Copy link", this.#copyLink),
      canModerate && button("pin", isPinned ? "Unpin" : "Pin", pin, { "aria-pressed": isPinned }),
      own && !entry.data && button(ICONS.edit, "Edit", () => actions.edit(entry)),
      (entry.user === me || canModerate) && button(ICONS.trash, "Delete", () => actions.delete(entry)),
    ].filter(Boolean);
    return html`<div class="toolbar" role="toolbar" aria-label="Message actions" ref=${this.bar} onKeyDown=${this.#key} onFocusIn=${this.#focused}>
      ${buttons.map((each, i) => each(i === Math.min(at, buttons.length - 1) ? 0 : -1))}
    </div>`;
  }
}

const button = (icon, label, onClick, more) => (tabindex) => html`<${IconButton} key=${label} icon=${icon} label=${label} tabindex=${tabindex} onClick=${onClick} ...${more} />`;
