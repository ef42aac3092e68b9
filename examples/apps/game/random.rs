//! Random numbers for the arena: where food lies, and where a snake begins. Nothing secret depends on them, so a few lines
//! (xorshift, Marsaglia 2003) do; a test chooses the seed.
//!
//! A value of its own, so that the arena stays a function of what it is given.

use std::time::{SystemTime, UNIX_EPOCH};

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn from_clock() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::new(u64::from(since.subsec_nanos()) ^ since.as_secs().rotate_left(32))
    }

    /// A number below `end`, which is positive.
    pub fn below(&mut self, end: i32) -> i32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i32::try_from((self.0 >> 33) % u64::from(end.unsigned_abs())).unwrap_or(0)
    }
}
