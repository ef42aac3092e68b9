// A Yjs document in a room: each change is a message, so the room's one order and its replay do the rest.
//
//   a change     a message of bytes: Yjs' update. All that was typed since the last one was acknowledged goes as one.
//   a snapshot   a message with the key `snapshot`: the whole document, behind the number up to which it has all. The author of
//                each hundredth message writes it, on condition that the snapshot is still the one they know (`if_key_seq`):
//                of two who do it at once, one is refused, and nothing is lost.
//   a caret      an ephemeral message (`store: false`): it goes to who is there, and is kept nowhere.
//
// Whoever comes for the first time reads the newest snapshot (`latest`) and what came after it; whoever comes back, what came
// after the position that they have kept (`since`). Updates may come twice and in any order: Yjs knows each of them.

import { fromBase64, toBase64 } from "./base64.js";
import * as Y from "./vendor/yjs.js";

const SNAPSHOT = "snapshot"; // its key
const TAIL = 100; // messages from one snapshot to the next
const COVERS_BYTES = 8; // of the number with which a snapshot begins
const PAGE = 300; // messages of the history at once
const NAME_MAX = 40; // characters of a name at a caret
const PACE_MS = 25; // between changes, where there is no limit of rate
const AGAIN_MS = 1_000; // after a refusal

export class Provider {
  /** user → { name, anchor, head }: what the others have selected, as positions of Yjs. */
  carets = new Map();
  /** What was read to open the document, and what became of what was written. */
  figures = { snapshotBytes: 0, tail: 0, sent: 0, snapshots: 0, conflicts: 0, paused: 0, unreadable: 0 };
  #client;
  #room;
  #doc;
  #kept;
  #changed;
  #caret; // one's own, as it is sent
  #caretTimer;
  #queue = []; // updates that are not sent yet
  #sending; // the update that is not acknowledged yet
  #isSending = false;
  #snapshot = { seq: 0, covers: 0 }; // the newest: its own number, and up to which message it has all
  #position = 0; // the number of the newest message
  #epoch;
  #isWhole = false; // the document has every message up to the position
  #catchUps = 0;
  #problem = "";

