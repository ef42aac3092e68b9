// The names that complete an `@` in the composer: whoever is in the room or has spoken there.

import { Avatar, Component, html, User } from "./html.js";
import { displayNames } from "./names.js";

const SHOWN_MAX = 8;
const SPEAKERS_MAX = 300; // messages that are looked through for who has spoken

export class MentionList extends Component {
  state = { chosen: 0, people: [] };
  #shown = [];

  componentDidMount() {
    const { chat, room, list } = this.props;
    list.current = this;
    this.#show();
    if (!room.isPrivate) return;
    // Those who are on the list of a private room, and not in it.
    chat.get(`/api/v1/rooms/${encodeURIComponent(room.name)}/members`).then(({ people = [] }) => this.setState({ people: people.map(({ user }) => user) }), () => {}); // the others are still shown
  }

  componentDidUpdate({ word }) {
    if (word !== this.props.word) this.setState({ chosen: 0 });
    this.#show();
  }

  componentWillUnmount() {
    this.props.list.current = undefined;
    this.props.field.removeAttribute("aria-activedescendant");
  }

  // Tells assistive technology which name would be taken.
  #show() {
    const { field } = this.props;
    const option = this.#shown.length > 0 && `mention-${this.#chosen}`;
    if (option) field.setAttribute("aria-activedescendant", option);
    else field.removeAttribute("aria-activedescendant");
  }

  // Handles a key of the composer. Returns whether it was for this list.
  key(key) {
    const count = this.#shown.length;
    if (count === 0 || key.shiftKey || key.ctrlKey || key.altKey || key.metaKey) return false;
    const chosen = this.#chosen;
    if (key.key === "Enter" && fold(this.#shown[chosen]) === fold(this.props.word)) return false; // it is complete: the message is sent
    if (key.key === "ArrowDown") this.setState({ chosen: (chosen + 1) % count });
    else if (key.key === "ArrowUp") this.setState({ chosen: (chosen + count - 1) % count });
    else if (key.key === "Enter" || key.key === "Tab") this.props.onChoose(this.#shown[chosen]);
    else if (key.key === "Escape") this.props.onClose();
    else return false;
    key.preventDefault();
    key.stopPropagation();
    return true;
  }

  // The names may have become fewer.
  get #chosen() {
    return Math.min(this.state.chosen, this.#shown.length - 1);
  }

  render({ room, chat, word, onChoose }, { people }) {
    this.#shown = namesFor(word, room, chat.me, people);
    if (this.#shown.length === 0) return undefined;
    const chosen = this.#chosen;
    return html`<ul class="mention-list" role="listbox" id="mention-list" aria-label="Names">
      ${this.#shown.map((name, i) => html`<li key=${name} id=${`mention-${i}`} role="option" aria-selected=${i === chosen ? "true" : "false"}
        onPointerDown=${(event) => event.preventDefault()} onClick=${() => onChoose(name)}>
        ${name === HERE ? html`<span class="avatar" aria-hidden="true">@</span> <span>here <small>everyone in the room</small></span>` : html`<${Avatar} of=${name} /> <${User} of=${name} />`}</li>`)}
    </ul>`;
  }
}

const HERE = "here";
const fold = (text) => text.normalize("NFKC").toLowerCase();

const formsOf = (name) => [fold(name), fold(displayNames.get(name) ?? name)];

// Names that begin with the word, and then those that contain it: first who has spoken last.
function namesFor(word, room, me, people) {
  const sought = fold(word);
  const speakers = room.entries.slice(-SPEAKERS_MAX).reverse().map(({ user }) => user);
  const known = room.kind === "private" ? [room.name] : [...speakers, ...room.members.keys(), ...people, HERE];
  const names = [...new Set(known)].filter((name) => name && name !== me && formsOf(name).some((form) => form.includes(sought)));
  const begins = (name) => formsOf(name).some((form) => form.startsWith(sought));
  const ranked = names.filter(begins).concat(names.filter((name) => !begins(name)));
  return ranked.slice(0, SHOWN_MAX);
}
