// How many messages the server surely takes at once, of a connection with a rate: then several may be on their way, and none
// of them is refused, so they keep their order.
//
// Pure; owned by the client in roomd.js, which loads it when a message first waits for another. The server has a bucket of so many tokens that fills at a rate. When it takes a
// message is not known here, only that this is after the message was sent and before the reply came. So what has flowed
// in between two messages is at least what flows from the reply to the first until the second is sent, and nothing where there is
// no reply yet. The bucket has at least what the tightest of all earlier messages leaves.

const TOKENS_MAX = 256; // to be counted on; less than there are is safe

export class Allowance {
  #burst;
  #perMs;
  #count = 0; // of messages
  #sent; // {id, before, at}: how many were sent before it, and the time of its reply

  /** Begins with a bucket that has so many tokens, or more. */
  constructor({ burst, per_s }, tokens, now) {
    this.#burst = Math.min(burst, TOKENS_MAX);
    this.#perMs = per_s / 1_000;
    this.#sent = [{ before: Math.min(tokens - this.#burst, 0), at: now }];
  }

  /** How many messages surely pass that are sent now. */
  tokens(now) {
    return Math.min(this.#burst, ...this.#sent.map((each) => this.#leftBy(each, now)));
  }

  /** A message is sent, with the id that its reply has. */
  sent(id, now) {
    // What leaves more than a whole bucket will go on to leave more than this one.
    this.#sent = this.#sent.filter((each) => this.#leftBy(each, now) < this.#burst);
    this.#sent.push({ id, before: this.#count++ });
  }

  /** The reply with this id has come: what was sent before it was taken by then. */
  replied(id, now) {
    for (const each of this.#sent) if (each.id <= id) each.at ??= now;
  }

  // What is left of a bucket that was full before this message.
  #leftBy({ before, at }, now) {
    const flowed = at === undefined ? 0 : Math.max(0, now - at) * this.#perMs;
    return this.#burst - (this.#count - before) + flowed;
  }
}
