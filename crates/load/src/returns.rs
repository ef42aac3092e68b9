//! Clients that come back after a goodbye (`--restart`) or an outage (`--outages`): when each is due, and how it went.
//!
//! The generator asks, on its thread, who is due; a session tells when it is a member again. A client waits as long as the
//! goodbye says, and is due again later when it finds no server, or one that lets nobody in. Every attempt counts: it is
//! a connection that the next server has to take.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

/// How long a client waits that was not told how long, or found no server; each some part of a second more.
const PAUSE: Duration = Duration::from_secs(1);
const SECOND: Duration = Duration::from_secs(1);

/// See the module. Times are since the run began.
#[derive(Debug, Default)]
pub struct Returns {
    due: BTreeSet<(Duration, usize)>,
    goodbyes: u64,
    cut_off: u64,
    /// When the first of either had no server any more.
    first_end: Option<Duration>,
    attempts: Vec<Duration>,
    in_vain: u64,
    back: u64,
    last_back: Option<Duration>,
    resent: u64,
}

/// How clients came back.
#[derive(Debug, Serialize)]
pub struct ReturnReport {
    /// Clients that were told goodbye, or whose connection broke, and those that are members again.
    pub goodbyes: u64,
    pub cut_off: u64,
    pub back: u64,
    /// From the first end until the last was back, in seconds.
    pub back_after_s: f64,
    /// Attempts that found no server, or one that let nobody in.
    pub in_vain: u64,
    /// The most attempts in any second, whenever it begins.
    pub most_in_1_s: usize,
    /// Messages that were sent again, since nobody had acknowledged them.
    pub resent: u64,
}

impl Returns {
    /// A client was told goodbye, and how long to wait.
    pub fn goodbye(&mut self, number: usize, now: Duration, pause: Option<Duration>) {
        self.goodbyes += 1;
        self.first_end.get_or_insert(now);
        self.due.insert((now + pause.unwrap_or(PAUSE), number));
    }

    /// A client's connection broke: it looks for another server at once, or nearly so.
    pub fn cut_off(&mut self, number: usize, now: Duration) {
        self.cut_off += 1;
        self.first_end.get_or_insert(now);
        self.due.insert((now + spread(number) / 4, number));
    }

    /// An attempt of a client to come back was in vain.
    pub fn failed(&mut self, number: usize, now: Duration) {
        self.in_vain += 1;
        self.due.insert((now + PAUSE + spread(number), number));
    }

    /// When the next client is due.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes a client that is due by now.
    pub fn take(&mut self, now: Duration) -> Option<usize> {
        let due = self.due.first().filter(|(due, _)| *due <= now).copied()?;
        self.due.remove(&due);
        self.attempts.push(now);
        Some(due.1)
    }

    /// A client is a member again, and has sent so many messages again.
    pub fn back(&mut self, now: Duration, resent: u64) {
        self.back += 1;
        self.last_back = Some(now);
        self.resent += resent;
    }

    /// Whether clients are still to come back.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.back < self.goodbyes + self.cut_off
    }

    /// Nobody comes back any more.
    pub fn give_up(&mut self) {
        self.due.clear();
    }

    /// How it went; `None`: nobody had to come back.
    #[must_use]
    pub fn report(&self) -> Option<ReturnReport> {
        let first = self.first_end?;
        Some(ReturnReport {
            goodbyes: self.goodbyes,
            cut_off: self.cut_off,
            back: self.back,
            back_after_s: self.last_back.map_or(0.0, |last| last.saturating_sub(first).as_secs_f64()),
            in_vain: self.in_vain,
            most_in_1_s: most_in_a_second(&self.attempts),
            resent: self.resent,
        })
    }
}

/// A part of a second, which is not that of other clients.
fn spread(number: usize) -> Duration {
    // A prime, so that neighbours are far from each other.
    Duration::from_millis(number as u64 * 7_919 % 1_000)
}

/// The most of these moments, which are in order, that lie within a second.
fn most_in_a_second(moments: &[Duration]) -> usize {
    let mut begin = 0;
    let counts = moments.iter().enumerate().map(|(at, moment)| {
        while *moment - moments[begin] >= SECOND {
            begin += 1;
        }
        at + 1 - begin
    });
    counts.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_due_when_it_was_told_and_later_when_it_finds_nobody() {
        let (s, mut returns) = (Duration::from_secs, Returns::default());
        assert!(returns.report().is_none());
        returns.goodbye(7, s(10), Some(s(3)));
        returns.goodbye(8, s(10), None);
        assert_eq!((returns.next(), returns.take(s(10))), (Some(s(11)), None));
        assert_eq!((returns.take(s(11)), returns.take(s(12))), (Some(8), None));
        returns.failed(8, s(11));
        assert!(returns.next() > Some(s(12)) && returns.next() <= Some(s(13)));
        assert_eq!([returns.take(s(13)), returns.take(s(13)), returns.take(s(99))], [Some(8), Some(7), None]);
        returns.back(s(13), 2);
        assert!(returns.is_waiting());
        returns.back(s(15), 0);
        let report = returns.report().unwrap();
        assert!(!returns.is_waiting() && report.back_after_s == 5.0);
        assert_eq!((report.goodbyes, report.back, report.in_vain, report.resent), (2, 2, 1, 2));
        assert_eq!(report.most_in_1_s, 2);
    }

    #[test]
    fn a_client_that_is_cut_off_is_due_within_a_second_and_waited_for() {
        let (s, mut returns) = (Duration::from_secs, Returns::default());
        returns.cut_off(7, s(10));
        assert!(returns.is_waiting() && returns.next() < Some(s(11)));
        assert_eq!(returns.take(s(11)), Some(7));
        returns.back(s(12), 1);
        let report = returns.report().unwrap();
        assert_eq!((report.goodbyes, report.cut_off, report.back, report.back_after_s), (0, 1, 1, 2.0));
        assert!(!returns.is_waiting());
    }

    #[test]
    fn the_fullest_second_may_begin_anywhere() {
        let at = [0, 500, 900, 1_400, 1_450, 2_399, 2_400].map(Duration::from_millis);
        // From 500 and from 1 400 on four each: 500, 900, 1 400, 1 450, and 1 400, 1 450, 2 399.
        assert_eq!(most_in_a_second(&at), 4);
        assert_eq!(most_in_a_second(&[]), 0);
    }
}
