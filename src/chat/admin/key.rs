//! A key that signs the server's tokens, as an admin sees it.
//!
//! Without the key itself, which is never shown.

use std::sync::Arc;

use crate::chat::Time;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its id in tokens: hexadecimal digits.
    pub key: Arc<str>,
    /// When it was made.
    pub made: Time,
    /// When the last token that it has signed expires; `None`: it has signed nothing.
    pub until: Option<Time>,
    /// Whether it is the one that signs.
    pub signs: bool,
}
