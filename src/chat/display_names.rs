//! What a client asks about display names: what users want to be called, beside the names that identify them.
//!
//! Asked for by sessions, kept by the account store for registered users.

use roomd_protocol::{DisplayName, UserName};

/// Users whose display names one request may ask for.
pub const ASKED_MAX: usize = 300;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisplayNameRequest {
    /// Set one's own; `None` removes it.
    Set(Option<DisplayName>),
    /// Tell those of these users, at most [`ASKED_MAX`].
    Of(Vec<UserName>),
}
