//! Why a client cannot do what its program asked for.
//!
//! Each variant tells the program what to do: change what it says, wait, or give up.

use std::fmt;

use super::disconnect::Over;
use super::event::Refusal;

/// See the module.
#[derive(Debug)]
pub enum Error {
    /// The address, the name of the user or whom to trust cannot be right; the sentence says why.
    Address(String),
    /// The server does not do it; asking again as it is will not help.
    Refused(Refusal),
    /// So much is unanswered that nothing more is taken (`Options::unanswered_max`): receive first.
    Full,
    /// There is no connection, and there will be none.
    Over(Over),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(sentence) => f.write_str(sentence),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Full => f.write_str("too much is unanswered"),
            Self::Over(over) => f.write_str(&over.reason),
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
