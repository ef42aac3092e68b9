//! How long a broker waits for more commands before it begins a round.
//!
//! Pure: decided from the last round. Waiting makes rounds larger and writes fewer while several messages are in
//! flight; with a single one it would only add latency.

use std::time::{Duration, Instant};

/// The last round, from which the linger is computed.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Messages that it delivered to all members.
    pub messages: u32,
    /// How long the delivery took.
    pub took: Duration,
    /// When it ended.
    pub ended: Instant,
}

/// The wait is the duration of the last delivery divided by this. Measured with 100 to 10 000 members and
/// sixteen messages in flight: half makes rounds as large as the whole does, and a third more of them
/// go out; of a quarter's smaller ones still more do, and some wait longer.
const PART: u32 = 2;

/// Messages of a round behind which a broker waits, at least.
pub const SEVERAL: u32 = 2;

// ANCHOR: linger
/// Until when a broker waits before it drains its inbox. After a round of one message it does not wait. After a larger
/// one, waiting a part of the time that the delivery took, and at most `max`, makes the next round larger and costs
/// less time than it saves.
#[must_use]
pub fn linger_until(previous: Option<Round>, max: Duration) -> Option<Instant> {
    let round = previous.filter(|round| round.messages >= SEVERAL)?;
    let wait = (round.took / PART).min(max);
    (!wait.is_zero()).then(|| round.ended + wait)
}
// ANCHOR_END: linger

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linger_never_engages_after_a_single_message_and_never_exceeds_its_bound() {
        let ended = Instant::now();
        let ms = Duration::from_millis;
        let round = |messages, took| Some(Round { messages, took, ended });
        assert_eq!(linger_until(None, ms(2)), None);
        assert_eq!(linger_until(round(1, ms(5)), ms(2)), None);
        assert_eq!(linger_until(round(2, ms(2)), ms(2)), Some(ended + ms(1)));
        assert_eq!(linger_until(round(200, ms(50)), ms(2)), Some(ended + ms(2)));
        assert_eq!(linger_until(round(200, ms(50)), Duration::ZERO), None);
    }
}
