// The panel beside the messages that searches the conversation, or everything that the user may read.

import { DateForm } from "./date-form.js";
import { Component, createRef, html, IconButton, Name, RoomSign, User } from "./html.js";
import { singleLine } from "./markup.js";
import { patternOf } from "./search-words.js";
import { formatShort } from "./time-format.js";

const SEARCH_MS = 250; // without typing before a search starts
const SCOPES = { room: "This conversation", all: "All rooms" };

export class SearchPanel extends Component {
  state = { scope: "room", found: undefined, next: undefined, searching: false, problem: undefined };
  field = createRef();
  #timer = 0;
  #abort = new AbortController();

  componentDidMount() {
    this.field.current.focus();
  }

  componentDidUpdate({ room }) {
    if (room === this.props.room || this.state.scope === "all") return;
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

  #setScope = (scope) => this.setState({ scope, found: undefined, next: undefined }, () => this.#search());

  async #search() {
    this.#abort.abort();
    const words = this.field.current.value.trim();
    if (!words) return this.setState({ found: undefined, next: undefined, searching: false, problem: undefined });
    await this.#find(words);
  }

  // Shows what is found, behind what the page before found.
  async #find(words, before = [], next) {
    const abort = (this.#abort = new AbortController());
    this.setState({ searching: true, problem: undefined });
    try {
      const history = await this.props.chat.history;
      const { scope } = this.state;
      const page = scope === "all" ? await history.searchAll(words, abort.signal, next) : { found: await history.search(this.props.room, words, abort.signal) };
      if (!abort.signal.aborted) this.setState({ found: [...before, ...page.found], next: page.next, words, searching: false });
    } catch ({ message }) {
      if (!abort.signal.aborted) this.setState({ found: before.length > 0 ? before : undefined, searching: false, problem: `${message}.` });
    }
  }

  #open({ room, seq }) {
    const { chat, ui } = this.props;
    if (!room) return ui.showMessage(seq);
    const opened = chat.open(room.kind, room.name);
    ui.select(opened, seq);
    if (opened.kind === "private") chat.subscribe(opened);
  }

  render({ chat, room, ui }, { scope, found, next, words, searching, problem }) {
    const result = searching ? "Searching…" : problem ?? (found && countOf(found.length, next));
    const label = scope === "all" ? "Search in all rooms" : `Search in ${room.name}`;
    return html`<aside class="panel" aria-label="Search">
      <header><h2>Search</h2><${IconButton} icon="close" label="Close search" onClick=${() => ui.togglePanel()} /></header>
      <form role="search" onSubmit=${(event) => (event.preventDefault(), this.#search())}>
        <input ref=${this.field} type="search" aria-label=${label} placeholder=${label} autocomplete="off" onInput=${this.#searchSoon} />
        <fieldset class="scopes"><legend class="visually-hidden">Where to search</legend>
          ${Object.entries(SCOPES).map(([value, text]) => html`<label key=${value}><input type="radio" name="scope" value=${value} checked=${value === scope} onChange=${() => this.#setScope(value)} /> ${text}</label>`)}</fieldset>
      </form>
      <p class="hint" role="status">${result}</p>
      ${scope === "room" && found?.length === 0 && !searching && html`<p class="hint"><button type="button" class="quiet" onClick=${() => this.#setScope("all")}>Search in all rooms</button></p>`}
      <ul class="search-results" aria-busy=${searching}>${found?.map((entry) => html`<li key=${`${entry.room?.key} ${entry.seq}`}>
        <button type="button" onClick=${() => this.#open(entry)}>
          ${entry.room && roomLine(entry.room)}
          <span class="top"><${User} of=${entry.user} /> <time datetime=${entry.at}>${formatShort(entry.at)}</time></span>
          <span class="excerpt" dir="auto">${highlighted(excerptOf(entry.text, words), words)}</span>
        </button></li>`)}
        ${next && !searching && html`<li><button type="button" class="more" onClick=${() => this.#find(words, found, next)}>Show older</button></li>`}</ul>
      ${scope === "all" && [...chat.rooms.values()].some((each) => chat.isEncrypted(each)) && html`<p class="hint">Of encrypted conversations, only what this page has loaded is searched.</p>`}
      <${DateForm} key=${room.key} chat=${chat} room=${room} ui=${ui} />
    </aside>`;
  }
}

function countOf(count, more) {
  if (count === 0) return "No messages found";
  return count === 1 ? "1 message" : `${count} messages${more ? ", and older ones" : ""}`;
}

// In which room or conversation a message was found.
function roomLine({ kind, name, isPrivate }) {
  return html`<span class="where">${kind === "room" ? html`<${RoomSign} isPrivate=${isPrivate} /><${Name} of=${name} />` : html`Private: <${User} of=${name} />`}</span>`;
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
