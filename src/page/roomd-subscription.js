// Where a client stands in one room: what it has been shown, and what it may still be owed.
//
// A value, kept by the client in roomd.js. Within an epoch a message is let through once, and what is
// asked for after a broken connection is never beyond a message that was not.

export const HISTORY_MAX = 200; // messages that a join may ask for

export class Place {
  standing = "wanted"; // "wanted", "asked", "in"
  epoch; // the history that the numbers belong to
  answer; // of the last join
  waiters = [];
  #seen = 0; // the newest message that was let through
  #base = 0; // up to here nothing needs to be asked for
  #horizon = 0; // up to here everything was there when the room was entered
  #history;

  constructor(history) {
    this.#history = history;
  }

  get since() {
    return this.epoch === undefined ? undefined : { epoch: this.epoch, seq: Math.max(this.#seen, this.#base) };
  }

  wish() {
    return this.since ? { since: this.since, history: HISTORY_MAX } : { history: this.#history };
  }

  // Both return why something is lost, if it is.
  joined(answer) {
    const { epoch, seq = 0, recovered, reason } = answer;
    this.answer = answer;
    const known = this.epoch;
    const whole = known === epoch && recovered !== false;
    this.standing = "in";
    this.epoch = epoch;
    this.#horizon = seq;
    if (whole) return undefined;
    if (known !== epoch) this.#seen = this.#base = 0;
    this.#base = Math.max(this.#base, seq - (known === undefined ? this.#history : HISTORY_MAX));
    return known === undefined ? undefined : (reason ?? "epoch_changed");
  }

  resumed({ recovered, missed = 0, reason, epoch, seq = 0 }) {
    this.standing = "in";
    if (recovered) {
      this.#horizon = Math.max(this.#seen, this.#base) + missed;
      return undefined;
    }
    this.epoch = epoch;
    this.#seen = 0;
    this.#base = this.#horizon = seq;
    return reason ?? "too_old";
  }

  settle() {
    this.#base = Math.max(this.#base, this.#horizon);
  }

  lose() {
    this.standing = "wanted";
  }

  admit(message) {
    if (this.standing !== "in" || message.seq <= this.#seen) return false;
    this.#seen = message.seq;
    message.replayed = message.seq <= this.#horizon;
    return true;
  }
}
