// 500 instruments whose prices walk at random. Pure but for the random numbers that it is given.

const LETTERS = ["BCDFGHKLMNPRSTVZ", "AEIOU", "BCDFGHKLMNPRSTVZ", "AEIOU"];
const START = [20, 400]; // between these a price begins
const STEP = 0.0006; // of the price, at most, in one update

export class Market {
  symbols;
  #prices;
  #random;

  /** `random` returns numbers from 0 to 1. */
  constructor(count, random = Math.random) {
    this.#random = random;
    this.symbols = Array.from({ length: count }, (_, number) => symbolOf(number));
    this.#prices = this.symbols.map(() => START[0] + random() * (START[1] - START[0]));
  }

  /** Moves the price of one of them, and returns its number. */
  move() {
    const at = Math.floor(this.#random() * this.symbols.length);
    this.#prices[at] *= 1 + (this.#random() - 0.5) * 2 * STEP;
    return at;
  }

  /** The bid and the ask, in cents. */
  quote(at) {
    const price = this.#prices[at] * 100;
    const half = Math.max(1, price * 0.0002);
    return [Math.round(price - half), Math.round(price + half)];
  }
}

// Four letters that can be said, a different word for each number.
function symbolOf(number) {
  let rest = (number * 2_503) % 6_400; // which has no factor in common with the number of words
  let symbol = "";
  for (const letters of LETTERS) {
    symbol += letters[rest % letters.length];
    rest = Math.floor(rest / letters.length);
  }
  return symbol;
}
