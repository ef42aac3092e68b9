//! Columns that every database has alike: times, and what a message is about.
//!
//! Numbers are 64 bits with a sign there. Pure; the rows of each backend are read and written in its own `row.rs`.

use crate::chat::{About, Time};

/// A time as a column: milliseconds since 1970.
pub fn ms(at: Time) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// The time in a column.
pub fn time(ms: i64) -> Time {
    Time(u64::try_from(ms).unwrap_or(0))
}

/// The columns `reply` and `reaction`.
pub fn about_columns(about: Option<About>) -> (Option<i64>, Option<i64>) {
    let (reply, reaction) = About::fields(about);
    (reply.map(u64::cast_signed), reaction.map(u64::cast_signed))
}

/// What the columns `reply` and `reaction` say.
pub fn about_of(reply: Option<i64>, reaction: Option<i64>) -> Option<About> {
    About::stored(reply.map(i64::cast_unsigned), reaction.map(i64::cast_unsigned))
}
