//! What an admin says to all who are connected.
//!
//! One line, so that every door can tell it, and short enough for a line of IRC.

use std::sync::Arc;

use crate::chat::{Refusal, Time, UserName};
use roomd_protocol::shows_something;

/// Bytes of an announcement, at most.
pub const ANNOUNCEMENT_BYTES_MAX: usize = 350;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// What is said.
    pub text: Arc<str>,
    /// The admin.
    pub by: UserName,
    /// When.
    pub at: Time,
}

impl Announcement {
    /// Checks a text from outside.
    ///
    /// # Errors
    /// `bad_request`: it is too long, shows nothing, or is no line.
    pub fn parse(text: &str, by: UserName, at: Time) -> Result<Self, Refusal> {
        if !shows_something(text) || text.chars().any(char::is_control) {
            return Err(Refusal::bad_request("An announcement is one line that shows something"));
        }
        if text.len() > ANNOUNCEMENT_BYTES_MAX {
            return Err(Refusal::bad_request(format!("An announcement may have {ANNOUNCEMENT_BYTES_MAX} bytes")));
        }
        Ok(Self { text: text.into(), by, at })
    }
}
