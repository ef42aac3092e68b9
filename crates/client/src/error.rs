//! Why a client cannot do what its program requested.
//!
//! Each variant tells the program what to do: change the request, wait, or give up.

use std::fmt;

use super::disconnect::CloseReason;
use super::refusal::Refusal;

/// See the module.
#[derive(Debug)]
pub enum Error {
    /// An address, a name or an option is invalid; the sentence says why. Nothing was sent.
    Invalid(String),
    /// The server refuses the request; repeating it unchanged does not help.
    Refused(Refusal),
    /// Too many requests are pending ([`super::Options::pending_max`]): receive first.
    Full,
    /// The server's response is of another kind than the request; the sentence has it. The client goes on.
    Unexpected(String),
    /// There is no connection, and there will be none.
    Closed(CloseReason),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(sentence) | Self::Unexpected(sentence) => f.write_str(sentence),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Full => f.write_str("too many requests are pending"),
            Self::Closed(reason) => f.write_str(&reason.message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}
