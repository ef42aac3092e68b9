// The message list: a virtual list, with only the rows near the viewport in the document.
//
// The height of a row is estimated until it has been rendered. What the user looks at stays in place when
// rows are added above or turn out to be taller than estimated: the row at the top of the viewport is the
// anchor, or the end of the list while the user is there.

import { Component, createRef, html, IconButton } from "./html.js";
import { MessageRow } from "./message-row.js";
import { titleOf } from "./names.js";
import { HOVERLESS } from "./viewport.js";

const ESTIMATED_PX = 44; // the height of a row that was not rendered yet
const HEAD_PX = 56; // above the first row, for a note on what comes before it
const OVERSCAN_PX = 600; // rendered above and below the viewport
const END_PX = 4; // closer to the end than this is at the end; more would stop a scroll that starts slowly
const TOP_ROWS = 20; // closer to the oldest message than this, older ones are loaded

export class MessageList extends Component {
  state = { active: undefined };
  scroller = createRef();
  list = createRef();
  #heights = new Map(); // id → px, at the current width
  #offsets = new Float64Array(1); // where each row begins, in px; the last is the total height
  #entries = [];
  #anchor; // {id, delta}: how far below the top of that row the viewport begins; undefined at the end
  #rendered = [0, 0]; // first row, and the one after the last
  #width = 0;
  #scrollTop = 0; // when it was last read or set
  #resized;
  #newestUnsent; // id of the newest unsent message that was rendered

  constructor(props) {
    super(props);
    const { room } = props;
    this.#newestUnsent = room.unsent.at(-1)?.id;
    if (room.divider !== undefined) this.#anchorAt(room.entries.find(({ seq }) => seq > room.divider)?.id);
  }

  componentDidMount() {
    this.#resized = new ResizeObserver(() => this.#resize());
    this.#resized.observe(this.scroller.current);
    this.#layOut();
  }

  componentDidUpdate() {
    this.#layOut();
  }

  componentWillUnmount() {
    this.#resized.disconnect();
  }

  // Scrolls to a message, and places it a third down the viewport.
  show(seq) {
    const entry = this.props.room.bySeq(seq);
    if (!entry) return;
    this.#anchorAt(entry.id);
    this.setState({ active: HOVERLESS.matches ? undefined : entry.id }, () => this.#row(entry.id)?.focus({ preventScroll: true }));
  }

  scrollToEnd() {
    this.#anchor = undefined;
    this.forceUpdate();
  }

  get #atEnd() {
    return this.#anchor === undefined;
  }

