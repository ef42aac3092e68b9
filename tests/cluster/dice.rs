//! What a run is drawn from, so that a seed repeats it as far as the machine does.

use std::time::Duration;

/// Marsaglia's xorshift64*: faults need variety, not quality.
pub struct Dice(u64);

impl Dice {
    /// Of the seed in `ROOMD_SEED`, or of one that is drawn; printed.
    pub fn new() -> Self {
        let seed = number("ROOMD_SEED").unwrap_or_else(|| getrandom::u64().unwrap()).max(1);
        println!("ROOMD_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound as u64).unwrap()
    }

    /// A time of one second at least and `max` at most.
    pub fn seconds(&mut self, max: usize) -> Duration {
        Duration::from_millis(1_000 + self.below((max - 1) * 1_000 + 1) as u64)
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}

/// The number in this variable of the environment.
pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}
