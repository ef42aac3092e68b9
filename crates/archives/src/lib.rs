//! Archives of other chat servers, read into rooms and messages: what `roomd import slack` and `mattermost` read.
//!
//! Each format has a module, and gives an [`Archive`]: a value, in memory, that says nothing of where its messages will
//! be kept. Names become names that roomd has, the same ones each time the same archive is read; what cannot be taken is
//! counted by its kind. Depends on the names of the protocol and on no server.

mod archive;
pub mod mattermost;
mod names;
mod shortcodes;
pub mod slack;
mod slack_text;
mod timeline;

pub use archive::{About, Archive, Message, Room, RoomKind, User};

use std::fmt;

/// Why an archive cannot be read: a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

/// An error whose sentence is this.
fn unreadable(sentence: impl Into<String>) -> Unreadable {
    Unreadable(sentence.into())
}
