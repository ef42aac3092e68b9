//! How many users have got how far with the newest messages of those who have asked, in a room that is too large to tell
//! who they are.
//!
//! Part of a room. A message is followed from when it is published, for the users who are in the room then: a mark that
//! advances costs one look at each of the few messages that are followed, and a round one event for each that has news.
//! Where nobody has asked there is nothing to look at. The counts are in this server's memory alone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::receipt::Receipt;
use roomd_protocol::UserName;

/// Messages that are followed at once, at most: the newest of as many authors. A further one takes the oldest's place.
const FOLLOWED_MAX: usize = 16;
/// How long a message is followed.
const FOLLOWED_FOR: Duration = Duration::from_secs(3600);
/// How long it is looked at what was written to sockets, which costs a look at each member: what a slow client has not
/// taken by then, it may still report.
const WRITTEN_FOR: Duration = Duration::from_secs(10);
/// After how long the first count is told; each further one after twice as long as the one before it.
const FIRST_AFTER: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub struct ReceiptCounts {
    /// Oldest first; one of each author.
    followed: Vec<Followed>,
    /// How far users have got with each receipt; without an entry, nowhere. A user who entered while something was followed
    /// has got to what was the newest message then, so they count in none before it.
    reached: BTreeMap<UserName, [u64; 3]>,
}

/// A message that is followed.
#[derive(Debug)]
struct Followed {
    author: UserName,
    seq: u64,
    counts: Counts,
    /// Users to whom it is still to be written.
    unwritten: usize,
    /// When it was published, on the monotonic clock.
    since: Duration,
    /// When the counts are told, if they have news.
    due: Option<Duration>,
    /// How long the next news are gathered.
    pause: Duration,
}

/// How many users a message was written to, and how many have received and read it; each includes those after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Users whose socket took it.
    pub written: usize,
    /// Users whose client has received it.
    pub received: usize,
    /// Users who have read it.
    pub read: usize,
}

impl Counts {
    fn of(&mut self, receipt: Receipt) -> &mut usize {
        match receipt {
            Receipt::Written => &mut self.written,
            Receipt::Received => &mut self.received,
            Receipt::Read => &mut self.read,
        }
    }
}