  /** `kept` is where the browser keeps the document (kept.js), if anywhere; `changed` is called when there is something new to
   * show beside the text. */
  constructor(client, room, doc, { kept, changed = () => {} } = {}) {
    [this.#client, this.#room, this.#doc, this.#kept, this.#changed] = [client, room, doc, kept, changed];
    doc.on("update", (update, origin) => origin !== this && this.#push(update));
    client.on("joined", (event) => event.room === room && this.#onJoined(event));
    client.on("gap", (event) => event.room === room && this.#onGap());
    client.on("message", (message) => message.room === room && this.#onMessage(message));
    client.on("join", (event) => event.room === room && this.#tellCaret());
    client.on("leave", ({ user, ...event }) => event.room === room && this.carets.delete(user) && this.#changed());
    client.on("paused", () => this.figures.paused++);
  }

  /** Opens what the browser has kept, and joins the room, now or when there is a connection. */
  open() {
    const { state, position, waiting = [] } = this.#kept?.load() ?? {};
    if (state) this.#apply(state);
    for (const update of waiting) if (this.#apply(update)) this.#push(update);
    this.#isWhole = position !== undefined;
    [this.#epoch, this.#position] = [position?.epoch, position?.seq ?? 0];
    return this.#client.join(this.#room, { history: 0, latest: true, since: position });
  }

  /** What there is to say of the connection to the others: everything is `saved`, `saving`, or `opening`; `problem` is a sentence. */
  get state() {
    const isSaved = this.#queue.length === 0 && !this.#sending;
    return { phase: !this.#isWhole ? "opening" : isSaved ? "saved" : "saving", position: this.#position, problem: this.#problem };
  }

  /** Tells the others where one's own caret is: a name and two positions of Yjs. */
  showCaret({ name, anchor, head }) {
    const encoded = [anchor, head].map((place) => toBase64(Y.encodeRelativePosition(place)));
    const caret = JSON.stringify([name.slice(0, NAME_MAX), ...encoded]);
    if (caret === this.#caret) return;
    this.#caret = caret;
    this.#tellCaret();
  }

  // --- What comes ---

  #onJoined({ epoch, members, recovered }) {
    if (epoch !== undefined) this.#epoch = epoch;
    for (const user of members ? this.carets.keys() : []) if (!members.includes(user)) this.carets.delete(user);
    this.#tellCaret();
    if (recovered && !this.#isWhole) this.#catchUp();
    this.#changed();
  }

  // Not all messages came: the room has begun again, or was given back an older state. What is here is given to the others
  // once more, who have most of it.
  #onGap() {
    this.#isWhole = false;
    this.#snapshot = { seq: 0, covers: 0 };
    this.#position = 0;
    if (this.#doc.store.clients.size > 0) this.#push(Y.encodeStateAsUpdate(this.#doc));
    this.#catchUp();
  }

  #onMessage({ user, seq, message, data, key, store }) {
    if (store === false) return this.#onCaret(user, message);
    this.#read({ seq, data, key });
    if (this.#isWhole) this.#keep();
  }

  #read({ seq, data, key }) {
    this.#position = Math.max(this.#position, seq);
    if (data === undefined) return; // it was deleted, or is a text
    if (key !== SNAPSHOT) return void this.#apply(data);
    if (seq <= this.#snapshot.seq) return;
    const covers = coveredBy(data);
    if (!(covers < seq)) return void this.figures.unreadable++;
    if (!this.#isWhole && !this.#apply(data.subarray(COVERS_BYTES))) return; // then all messages are read
    this.#snapshot = { seq, covers };
    if (!this.#isWhole) this.figures.snapshotBytes = data.length;
  }

  // Reads what came after the snapshot that the join has sent, if there is one.
  async #catchUp() {
    const turn = ++this.#catchUps;
    this.figures.tail = 0;
    try {
      await this.#client.request({ type: "ping" }); // behind all that the join sends
      for (let after = this.#snapshot.covers, complete = false; !complete; ) {
        const page = await this.#client.request({ type: "history", room: this.#room, after, limit: PAGE });
        if (turn !== this.#catchUps) return;
        for (const message of page.messages) this.#read(message);
        this.figures.tail += page.messages.filter(({ key }) => key === undefined).length;
        after = page.messages.at(-1)?.seq ?? after;
        complete = page.complete;
      }
      this.#isWhole = true;
      this.#keep();
    } catch (error) {
      if (error.code !== "interrupted") this.#problem = error.message; // otherwise the next connection begins again
    }
    this.#changed();
  }

  // Whether it is an update: anybody in the room may say anything.
  #apply(update) {
    try {
      Y.applyUpdate(this.#doc, update, this);
      return true;
    } catch {
      this.figures.unreadable++;
      return false;
    }
  }

  #onCaret(user, message) {
    if (user === this.#client.user) return;
    try {
      const [name, ...places] = JSON.parse(message);
      const [anchor, head] = places.map((place) => Y.decodeRelativePosition(fromBase64(place)));
      this.carets.set(user, { name: String(name).slice(0, NAME_MAX), anchor, head });
      this.#changed();
    } catch {
      this.figures.unreadable++;
    }
  }

  // --- What goes ---

  // Half of the rate that the server allows is for changes, half for carets.
  get #paceMs() {
    const rate = this.#client.limits.rate?.per_s;
    return rate ? Math.max(2_400 / rate, PACE_MS) : PACE_MS;
  }

  #push(update) {
    this.#queue.push(update);
    this.#keepWaiting();
    this.#changed();
    if (!this.#isSending) this.#sendAll();
  }

  async #sendAll() {
    this.#isSending = true;
    while (this.#queue.length > 0) {
      this.#sending = this.#take();
      const isSent = await this.#send(this.#sending);
      if (!isSent) this.#queue.unshift(this.#sending);
      this.#sending = undefined;
      this.#keepWaiting();
      this.#changed();
      await new Promise((resolve) => setTimeout(resolve, isSent ? this.#paceMs : AGAIN_MS));
    }
    this.#isSending = false;
  }

  // Whether the room has it: over as many connections as that takes, and once.
  async #send(update) {
    try {
      const { seq } = await this.#client.publish(this.#room, update);
      this.figures.sent++;
      this.#problem = "";
      if (seq % TAIL === 0) this.#writeSnapshot();
      return true;
    } catch (error) {
      this.#problem = `What you wrote is not saved: ${error.message}`;
      return false;
    }
  }

  // As many updates as one message holds, as one.
  #take() {
    const bytesMax = this.#client.limits.message_bytes * 0.9; // together they are a little longer
    let [count, bytes] = [0, 0];
    while (count < this.#queue.length && (count === 0 || bytes + this.#queue[count].length <= bytesMax)) bytes += this.#queue[count++].length;
    return Y.mergeUpdates(this.#queue.splice(0, count));
  }

  async #writeSnapshot() {
    if (!this.#isWhole) return;
    const state = Y.encodeStateAsUpdate(this.#doc);
    const snapshot = new Uint8Array(COVERS_BYTES + state.length);
    new DataView(snapshot.buffer).setFloat64(0, this.#position);
    snapshot.set(state, COVERS_BYTES);
    try {
      await this.#client.publish(this.#room, snapshot, { key: SNAPSHOT, if_key_seq: this.#snapshot.seq });
      this.figures.snapshots++;
    } catch ({ code }) {
      if (code === "conflict") this.figures.conflicts++; // another has just written it
    }
  }

  // A caret that cannot be sent now is not sent later: by then it is elsewhere.
  #tellCaret() {
    if (this.#caretTimer || this.#caret === undefined) return;
    this.#caretTimer = setTimeout(() => {
      this.#caretTimer = undefined;
      this.#client.tell({ type: "message", room: this.#room, message: this.#caret, store: false });
    }, this.#paceMs);
    this.#caretTimer.unref?.();
  }

  // --- What is kept ---

  #keep() {
    const position = { epoch: this.#epoch, seq: this.#position };
    this.#kept?.keep(position, () => Y.encodeStateAsUpdate(this.#doc));
  }

  #keepWaiting() {
    const updates = this.#sending ? [this.#sending, ...this.#queue] : this.#queue;
    this.#kept?.keepWaiting(updates.length > 0 ? Y.mergeUpdates(updates) : undefined);
  }
}

// Up to which message a snapshot has all; NaN of what is none.
function coveredBy(data) {
  if (!(data?.length > COVERS_BYTES)) return NaN;
  const covers = new DataView(data.buffer, data.byteOffset).getFloat64(0);
  return Number.isInteger(covers) && covers >= 0 ? covers : NaN;
}
