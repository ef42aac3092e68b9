//! A group of a room's members that share its messages: each message goes to one of them.
//!
//! Named by a client's `join`; the room deals the messages out (`work_queue.rs`). Everything here is checked when it is
//! made, so a room meets no name and no number out of bounds.

use std::sync::Arc;
use std::time::Duration;

use super::refusal::Refusal;
use roomd_protocol::RoomName;

/// Messages that a member of a group has at once, at most.
pub const PREFETCH_MAX: u64 = 100;
/// Seconds for which a message is a member's, at most: twelve hours.
pub const VISIBILITY_MAX_S: u64 = 12 * 60 * 60;
/// Seconds for which it is, if the member says nothing.
const VISIBILITY_DEFAULT_S: u64 = 30;

/// The name of a group; what is a name of a room is one of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupName(Arc<str>);

impl GroupName {
    /// Checks a name from outside.
    ///
    /// # Errors
    /// `bad_request`: it is no name.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let name = RoomName::parse(text);
        let name = name.map_err(|error| Refusal::bad_request(format!("The name of a group {error}")))?;
        Ok(Self(name.as_str().into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a member takes part in a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOptions {
    /// The group.
    pub name: GroupName,
    /// How many messages it has at once, at most: 1 to [`PREFETCH_MAX`].
    pub prefetch: usize,
    /// How long a message is its own: then another member is given it.
    pub visibility: Duration,
}

impl GroupOptions {
    /// Checks what a client says; without a `prefetch` one message at a time, without a `visibility_s` half a minute.
    ///
    /// # Errors
    /// `bad_request`: a name or a number is out of bounds.
    pub fn parse(name: &str, prefetch: Option<u64>, visibility_s: Option<u64>) -> Result<Self, Refusal> {
        let bounded = |field: &str, value: Option<u64>, default: u64, max: u64| {
            let value = value.unwrap_or(default);
            let refusal = || Refusal::bad_request(format!("{field} is a number from 1 to {max}"));
            (1..=max).contains(&value).then_some(value).ok_or_else(refusal)
        };
        let prefetch = bounded("prefetch", prefetch, 1, PREFETCH_MAX)?;
        let visibility = bounded("visibility_s", visibility_s, VISIBILITY_DEFAULT_S, VISIBILITY_MAX_S)?;
        Ok(Self {
            name: GroupName::parse(name)?,
            prefetch: usize::try_from(prefetch).unwrap_or(usize::MAX),
            visibility: Duration::from_secs(visibility),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let parse = |name, prefetch, visibility| GroupOptions::parse(name, prefetch, visibility).is_ok();
        assert!(parse("agents", None, None));
        assert!(parse("agents", Some(1), Some(1)) && parse("agents", Some(PREFETCH_MAX), Some(VISIBILITY_MAX_S)));
        assert!(!parse("agents", Some(0), None) && !parse("agents", Some(PREFETCH_MAX + 1), None));
        assert!(!parse("agents", None, Some(0)) && !parse("agents", None, Some(VISIBILITY_MAX_S + 1)));
        for name in ["", "two words", "a/b", &"a".repeat(65)] {
            assert!(!parse(name, None, None), "{name}");
        }
    }
}
