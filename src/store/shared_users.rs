//! The users who are connected to the servers that have one history, and what they are told in private.
//!
//! Each server tells the others which users are connected to it. What is said to a user through one server concerns the user's
//! connections on all of them, whether the conversation is open there or not: the change feed names the conversation, and
//! whoever hears it enters the connections that are not in it yet, and says so. Until then a connection that joins is given
//! what was said meanwhile (`RoomLog::undispatched_from`): so each connection is given each message once, whoever enters it.

use crate::chat::{CallSignal, FoldedName, RoomName, StoreFailed, UserName};

/// A connection of a user, as other servers are to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedConnection {
    /// Whether the name is the user's own.
    pub registered: bool,
    /// Whether what is sent to the user goes to it.
    pub reachable: bool,
}

/// See the module. Nothing but `signal` blocks.
pub trait SharedUsers: Send + Sync {
    /// A connection of this user's has come to this server.
    fn came(&self, user: &UserName, connection: SharedConnection);

    /// It has gone.
    fn went(&self, user: &UserName, connection: SharedConnection);

    /// Whether what is sent to this user reaches a connection on another server, as far as that is known: some milliseconds
    /// late, or seconds.
    fn is_reachable_elsewhere(&self, user: &UserName) -> bool;

    /// The users who are connected to other servers under a spelling of this name, and whether what is sent to each reaches a
    /// connection there; as far as that is known.
    fn alike_elsewhere(&self, name: &FoldedName) -> Vec<(UserName, bool)>;

    /// Sends a signal to the connections of its user on other servers. It may be lost. Blocks on the database.
    ///
    /// # Errors
    /// It is not sent.
    fn signal(&self, signal: &CallSignal) -> Result<(), StoreFailed>;

    /// The newest message that was said in a conversation through another server and that not all connections here were
    /// entered for; `None`: there is none.
    fn undispatched(&self, conversation: &RoomName) -> Option<u64>;

    /// All connections here of both users are in the conversation, as far as that was `newest`.
    fn dispatched(&self, conversation: &RoomName, newest: u64);
}
