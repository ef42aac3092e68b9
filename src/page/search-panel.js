// The panel beside the messages that searches the conversation.

import { Component, createRef, html, IconButton, Name } from "./html.js";
import { lineOf } from "./markup.js";
import { short } from "./time-format.js";

const SEARCH_MS = 250; // of rest before a word that is being typed is looked for

export class Search extends Component {
  state = { found: undefined, looking: false, problem: undefined };
  field = createRef();
  #timer = 0;
  #asked = new AbortController();

  componentDidMount() {
    this.field.current.focus();
  }

  componentDidUpdate({ room }) {
    if (room !== this.props.room) this.#look();
  }

  componentWillUnmount() {
    clearTimeout(this.#timer);
    this.#asked.abort();
  }

  #later = () => {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), SEARCH_MS);
  };

  async #look() {
    this.#asked.abort();
    const asked = (this.#asked = new AbortController());
    const words = this.field.current.value.trim();
    if (!words) return this.setState({ found: undefined, looking: false, problem: undefined });
    this.setState({ looking: true });
    try {
      const found = await (await this.props.chat.past).search(this.props.room, words, asked.signal);
      if (!asked.signal.aborted) this.setState({ found, words, looking: false, problem: undefined });
    } catch ({ message }) {
      if (!asked.signal.aborted) this.setState({ found: undefined, looking: false, problem: message });
    }
  }

  render({ room, ui }, { found, words, looking, problem }) {
    const result = looking ? "Searching…" : problem ?? (found && (found.length === 0 ? "Nothing found" : found.length === 1 ? "1 message" : `${found.length} messages`));
    return html`<aside class="side" aria-label="Search">
      <header><h2>Search</h2><${IconButton} icon="close" label="Close search" onClick=${() => ui.side()} /></header>
      <form role="search" onSubmit=${(submit) => (submit.preventDefault(), this.#look())}>
        <input ref=${this.field} type="search" aria-label=${`Search in ${room.name}`} placeholder=${`Search in ${room.name}`} autocomplete="off" onInput=${this.#later} />
      </form>
      <p class="hint" role="status">${result}</p>
      <ul class="found">${found?.map((entry) => html`<li key=${entry.seq}>
        <button type="button" onClick=${() => ui.show(entry.seq)}>
          <span class="top"><${Name} of=${entry.user} /> <time datetime=${entry.at}>${short(entry.at)}</time></span>
          <span class="excerpt" dir="auto">${marked(excerptOf(entry.text, words), words)}</span>
        </button></li>`)}</ul>
    </aside>`;
  }
}

const wordsOf = (words) => new RegExp(`(${words.split(/\s+/).map((word) => word.replace(/[^\p{L}\p{N}]/gu, "\\$&")).join("|")})`, "giu");

// The part of a long text in which the first of the words stands.
function excerptOf(text, words) {
  const line = lineOf(text, 16_000);
  const at = line.search(wordsOf(words));
  return at > 80 ? `…${lineOf(line.slice(at - 40), 200)}` : lineOf(line, 200);
}

function marked(text, words) {
  return text.split(wordsOf(words)).map((part, i) => (i % 2 === 1 ? html`<mark>${part}</mark>` : part));
}
