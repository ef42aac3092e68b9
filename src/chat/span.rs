//! The direction and the edge of a page of history.
//!
//! Asked for by clients, answered by a room from its ring or by the store.

use roomd_protocol::{HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX};

use super::refusal::Refusal;

/// Which part of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// The newest before this number.
    Before(u64),
    /// The oldest after this number.
    After(u64),
    /// Of the newest message of each key, the oldest after this number.
    Latest(u64),
}

impl Span {
    /// The newest of all.
    pub const NEWEST: Self = Self::Before(u64::MAX);

    /// From the fields of a request; none of them means the newest.
    ///
    /// # Errors
    /// `bad_request`: both numbers are given, or the newest of each key before one.
    pub fn parse(before: Option<u64>, after: Option<u64>, latest: bool) -> Result<Self, Refusal> {
        match (before, after) {
            (Some(_), None) if latest => Err(Refusal::bad_request("latest goes after a number, not before")),
            (None, after) if latest => Ok(Self::Latest(after.unwrap_or(0))),
            (Some(_), Some(_)) => Err(Refusal::bad_request("history goes before or after a number, not both")),
            (None, Some(after)) => Ok(Self::After(after)),
            (before, None) => Ok(before.map_or(Self::NEWEST, Self::Before)),
        }
    }

    /// How many messages a page has for a client that asks for so many: the default, if it names no
    /// number, and one at least.
    #[must_use]
    pub fn limit(asked: Option<usize>) -> usize {
        asked.unwrap_or(HISTORY_LIMIT_DEFAULT).clamp(1, HISTORY_LIMIT_MAX)
    }
}
