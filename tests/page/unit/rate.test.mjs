// roomd-rate.js: what it says the server takes, the server takes, whatever the line does; and it says enough.

import assert from "node:assert/strict";
import { test } from "node:test";
import { numbersFrom } from "../harness/random.mjs";
import { Allowance } from "../../../src/page/roomd-rate.js";

// The server's bucket.
class Bucket {
  constructor(burst, perS) {
    Object.assign(this, { burst, perMs: perS / 1_000, tokens: burst, at: 0 });
  }

  take(now) {
    this.tokens = Math.min(this.burst, this.tokens + (now - this.at) * this.perMs) - 1;
    this.at = now;
    return this.tokens > -1e-9;
  }
}

// A client that sends whenever it surely may, over a line on which everything takes a while, and nothing overtakes; for so many
// ms. What the server took, and the most that were on their way at once.
function run(seed, { burst, perS, delay, ms }) {
  const below = numbersFrom(seed);
  const [allowance, bucket] = [new Allowance({ burst, per_s: perS }, burst, 0), new Bucket(burst, perS)];
  const arrivals = []; // of messages at the server, and of replies here
  const replies = [];
  let [id, there, back, taken, most] = [0, 0, 0, 0, 0];
  for (let now = 0; now < ms; now++) {
    while (arrivals[0] <= now) {
      assert.ok(bucket.take(arrivals.shift()), `seed ${seed}: refused at ${now} ms, after ${taken}`);
      replies.push((back = Math.max(back, now + below(delay))));
      taken++;
    }
    while (replies[0] <= now) {
      replies.shift();
      allowance.replied(id - arrivals.length - replies.length, now);
    }
    if (below(3) === 0) continue; // nothing to say
    while (arrivals.length + replies.length < 32 && allowance.tokens(now) >= 1) {
      allowance.sent(++id, now);
      arrivals.push((there = Math.max(there, now + below(delay))));
    }
    most = Math.max(most, arrivals.length + replies.length);
  }
  return { taken, most };
}

test("no message is refused that surely passes, on a line that delays them as it likes", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const below = numbersFrom(seed);
    run(seed, { burst: 1 + below(40), perS: 1 + below(200), delay: 1 + below(300), ms: 5_000 });
  }
});

test("nearly all that the rate allows is sent, many at once", () => {
  const { taken, most } = run(7, { burst: 40, perS: 60, delay: 100, ms: 20_000 });
  assert.ok(taken > 0.9 * (40 + 60 * 20), `${taken} taken`);
  assert.ok(most >= 30, `${most} at once`);
});

test("what was spent before is counted, and forgotten in time", () => {
  const allowance = new Allowance({ burst: 10, per_s: 10 }, -2, 0);
  assert.equal(allowance.tokens(0), -2);
  assert.equal(allowance.tokens(300), 1);
  assert.equal(allowance.tokens(60_000), 10);
});
