//! What another server did in a room, as a value.
//!
//! Where several servers have one store, each has a broker for a room, and the store's order is the room's. A broker
//! learns from its room log what the others did, in that order; the room shows it as it shows its own.

use super::draft::Epoch;
use super::message::{Body, Message};
use super::policy::ModerationAction;
use super::time::Time;
use roomd_protocol::UserName;

/// A change of a room's history that another server's broker has stored.
#[derive(Clone, Debug, PartialEq)]
pub enum RemoteEvent {
    /// The room's next message.
    Message(Message),
    /// A message has another content, or was deleted: `Body::Deleted`.
    Edited { seq: u64, body: Body, by: UserName, at: Time },
    /// The room's policy, or who may stay, has changed. Not [`super::policy::ModerationChange::Ended`].
    Moderated { by: UserName, action: ModerationAction, at: Time },
    /// The room has ended; its next messages belong to another history, of this epoch.
    Ended { by: UserName, action: ModerationAction, at: Time, epoch: Epoch },
}
