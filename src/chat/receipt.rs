//! How far a user has got in a room: which messages were written, received or read.
//!
//! Marks are cumulative: one covers every message up to its number. Kept by a room in `receipts.rs`, and
//! by the store.

use super::time::Time;
use roomd_protocol::UserName;

/// How far a user has got in a room: everything up to `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptMark {
    /// The user who has got so far.
    pub user: UserName,
    /// Whether the messages were written, received or read.
    pub receipt: Receipt,
    /// The newest message that it covers.
    pub seq: u64,
    /// When the user reached it.
    pub at: Time,
}

/// The stages in which a message reaches a user; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Receipt {
    /// The user's socket took it.
    Written,
    /// The user's client has received it.
    Received,
    /// The user has read it.
    Read,
}

impl Receipt {
    /// Its name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Received => "received",
            Self::Read => "read",
        }
    }
}
