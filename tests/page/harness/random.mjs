// Pseudo-random numbers from a seed, which is not 0 (xorshift32).
export function numbersFrom(state) {
  // The next number, below a bound.
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
