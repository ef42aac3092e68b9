// The menu of a conversation in the list: what is done with it most often. It is modal, so that the page behind it stays
// as it is, and one stop of the Tab key, in which the arrow keys move.

import { Component, createRef, html } from "./html.js";
import { LEVELS } from "./notification-level.js";

const MARGIN_PX = 8; // from the edges of the window

export class ConversationMenu extends Component {
  box = createRef();

  componentDidMount() {
    const box = this.box.current;
    box.showModal();
    const [x, y] = this.props.at;
    box.style.left = `${Math.max(MARGIN_PX, Math.min(x, innerWidth - box.offsetWidth - MARGIN_PX))}px`;
    box.style.top = `${Math.max(MARGIN_PX, Math.min(y, innerHeight - box.offsetHeight - MARGIN_PX))}px`;
    this.#items[0].focus();
    this.props.chat.loadMembers(this.props.room); // which the dialogs want to know: it may not have been shown yet
  }

  // So that the focus goes back to where it was.
  componentWillUnmount() {
    this.box.current.close();
  }

  get #items() {
    return [...this.box.current.querySelectorAll("button")];
  }

  #key = (key) => {
    const items = this.#items;
    const on = items.indexOf(document.activeElement);
    const next = { ArrowUp: on - 1, ArrowDown: on + 1, Home: 0, End: -1 }[key.key];
    if (key.key === "Tab") return this.box.current.close();
    if (next === undefined) return;
    key.preventDefault();
    items.at(next % items.length).focus();
  };

  #setLevel = async (level) => {
    const { chat, room } = this.props;
    await chat.bookmarks.then((bookmarks) => bookmarks.setLevel(room, level)).catch(({ message }) => chat.showProblem(`Only this browser knows so far: ${message}.`));
  };

  render({ chat, room, ui, onClose }) {
    const isRoom = room.kind === "room";
    const item = (label, act, more) => html`<li role="none" key=${label}><button type="button" role="menuitem" tabindex="-1" onClick=${() => (onClose(), act())} ...${more}>${label}</button></li>`;
    const outside = ({ target, currentTarget }) => target === currentTarget && currentTarget.close();
    return html`<dialog ref=${this.box} class="context-menu" aria-label=${`Menu for ${room.name}`} onClose=${onClose} onClick=${outside} onContextMenu=${(event) => event.preventDefault()}>
      <ul role="menu" aria-label=${room.name} onKeyDown=${this.#key}>
        ${item(isRoom ? "About this room…" : "About this conversation…", () => ui.dialog(isRoom ? "room" : "conversation", { room }))}
        ${isRoom && item("Invite people…", () => ui.dialog("invite", { room }))}
        ${room.unread > 0 && item("Mark as read", () => chat.read(room))}
        <li role="none"><ul role="group" aria-label="Notify me of">${Object.entries(LEVELS).map(([level, label]) => {
          const isChosen = level === chat.levelOf(room);
          return item(`Notify me of ${label}`, () => this.#setLevel(level), { role: "menuitemradio", "aria-checked": isChosen ? "true" : "false" });
        })}</ul></li>
        ${item(isRoom ? "Leave this room…" : "Leave this conversation…", () => ui.dialog("leave", { room }))}
      </ul>
    </dialog>`;
  }
}
