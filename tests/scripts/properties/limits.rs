//! What counts: the bucket of the rate limit, and the ring that keeps the newest messages.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use roomd::chat::ring::Ring;
use roomd::chat::token_bucket::Bucket;
use roomd::chat::{Body, Message, RoomName, Time, UserName};

/// What a ring counts for a message beside its body.
const OVERHEAD: usize = 256;

/// In no window have there been more than a burst and what the window's length allows. The time
/// that a token costs is rounded down to the nanosecond, as the bucket does it.
#[derive(Debug)]
struct Windows {
    burst: u32,
    price: Duration,
    /// When a token was taken, oldest first.
    taken: Vec<Duration>,
}

impl Windows {
    fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let waits = self.taken.iter().enumerate().map(|(i, since)| {
            let in_window = u32::try_from(self.taken.len() - i).unwrap() + 1;
            let length = self.price * in_window.saturating_sub(self.burst);
            (*since + length).saturating_sub(now)
        });
        match waits.max() {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.taken.push(now);
                Ok(())
            }
        }
    }
}

fn message(seq: u64, bytes: usize) -> Message {
    let (room, user) = (RoomName::parse("den").unwrap(), UserName::parse("Ann").unwrap());
    Message::new(room, user, Body::Text("x".repeat(bytes).into()), seq, Time(seq))
}

/// As many as fit, each with what it costs beside its body; the first always does.
fn fitting<'a>(messages: impl Iterator<Item = &'a Message>, count: usize, mut bytes: usize) -> Vec<&'a Message> {
    let mut fitting = Vec::new();
    for message in messages.take(count) {
        let size = message.body.len() + OVERHEAD;
        if size > bytes && !fitting.is_empty() {
            break;
        }
        bytes = bytes.saturating_sub(size);
        fitting.push(message);
    }
    fitting
}

proptest! {
    #[test]
    fn a_bucket_allows_in_every_window_a_burst_and_the_rate_and_no_less(
        burst in 1..6_u32,
        per_s in 1..20_u32,
        waits in prop::collection::vec(prop_oneof![Just(0), 0..200_u64, 0..5_000_u64], 1..80),
    ) {
        let mut bucket = Bucket::new(burst, per_s);
        let mut windows = Windows { burst, price: Duration::from_secs(1) / per_s, taken: Vec::new() };
        let mut now = Duration::ZERO;
        for wait in waits {
            now += Duration::from_millis(wait);
            prop_assert_eq!(bucket.take(now), windows.take(now), "at {:?} with {:?}", now, windows);
        }
    }

    #[test]
    fn a_client_that_waits_as_long_as_the_bucket_says_is_let_through(
        burst in 1..6_u32,
        per_s in 1..2_000_000_000_u32,
        waits in prop::collection::vec(0..300_u64, 1..40),
    ) {
        let mut bucket = Bucket::new(burst, per_s);
        let mut now = Duration::ZERO;
        for wait in waits {
            now += Duration::from_millis(wait);
            if let Err(wait) = bucket.take(now) {
                let nearly = now + wait.saturating_sub(Duration::from_nanos(1));
                prop_assert!(bucket.clone().take(nearly).is_err());
                now += wait;
                prop_assert_eq!(bucket.take(now), Ok(()));
            }
        }
    }

    #[test]
    fn a_ring_is_the_end_of_a_list(
        capacity in 0..6_usize,
        past in 0..8_u64,
        pushed in prop::collection::vec(0..40_usize, 0..20),
        changes in prop::collection::vec((0..20_u64, 0..40_usize), 0..6),
        asked in prop::collection::vec((prop_oneof![0..22_u64, Just(u64::MAX)], 0..9_usize, 0..2_000_usize), 1..8),
    ) {
        let mut list: Vec<_> = (1..=past).map(|seq| message(seq, 1)).collect();
        let mut ring = Ring::new(capacity, usize::MAX, past, list.clone());
        for bytes in pushed {
            let next = message(list.len() as u64 + 1, bytes);
            list.push(next.clone());
            ring.push(Arc::new(next));
        }
        for (seq, bytes) in changes {
            let (body, at) = (Body::Text("y".repeat(bytes).into()), Time(99));
            ring.change(seq, body.clone(), at);
            if let Some(message) = list.iter_mut().find(|message| message.seq == seq) {
                (message.body, message.edited) = (body, Some(at));
            }
        }
        let kept = &list[list.len().saturating_sub(capacity)..];
        prop_assert_eq!(ring.newest(), list.len() as u64);
        prop_assert_eq!(ring.oldest(), (list.len() - kept.len()) as u64 + 1);
        for (seq, count, bytes) in asked {
            let before: Vec<_> = ring.before(seq, count, bytes).map(|message| &**message).collect();
            let mut expected = fitting(kept.iter().rev().filter(|message| message.seq < seq), count, bytes);
            expected.reverse();
            prop_assert_eq!(before, expected);
            let after: Vec<_> = ring.after(seq, count, bytes).map(|message| &**message).collect();
            prop_assert_eq!(after, fitting(kept.iter().filter(|message| message.seq > seq), count, bytes));
        }
    }
}