impl ReceiptCounts {
    /// Whether no message is followed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.followed.is_empty()
    }

    /// Whether what is written to sockets is of interest.
    #[must_use]
    pub fn wants_written(&self, now: Duration) -> bool {
        self.followed.iter().any(|followed| followed.unwritten > 0 && now < followed.since + WRITTEN_FOR)
    }

    /// Follows a message that was published just now, in the place of its author's one before it; `others` are so many
    /// users who are in the room beside the author.
    pub fn follow(&mut self, author: UserName, seq: u64, others: usize, now: Duration) {
        self.end(&author);
        if self.followed.len() >= FOLLOWED_MAX {
            self.followed.remove(0);
        }
        let (counts, unwritten) = (Counts::default(), others);
        self.followed.push(Followed { author, seq, counts, unwritten, since: now, due: None, pause: FIRST_AFTER });
    }

    /// Follows this author's message no longer: it is not the author's newest.
    pub fn end(&mut self, author: &UserName) {
        self.followed.retain(|followed| followed.author != *author);
        self.forget_unless_followed();
    }

    /// Where nothing is followed, nothing is kept of users.
    fn forget_unless_followed(&mut self) {
        if self.is_empty() {
            self.reached.clear();
        }
    }

    /// A user has entered the room, whose newest message is this one.
    pub fn enter(&mut self, user: &UserName, newest: u64) {
        if !self.is_empty() {
            self.reached.insert(user.clone(), [newest; 3]);
        }
    }

    /// A user has left the room.
    pub fn leave(&mut self, user: &UserName) {
        if self.is_empty() {
            return;
        }
        let [written, ..] = self.reached.remove(user).unwrap_or_default();
        for followed in self.followed.iter_mut().filter(|followed| followed.author != *user && followed.seq > written) {
            followed.unwritten = followed.unwritten.saturating_sub(1);
        }
    }

    /// A user has got so far. What was read was received, and what was received was written.
    pub fn advance(&mut self, user: &UserName, receipt: Receipt, seq: u64, now: Duration) {
        let Some(oldest) = self.followed.first().filter(|oldest| oldest.seq <= seq) else { return };
        let oldest = oldest.seq;
        if !self.reached.contains_key(user) {
            self.reached.insert(user.clone(), [oldest - 1; 3]);
        }
        let Some(reached) = self.reached.get_mut(user) else { return };
        let receipts = [Receipt::Written, Receipt::Received, Receipt::Read].into_iter().zip(reached);
        for (stage, mark) in receipts.filter(|(stage, mark)| *stage <= receipt && **mark < seq) {
            let news = self.followed.iter_mut().filter(|followed| (*mark + 1..=seq).contains(&followed.seq));
            for followed in news.filter(|followed| followed.author != *user) {
                *followed.counts.of(stage) += 1;
                followed.unwritten = followed.unwritten.saturating_sub(usize::from(stage == Receipt::Written));
                followed.due.get_or_insert(now + followed.pause);
            }
            *mark = seq;
        }
    }

    /// The author's counts are to be told again, if there are any: the author has missed some.
    pub fn repeat(&mut self, author: &UserName, now: Duration) {
        let theirs = self.followed.iter_mut().filter(|followed| followed.author == *author);
        theirs.filter(|followed| followed.counts != Counts::default()).for_each(|followed| followed.due = Some(now));
    }

    /// When [`ReceiptCounts::gather`] has something, on the monotonic clock.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.followed.iter().filter_map(|followed| followed.due).min()
    }

    /// The counts that are to be told by now: the author, the message, and how many.
    pub fn gather(&mut self, now: Duration) -> Vec<(UserName, u64, Counts)> {
        let mut told = Vec::new();
        for followed in &mut self.followed {
            if followed.due.take_if(|due| *due <= now).is_some() {
                followed.pause *= 2;
                told.push((followed.author.clone(), followed.seq, followed.counts));
            }
        }
        self.followed.retain(|followed| now < followed.since + FOLLOWED_FOR || followed.due.is_some());
        self.forget_unless_followed();
        told
    }

    /// Forgets everything: the next message is the first of another history.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn told(counts: &mut ReceiptCounts, now: Duration) -> Vec<(String, u64, [usize; 3])> {
        let told = counts.gather(now).into_iter();
        told.map(|(author, seq, Counts { written, received, read })| {
            (author.to_string(), seq, [written, received, read])
        })
        .collect()
    }

    #[test]
    fn counts_are_gathered_for_twice_as_long_each_time() {
        let mut counts = ReceiptCounts::default();
        counts.advance(&user("Bob"), Receipt::Read, 4, s(0));
        assert!(counts.is_empty() && counts.due().is_none() && counts.reached.is_empty(), "nobody has asked");
        counts.follow(user("Ann"), 5, 2, s(0));
        counts.advance(&user("Bob"), Receipt::Written, 5, s(0));
        counts.advance(&user("Bob"), Receipt::Written, 5, s(0));
        counts.advance(&user("Ann"), Receipt::Read, 5, s(0));
        counts.advance(&user("Cy"), Receipt::Read, 4, s(0));
        assert_eq!(counts.due(), Some(s(1)));
        assert_eq!(told(&mut counts, s(0)), []);
        counts.advance(&user("Cy"), Receipt::Read, 7, s(0));
        assert_eq!(told(&mut counts, s(1)), [("Ann".to_owned(), 5, [2, 1, 1])]);
        assert_eq!(counts.due(), None);
        counts.advance(&user("Bob"), Receipt::Received, 6, s(10));
        assert_eq!(counts.due(), Some(s(12)));
        assert_eq!(told(&mut counts, s(12)), [("Ann".to_owned(), 5, [2, 2, 1])]);
        counts.advance(&user("Bob"), Receipt::Read, 6, s(20));
        assert_eq!(counts.due(), Some(s(24)));
    }

    #[test]
    fn who_enters_later_and_who_comes_back_does_not_count() {
        let mut counts = ReceiptCounts::default();
        counts.follow(user("Ann"), 1, 2, s(0));
        counts.advance(&user("Bob"), Receipt::Read, 1, s(0));
        counts.leave(&user("Bob"));
        for user in [user("Bob"), user("Cy")] {
            counts.enter(&user, 1);
            counts.advance(&user, Receipt::Read, 1, s(0));
        }
        assert_eq!(told(&mut counts, s(1)), [("Ann".to_owned(), 1, [1, 1, 1])]);
        counts.follow(user("Dan"), 2, 2, s(1));
        counts.advance(&user("Cy"), Receipt::Read, 2, s(1));
        assert_eq!(told(&mut counts, s(2)), [("Dan".to_owned(), 2, [1, 1, 1])]);
    }

    #[test]
    fn the_newest_message_of_each_author_is_followed_for_an_hour_and_of_few_authors_at_once() {
        let mut counts = ReceiptCounts::default();
        for seq in 1..=40 {
            counts.follow(user(&format!("author-{}", seq % 20)), seq, 2, s(0));
        }
        assert_eq!(counts.followed.len(), FOLLOWED_MAX);
        counts.advance(&user("Bob"), Receipt::Received, 40, s(0));
        assert_eq!(told(&mut counts, s(1)).len(), FOLLOWED_MAX);
        counts.advance(&user("Bob"), Receipt::Read, 40, s(3590));
        assert_eq!(told(&mut counts, s(3599)).len(), FOLLOWED_MAX);
        assert_eq!(told(&mut counts, FOLLOWED_FOR), []);
        assert!(counts.is_empty() && counts.reached.is_empty());
    }

    #[test]
    fn an_author_who_was_away_is_told_again() {
        let mut counts = ReceiptCounts::default();
        counts.follow(user("Ann"), 1, 2, s(0));
        counts.repeat(&user("Ann"), s(0));
        assert_eq!(counts.due(), None, "there is nothing to tell");
        counts.advance(&user("Bob"), Receipt::Read, 1, s(0));
        assert_eq!(told(&mut counts, s(1)).len(), 1);
        counts.repeat(&user("Ann"), s(5));
        assert_eq!(told(&mut counts, s(5)), [("Ann".to_owned(), 1, [1, 1, 1])]);
        counts.end(&user("Ann"));
        assert!(counts.is_empty() && counts.reached.is_empty());
    }

    #[test]
    fn it_is_looked_at_what_is_written_only_until_it_is() {
        let mut counts = ReceiptCounts::default();
        counts.follow(user("Ann"), 1, 3, s(0));
        counts.enter(&user("Eve"), 1);
        counts.leave(&user("Eve"));
        counts.advance(&user("Bob"), Receipt::Written, 1, s(0));
        counts.advance(&user("Cy"), Receipt::Read, 1, s(0));
        counts.leave(&user("Cy"));
        assert!(counts.wants_written(s(9)) && !counts.wants_written(s(10)));
        counts.leave(&user("Dan"));
        assert!(!counts.wants_written(s(0)));
        counts.follow(user("Bob"), 2, 1, s(0));
        assert!(counts.wants_written(s(0)));
        counts.advance(&user("Ann"), Receipt::Written, 2, s(0));
        assert!(!counts.wants_written(s(0)));
    }
}
