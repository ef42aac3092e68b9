// The messages of a room: only those near to what is seen are in the document.
//
// The height of a line is known once it was shown; before that it is guessed. What the reader looks at
// stays where it is, whatever is added above or turns out higher than was guessed: the line at the top
// of the view is the anchor, or the end of everything while the reader is there.

import { Component, createRef, html, IconButton } from "./html.js";
import { Line } from "./message-row.js";

const GUESS_PX = 44;
const HEAD_PX = 56; // above the first line, for a word about what is further up
const BEYOND_PX = 600; // shown above and below the view
const END_PX = 4; // as near to the end as this is at the end; more would stop a scroll that begins gently
const TOP_LINES = 20; // as near to the oldest as this, older ones are loaded
const HOVERLESS = matchMedia("(hover: none)");

export class Log extends Component {
  state = { active: undefined };
  scroller = createRef();
  list = createRef();
  #heights = new Map(); // id → px, at the present width
  #offsets = new Float64Array(1); // where each line begins; the last is the whole height
  #entries = [];
  #anchor; // {id, delta}: how far the view begins into that line; none at the end
  #shown = [0, 0];
  #width = 0;
  #seen = 0; // where the view was when it was last looked at, or put
  #resized;
  #newest; // the newest of the reader's own that was seen here

  constructor(props) {
    super(props);
    const { room } = props;
    this.#newest = room.unsent.at(-1)?.id;
    if (room.divider !== undefined) this.#aim(room.entries.find(({ seq }) => seq > room.divider)?.id);
  }

  componentDidMount() {
    this.#resized = new ResizeObserver(() => this.#resize());
    this.#resized.observe(this.scroller.current);
    this.#lay();
  }

  componentDidUpdate() {
    this.#lay();
  }

  componentWillUnmount() {
    this.#resized.disconnect();
  }

  // Shows this message a third down the view.
  show(seq) {
    const entry = this.props.room.bySeq(seq);
    if (!entry) return;
    this.#aim(entry.id);
    this.setState({ active: entry.id }, () => this.#line(entry.id)?.focus({ preventScroll: true }));
  }

  toEnd() {
    this.#anchor = undefined;
    this.forceUpdate();
  }

  get #atEnd() {
    return this.#anchor === undefined;
  }

