// The client's subscription to one room: its state, and the position from which it recovers.
//
// Pure; owned by the client in roomd.js. Within an epoch each message is accepted once, and the position to
// recover from never skips a message that was not accepted.

export const HISTORY_MAX = 200; // messages that a join may request

export class Subscription {
  state = "pending"; // "pending", "joining", "joined"
  epoch; // the epoch that the seqs belong to
  reply; // to the last join
  waiters = [];
  owed; // the last values up to this seq are still to come, after a replay that was not whole; a newer one comes by itself
  #seen = 0; // seq of the newest message that was accepted
  #base = 0; // messages up to this seq need not be recovered
  #replayEnd = 0; // messages up to this seq existed when the room was joined
  #history;
  #latest;
  #group;
  #counts;

  constructor({ history, latest, since, share, counts }) {
    this.#history = share ? 0 : history;
    this.#latest = latest && { latest };
    this.#group = share;
    this.#counts = counts && { receipt_counts: true };
    if (since) [this.epoch, this.#base] = [since.epoch, since.seq];
  }

  // Without a position everything is asked for again: also what did not come while the connection lasted.
  get since() {
    return this.epoch === undefined || this.owed !== undefined ? undefined : { epoch: this.epoch, seq: Math.max(this.#seen, this.#base) };
  }

  request() {
    if (this.#group) return { ...this.#group, ...this.#counts }; // what it missed, others were given
    const since = this.since;
    return { ...(since ? { since, history: HISTORY_MAX } : { history: this.#history }), ...this.#latest, ...this.#counts };
  }

  // Both take over the position that the server says, and return the reason if messages were lost.
  joined(reply) {
    const { epoch, seq = 0, recovered, reason } = reply;
    this.reply = reply;
    this.owed = undefined; // they come behind the reply
    const known = this.epoch;
    const recoveredAll = known === epoch && recovered !== false;
    this.state = "joined";
    this.epoch = epoch;
    this.#replayEnd = seq;
    if (recoveredAll) return undefined;
    if (known !== epoch) this.#seen = this.#base = 0;
    this.#base = Math.max(this.#base, this.#latest ? 0 : seq - (known === undefined ? this.#history : HISTORY_MAX));
    return known === undefined ? undefined : (reason ?? "epoch_changed");
  }

  resumed({ recovered, missed = 0, reason, epoch, seq = 0 }) {
    this.state = "joined";
    if (recovered) {
      this.#replayEnd = Math.max(this.#seen, this.#base) + missed;
      return undefined;
    }
    this.epoch = epoch;
    this.#seen = 0;
    this.#base = this.#replayEnd = seq;
    if (this.#latest) this.owed = seq;
    return reason ?? "too_old";
  }

  // The replay is complete.
  settle() {
    this.#base = Math.max(this.#base, this.#replayEnd);
  }

  disconnected() {
    this.state = "pending";
  }

  // Returns whether the message is new; sets `replayed`.
  accept(message) {
    if (message.store === false) return this.state === "joined"; // it is in no history
    if (message.group !== undefined) return this.state === "joined"; // it is this member's, and may have been before
    if (this.state !== "joined" || message.seq <= this.#seen) return false;
    this.#seen = message.seq;
    message.replayed = message.seq <= this.#replayEnd;
    return true;
  }
}
