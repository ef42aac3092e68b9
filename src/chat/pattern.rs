//! A pattern of topics: one subscription to all whose names match, also those that open later.
//!
//! A dot separates the levels of a name. In a pattern `*` is any one level, and `>`, at the end, one or more: the words
//! and the rules of NATS. A pattern is sent in a field or a command of its own, so a room may be called `prices.*`: to
//! a pattern that is a name of two levels, of which the second happens to be a star.

use std::fmt;
use std::sync::Arc;

use super::refusal::Refusal;
use roomd_protocol::RoomName;

/// Patterns of one connection, at most.
pub const PATTERNS_MAX: usize = 16;

/// A pattern: as long as a room's name, and of the same characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Arc<str>);

/// One level of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level<'a> {
    /// A level of this name.
    Named(&'a str),
    /// Any one level: `*`.
    One,
    /// One level or more: `>`.
    Rest,
}

impl Pattern {
    /// Checks a pattern from outside.
    ///
    /// # Errors
    /// `bad_request`: it could not match the name of a room, or has a `*` or a `>` where that is no level.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let name = RoomName::parse(text);
        let name = name.map_err(|error| Refusal::bad_request(format!("A pattern {error}")))?;
        let pattern = Self(name.as_str().into());
        let mut levels = pattern.levels().peekable();
        while let Some(level) = levels.next() {
            let is_right = match level {
                Level::Named(name) => !name.is_empty() && !name.contains(['*', '>']),
                Level::One => true,
                Level::Rest => levels.peek().is_none(),
            };
            if !is_right {
                let rule = "Between the dots of a pattern stands a name, or * for any one level; at its end may be >, \
                            for one or more";
                return Err(Refusal::bad_request(rule));
            }
        }
        drop(levels);
        Ok(pattern)
    }

    /// Its levels, of which there is at least one.
    pub fn levels(&self) -> impl Iterator<Item = Level<'_>> {
        self.0.split('.').map(|level| match level {
            "*" => Level::One,
            ">" => Level::Rest,
            name => Level::Named(name),
        })
    }

    /// Whether the room is one of its topics. No private conversation is.
    #[must_use]
    pub fn matches(&self, room: &RoomName) -> bool {
        let Some(mut found) = topic_levels(room) else { return false };
        for level in self.levels() {
            match (level, found.next()) {
                (Level::Rest, Some(_)) => return true,
                (Level::One, Some(_)) => {}
                (Level::Named(name), Some(level)) if name == level => {}
                _ => return false,
            }
        }
        found.next().is_none()
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The levels of a room's name; `None`: no pattern matches it, since it is a private conversation, or nowhere.
pub fn topic_levels(room: &RoomName) -> Option<impl Iterator<Item = &str>> {
    let is_topic = !room.is_conversation() && *room != RoomName::nowhere();
    is_topic.then(|| room.as_str().split('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use roomd_protocol::UserName;

    fn matching<'a>(pattern: &str, rooms: &[&'a str]) -> Vec<&'a str> {
        let pattern = Pattern::parse(pattern).unwrap();
        rooms.iter().copied().filter(|room| pattern.matches(&RoomName::parse(room).unwrap())).collect()
    }

    #[test]
    fn a_star_is_one_level_and_an_angle_one_or_more() {
        let rooms = ["prices", "prices.eur", "prices.usd", "prices.eur.spot", "orders.eur", "eur", "prices.*", "a..b"];
        assert_eq!(matching("prices.*", &rooms), ["prices.eur", "prices.usd", "prices.*"]);
        assert_eq!(matching("prices.>", &rooms), ["prices.eur", "prices.usd", "prices.eur.spot", "prices.*"]);
        assert_eq!(matching("*.eur", &rooms), ["prices.eur", "orders.eur"]);
        assert_eq!(matching("*.eur.>", &rooms), ["prices.eur.spot"]);
        assert_eq!(matching("prices.*.spot", &rooms), ["prices.eur.spot"]);
        assert_eq!(matching("*", &rooms), ["prices", "eur"]);
        assert_eq!(matching(">", &rooms), rooms);
        assert_eq!(matching("prices.eur", &rooms), ["prices.eur"]);
        assert_eq!(matching("a.*.b", &rooms), ["a..b"]);
    }

    #[test]
    fn a_pattern_names_whole_levels() {
        for bad in ["", ".", "..", "a..b", ".a", "a.", "pri*", "prices.e*", ">.a", "a.>.b", "a.>>", "**", "a b", "dm:*"]
        {
            assert!(Pattern::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Pattern::parse(&"x".repeat(65)).is_err());
        assert_eq!(Pattern::parse("Zoe\u{308}.*").unwrap().as_str(), "Zoë.*");
    }

    #[test]
    fn no_pattern_matches_a_private_conversation_or_nowhere() {
        let [a, b] = ["Alice", "Bob"].map(|user| UserName::parse(user).unwrap());
        for pattern in [">", "*"] {
            let pattern = Pattern::parse(pattern).unwrap();
            assert!(!pattern.matches(&RoomName::private(&a, &b)));
            assert!(!pattern.matches(&RoomName::nowhere()));
        }
    }
}