  #aim(id) {
    if (id !== undefined) this.#anchor = { id, delta: -(this.scroller.current?.clientHeight ?? 600) / 3 };
  }

  // Where the view begins, in px.
  #top() {
    const height = this.scroller.current?.clientHeight ?? 800;
    const end = Math.max(0, this.#offsets.at(-1) - height);
    if (this.#atEnd) return end;
    const at = this.#entries.findIndex(({ id }) => id === this.#anchor.id);
    return at < 0 ? Math.min(this.scroller.current?.scrollTop ?? 0, end) : Math.max(0, this.#offsets[at] + this.#anchor.delta);
  }

  #measureOffsets() {
    const entries = this.#entries;
    if (this.#offsets.length !== entries.length + 1) this.#offsets = new Float64Array(entries.length + 1);
    let sum = HEAD_PX;
    for (let i = 0; i < entries.length; i++) {
      this.#offsets[i] = sum;
      sum += this.#heights.get(entries[i].id) ?? GUESS_PX;
    }
    this.#offsets[entries.length] = sum;
  }

  // The line at this height.
  #at(px) {
    let [low, high] = [0, Math.max(0, this.#entries.length - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#offsets[middle] <= px) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #range(top) {
    const height = this.scroller.current?.clientHeight ?? 800;
    const last = this.#at(top + height + BEYOND_PX);
    return [this.#at(top - BEYOND_PX), Math.min(this.#entries.length, last + 1)];
  }

  #line(id) {
    return [...(this.list.current?.children ?? [])].find((line) => line.dataset.id === id);
  }

  // After the document has the lines: learns their heights and puts the view back where it was.
  #lay() {
    const scroller = this.scroller.current;
    let learned = false;
    for (const line of this.list.current.children) {
      const { height } = line.getBoundingClientRect();
      if (this.#heights.get(line.dataset.id) === height) continue;
      this.#heights.set(line.dataset.id, height);
      learned = true;
    }
    if (learned) this.#measureOffsets();
    const top = this.#top();
    if (Math.abs(scroller.scrollTop - top) > 1) {
      scroller.scrollTop = top;
      this.#seen = scroller.scrollTop;
    }
    if (top >= this.#offsets.at(-1) - scroller.clientHeight - END_PX) this.#anchor = undefined;
    const [first, last] = this.#range(top);
    if (learned && (first < this.#shown[0] || last > this.#shown[1])) this.forceUpdate();
    else this.#tell();
  }

  #tell() {
    const { room, onEnd, onTop, onSeen } = this.props;
    onEnd(this.#atEnd);
    if (this.#shown[0] < TOP_LINES && !room.complete && !room.loading) onTop();
    onSeen(this.#entries.slice(...this.#shown));
  }

  #resize() {
    const { clientWidth } = this.scroller.current;
    if (clientWidth !== this.#width) this.#heights.clear();
    this.#width = clientWidth;
    this.forceUpdate();
  }

  // Takes over where the reader has scrolled to. Also before each drawing: the event may be late.
  #follow() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller.current ?? {};
    if (scrollTop === undefined || scrollTop === this.#seen) return;
    this.#seen = scrollTop;
    const at = this.#at(scrollTop);
    const atEnd = scrollHeight - scrollTop - clientHeight < END_PX || !this.#entries[at];
    this.#anchor = atEnd ? undefined : { id: this.#entries[at].id, delta: scrollTop - this.#offsets[at] };
  }

  #scrolled = () => {
    if (!this.scroller.current) return; // it scrolled, and another room is shown by now
    const wasAtEnd = this.#atEnd;
    this.#follow();
    const { scrollTop, clientHeight } = this.scroller.current;
    const [first, last] = this.#shown;
    const above = Math.max(this.#offsets[0], scrollTop - BEYOND_PX / 2);
    const below = Math.min(this.#offsets.at(-1), scrollTop + clientHeight + BEYOND_PX / 2);
    if (wasAtEnd !== this.#atEnd || this.#offsets[first] > above || this.#offsets[last] < below) this.forceUpdate();
    else this.#tell();
  };

  // Up and down go from line to line; the buttons of the line one is on are behind Tab.
  #key = (key) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[key.key];
    if (!step || key.altKey || key.ctrlKey || key.metaKey) return;
    const lines = [...this.list.current.children];
    const on = lines.indexOf(key.target.closest("[data-id]"));
    const next = on < 0 ? lines.findLast((line) => this.#isSeen(line)) : lines[on + step];
    if (!next) return;
    key.preventDefault();
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };

  #isSeen(line) {
    return line.getBoundingClientRect().top < this.scroller.current.getBoundingClientRect().bottom;
  }

  #activate = ({ target }) => {
    const id = target.closest?.("[data-id]")?.dataset.id;
    if (id !== this.state.active) this.setState({ active: id });
  };

  // Where nothing hovers, the buttons of a line have done what they were called for.
  #picked = ({ target }) => {
    if (HOVERLESS.matches && target.closest(".toolbar")) this.setState({ active: undefined });
  };

  // The line that has the focus keeps its buttons.
  #leave = () => {
    const id = this.list.current.contains(document.activeElement) ? document.activeElement.closest("[data-id]")?.dataset.id : undefined;
    if (id !== this.state.active) this.setState({ active: id });
  };

  render({ room, chat, actions, target }, { active }) {
    this.#follow();
    const waiting = room.unsent.filter(({ reactTo, state }) => reactTo === undefined || state === "failed");
    this.#entries = waiting.length > 0 ? [...room.entries, ...waiting] : room.entries;
    const newest = waiting.at(-1)?.id;
    if (newest !== undefined && newest !== this.#newest) this.#anchor = undefined; // one sees what one says
    this.#newest = newest;
    this.#measureOffsets();
    const top = this.#top();
    const [first, last] = (this.#shown = this.#range(top));
    const isNew = (each) => room.divider !== undefined && (each?.seq ?? each?.after) > room.divider;
    const lines = this.#entries.slice(first, last).map((entry, i) => {
      const before = this.#entries[first + i - 1];
      const divided = entry.seq !== undefined && isNew(entry) && !isNew(before);
      return html`<${Line} key=${entry.id} ...${{ room, entry, before, divided, actions, target: target !== undefined && entry.seq === target, me: chat.me, rules: room.rules }}
        secret=${chat.isSecret(room)} reactions=${room.reactions.get(entry.seq)} about=${entry.replyTo === undefined ? undefined : room.bySeq(entry.replyTo)}
        active=${entry.id === active} receipts=${receiptsFor(room, entry, chat.me)} />`;
    });
    const padding = { paddingTop: `${this.#offsets[first] ?? 0}px`, paddingBottom: `${this.#offsets.at(-1) - (this.#offsets[last] ?? 0)}px` };
    return html`<div class="log-frame">
      <div class="log" ref=${this.scroller} tabindex="0" role="region" aria-label=${`Messages in ${room.name}`}
           onScroll=${this.#scrolled} onKeyDown=${this.#key}
           onFocusIn=${this.#activate} onPointerOver=${this.#activate} onPointerLeave=${this.#leave} onPointerDown=${this.#activate} onClick=${this.#picked}>
        ${room.complete ? html`<p class="beginning">This is where ${room.kind === "private" && "your conversation with "}<bdi>${room.name}</bdi> begins.</p>` : room.loading && html`<p class="beginning">Loading…</p>`}
        <div class="lines" role="list" ref=${this.list} style=${padding}>${lines}</div>
      </div>
      ${!this.#atEnd && html`<${IconButton} icon="down" class="jump" data-unread=${room.unread || undefined}
        label=${room.unread ? `To the end: ${room.unread} new` : "To the end"} onClick=${() => this.toEnd()} />`}
    </div>`;
  }
}

// A text that says how far an own message has got, so that lines compare it.
function receiptsFor(room, { seq, user, deleted }, me) {
  if (seq === undefined || user !== me || deleted) return undefined;
  const { read, received, written } = room.receiptsOf(seq);
  const part = (word, users) => users.length > 0 && `${word} ${users.slice(0, 3).join(", ")}${users.length > 3 ? ` and ${users.length - 3} more` : ""}`;
  const parts = [part("read by", read), part("received by", received), part("delivered to", written)].filter(Boolean);
  const level = read.length > 0 ? "read" : received.length > 0 || written.length > 0 ? "received" : "sent";
  return `${level}|${parts.length > 0 ? parts.join("; ") : "sent"}`;
}
