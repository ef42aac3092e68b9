//! Where messages get their numbers and stay.
//!
//! A broker opens its room's ledger and appends to it once a batch, on its own thread, and waits
//! for the answer; what is not answered `Ok` is shown to nobody. A ledger goes with its broker.

pub mod memory;

use std::sync::Arc;

pub use memory::Memory;

use crate::chat::RoomName;
use crate::chat::room::{Draft, Outcome, StoreFailed};

/// The authority that numbers the messages of rooms.
pub trait Store: Send + Sync {
    /// Opens a room's history. At most one ledger of a room is open at a time.
    ///
    /// # Errors
    /// The history cannot be had now; the room does not open.
    fn open(&self, room: &RoomName) -> Result<Opened, StoreFailed>;
}

/// A room's history as it is found when the room opens.
pub struct Opened {
    /// The name of this history; another history of the same room has another.
    pub epoch: Arc<str>,
    /// The number of its newest message; 0 when it has none.
    pub seq: u64,
    /// Where to append.
    pub ledger: Box<dyn Ledger>,
}

/// The open history of one room.
pub trait Ledger: Send {
    /// Numbers the drafts and keeps them: all, or none. May block on a disk.
    /// The outcomes are as many as the drafts, in their order; new numbers are dense.
    ///
    /// # Errors
    /// Nothing was stored.
    fn append(&mut self, drafts: &[Draft]) -> Result<Vec<Outcome>, StoreFailed>;
}
