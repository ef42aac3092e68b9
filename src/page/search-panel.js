// The panel beside the messages that searches the conversation.

import { Component, createRef, html, IconButton, Name } from "./html.js";
import { singleLine } from "./markup.js";
import { patternOf } from "./search-words.js";
import { formatShort } from "./time-format.js";

const SEARCH_MS = 250; // without typing before a search starts

export class SearchPanel extends Component {
  state = { found: undefined, searching: false, problem: undefined };
  field = createRef();
  #timer = 0;
  #abort = new AbortController();

  componentDidMount() {
    this.field.current.focus();
  }

  componentDidUpdate({ room }) {
    if (room === this.props.room) return;
    this.setState({ found: undefined });
    this.#search();
  }

  componentWillUnmount() {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  #searchSoon = () => {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(), SEARCH_MS);
  };

  async #search() {
    this.#abort.abort();
    const abort = (this.#abort = new AbortController());
    const words = this.field.current.value.trim();
    if (!words) return this.setState({ found: undefined, searching: false, problem: undefined });
    this.setState({ searching: true, problem: undefined });
    try {
      const found = await (await this.props.chat.history).search(this.props.room, words, abort.signal);
      if (!abort.signal.aborted) this.setState({ found, words, searching: false });
    } catch ({ message }) {
      if (!abort.signal.aborted) this.setState({ found: undefined, searching: false, problem: `${message}.` });
    }
  }

  render({ room, ui }, { found, words, searching, problem }) {
    const result = searching ? "Searching…" : problem ?? (found && (found.length === 0 ? "No messages found" : found.length === 1 ? "1 message" : `${found.length} messages`));
    return html`<aside class="panel" aria-label="Search">
      <header><h2>Search</h2><${IconButton} icon="close" label="Close search" onClick=${() => ui.togglePanel()} /></header>
      <form role="search" onSubmit=${(event) => (event.preventDefault(), this.#search())}>
        <input ref=${this.field} type="search" aria-label=${`Search in ${room.name}`} placeholder=${`Search in ${room.name}`} autocomplete="off" onInput=${this.#searchSoon} />
      </form>
      <p class="hint" role="status">${result}</p>
      <ul class="search-results" aria-busy=${searching}>${found?.map((entry) => html`<li key=${entry.seq}>
        <button type="button" onClick=${() => ui.showMessage(entry.seq)}>
          <span class="top"><${Name} of=${entry.user} /> <time datetime=${entry.at}>${formatShort(entry.at)}</time></span>
          <span class="excerpt" dir="auto">${highlighted(excerptOf(entry.text, words), words)}</span>
        </button></li>`)}</ul>
    </aside>`;
  }
}

// The part of a long text around the first match.
function excerptOf(text, words) {
  const line = singleLine(text, 16_000);
  const at = line.search(patternOf(words));
  return at > 80 ? `…${singleLine(line.slice(at - 40), 200)}` : singleLine(line, 200);
}

function highlighted(text, words) {
  return text.split(patternOf(words)).map((part, i) => (i % 2 === 1 ? html`<mark>${part}</mark>` : part));
}