  #anchorAt(id) {
    if (id !== undefined) this.#anchor = { id, delta: -(this.scroller.current?.clientHeight ?? 600) / 3 };
  }

  // Where the viewport begins, in px.
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
      sum += this.#heights.get(entries[i].id) ?? ESTIMATED_PX;
    }
    this.#offsets[entries.length] = sum;
  }

  // The index of the row at this offset.
  #indexAt(px) {
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
    const last = this.#indexAt(top + height + OVERSCAN_PX);
    return [this.#indexAt(top - OVERSCAN_PX), Math.min(this.#entries.length, last + 1)];
  }

  #row(id) {
    return [...(this.list.current?.children ?? [])].find((row) => row.dataset.id === id);
  }

  // After a render: measures the rows, and restores the scroll position.
  #layOut() {
    const scroller = this.scroller.current;
    let measured = false;
    for (const row of this.list.current.children) {
      const { height } = row.getBoundingClientRect();
      if (this.#heights.get(row.dataset.id) === height) continue;
      this.#heights.set(row.dataset.id, height);
      measured = true;
    }
    if (measured) this.#measureOffsets();
    const top = this.#top();
    if (Math.abs(scroller.scrollTop - top) > 1) scroller.scrollTop = top;
    this.#scrollTop = scroller.scrollTop; // rows that are lower than estimated move it as well, and that is no scrolling of the user's
    if (top >= this.#offsets.at(-1) - scroller.clientHeight - END_PX) this.#anchor = undefined;
    const [first, last] = this.#range(top);
    if (measured && (first < this.#rendered[0] || last > this.#rendered[1])) this.forceUpdate();
    else this.#notify();
  }

  #notify() {
    const { room, onEnd, onTop, onSeen } = this.props;
    onEnd(this.#atEnd);
    if (this.#rendered[0] < TOP_ROWS && !room.complete && !room.loading) onTop();
    onSeen(this.#entries.slice(...this.#rendered));
  }

  #resize() {
    const { clientWidth } = this.scroller.current;
    if (clientWidth !== this.#width) this.#heights.clear();
    this.#width = clientWidth;
    this.forceUpdate();
  }

  // Takes over where the user has scrolled to. Also before each render, since the event may be late.
  #readScroll() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller.current ?? {};
    if (scrollTop === undefined || scrollTop === this.#scrollTop) return;
    this.#scrollTop = scrollTop;
    const at = this.#indexAt(scrollTop);
    const atEnd = scrollHeight - scrollTop - clientHeight < END_PX || !this.#entries[at];
    this.#anchor = atEnd ? undefined : { id: this.#entries[at].id, delta: scrollTop - this.#offsets[at] };
  }

  #scrolled = () => {
    if (!this.scroller.current) return; // another room is shown by now
    const wasAtEnd = this.#atEnd;
    this.#readScroll();
    const { scrollTop, clientHeight } = this.scroller.current;
    const [first, last] = this.#rendered;
    const above = Math.max(this.#offsets[0], scrollTop - OVERSCAN_PX / 2);
    const below = Math.min(this.#offsets.at(-1), scrollTop + clientHeight + OVERSCAN_PX / 2);
    if (wasAtEnd !== this.#atEnd || this.#offsets[first] > above || this.#offsets[last] < below) this.forceUpdate();
    else this.#notify();
  };

  // The up and down keys move between rows; Tab then goes to the buttons of the row.
  #key = (key) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[key.key];
    if (!step || key.altKey || key.ctrlKey || key.metaKey) return;
    const rows = [...this.list.current.children];
    const on = rows.indexOf(key.target.closest("[data-id]"));
    const next = on < 0 ? rows.findLast((row) => this.#isVisible(row)) : rows[on + step];
    if (!next) return;
    key.preventDefault();
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };

  #isVisible(row) {
    return row.getBoundingClientRect().top < this.scroller.current.getBoundingClientRect().bottom;
  }

  // A finger does so when it taps: it also comes to scroll.
  #activate = ({ type, target, pointerType }) => {
    if (pointerType === "touch" || (type === "focusin" && !target.matches(":focus-visible"))) return;
    const id = target.closest("[data-id]")?.dataset.id;
    if (id !== this.state.active) this.setState({ active: id });
  };

  // A tap shows the toolbar of a message, and hides it again, also by one of its buttons.
  #tap = ({ target, pointerType }) => {
    if (pointerType !== "touch") return;
    const isControl = target.closest("button, a, summary");
    if (isControl && !target.closest(".toolbar")) return;
    const id = target.closest("[data-id]")?.dataset.id;
    this.setState(({ active }) => ({ active: isControl || id === active ? undefined : id }));
  };

  // Tab from outside comes to the list, and not to the actions of the message that was the last one.
  #leave = ({ relatedTarget }) => {
    if (relatedTarget && !this.list.current.contains(relatedTarget)) this.setState({ active: undefined });
  };

  // The row that has the focus keeps its toolbar.
  #deactivate = () => {
    const id = this.list.current.contains(document.activeElement) ? document.activeElement.closest("[data-id]")?.dataset.id : undefined;
    if (id !== this.state.active) this.setState({ active: id });
  };

  render({ room, chat, actions, target }, { active }) {
    this.#readScroll();
    const waiting = room.unsent.filter(({ reactTo }) => reactTo === undefined);
    this.#entries = waiting.length > 0 ? [...room.entries, ...waiting] : room.entries;
    const newest = waiting.at(-1)?.id;
    if (newest !== undefined && newest !== this.#newestUnsent) this.#anchor = undefined; // the user's own message scrolls into view
    this.#newestUnsent = newest;
    this.#measureOffsets();
    const top = this.#top();
    const [first, last] = (this.#rendered = this.#range(top));
    const isNew = (each) => room.divider !== undefined && (each?.seq ?? each?.after) > room.divider;
    const from = room.encryptedFrom ?? (chat.isEncrypted(room) ? 0 : Infinity);
    const isSince = (each) => (each?.seq ?? each?.after) >= from;
    const hasPlain = room.entries.find(({ seq }) => seq !== undefined)?.seq < from;
    const rows = this.#entries.slice(first, last).map((entry, i) => {
      const before = this.#entries[first + i - 1];
      const isFirstUnread = entry.seq !== undefined && isNew(entry) && !isNew(before);
      return html`<${MessageRow} key=${entry.id} ...${{ room, entry, before, isFirstUnread, isFirstEncrypted: hasPlain && isSince(entry) && !isSince(before), chat, actions, target: target !== undefined && entry.seq === target, me: chat.me, called: chat.called, canModerate: room.canModerate }}
        encrypted=${isSince(entry)} reactions=${room.reactions.get(entry.seq)} repliedTo=${entry.replyTo === undefined ? undefined : room.bySeq(entry.replyTo)}
        active=${entry.id === active} receipts=${receiptsText(room, entry, chat.me)} />`;
    });
    const padding = { paddingTop: `${this.#offsets[first] ?? 0}px`, paddingBottom: `${this.#offsets.at(-1) - (this.#offsets[last] ?? 0)}px` };
    return html`<div class="message-list-frame">
      <div class="message-list" ref=${this.scroller} tabindex="0" role="region" aria-label=${`Messages in ${room.name}`}
           onScroll=${this.#scrolled} onKeyDown=${this.#key}
           onFocusIn=${this.#activate} onPointerOver=${this.#activate} onPointerLeave=${this.#deactivate} onPointerDown=${this.#activate} onFocusOut=${this.#leave} onClick=${this.#tap}>
        ${room.complete ? html`<p class="beginning">This is the beginning of ${room.kind === "private" && "your conversation with "}<bdi>${room.name}</bdi>.</p>` : room.loading && html`<p class="beginning">Loading…</p>`}
        <div class="message-rows" role="list" ref=${this.list} style=${padding}>${rows}</div>
      </div>
      ${!this.#atEnd && html`<${IconButton} icon="down" class="jump" data-unread=${room.unread || undefined}
        label=${room.unread ? `Jump to the latest messages: ${room.unread} new` : "Jump to the latest messages"} onClick=${() => this.scrollToEnd()} />`}
    </div>`;
  }
}

// The receipts of an own message as text, so that rows can compare them.
function receiptsText(room, { seq, user, deleted }, me) {
  if (seq === undefined || user !== me || deleted) return undefined;
  if (room.receiptCounts?.seq === seq) {
    const { read, received, written } = room.receiptCounts;
    return `${read > 0 ? `some ${read}` : "received"}|read by ${read}; received by ${received}; delivered to ${written}`;
  }
  const { read, received, written } = room.receiptsOf(seq);
  const part = (label, users) => users.length > 0 && `${label} ${users.slice(0, 3).map(titleOf).join(", ")}${users.length > 3 ? ` and ${users.length - 3} more` : ""}`;
  const parts = [part("read by", read), part("received by", received), part("delivered to", written)].filter(Boolean);
  // Whether all who are here have read it, or how many.
  const isByAll = read.length > 0 && [...room.members.keys()].every((member) => member === me || read.includes(member));
  const level = isByAll ? "read" : read.length > 0 ? `some ${read.length}` : received.length > 0 || written.length > 0 ? "received" : "sent";
  return `${level}|${isByAll && read.length > 1 ? "read by all: " : ""}${parts.length > 0 ? parts.join("; ") : "sent"}`;
}
