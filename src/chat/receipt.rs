//! How far a user has got in a room: which messages were written, received or read.
//!
//! Marks are cumulative: one covers every message up to its number. Kept by a room in `receipts.rs`, and
//! by the store.

use super::time::Time;
use roomd_protocol::UserName;

/// How far a user has got in a room: everything up to `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptMark {
    /// Whose.
    pub user: UserName,
    /// In which sense.
    pub receipt: Receipt,
    /// The newest message that it covers, and all before.
    pub seq: u64,
    /// When it got there.
    pub at: Time,
}

/// The senses in which a message has reached a user; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Receipt {
    /// The user's socket took it.
    Written,
    /// The user's client says that it has it.
    Received,
    /// The user's client says that it was read.
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
