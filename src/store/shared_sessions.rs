//! Sessions that can be resumed through another server than the one that had them.
//!
//! Each server tells what its sessions are: whenever one begins, joins or leaves a room, and when its connection is lost. A
//! client that comes to another server with the token of its session has that server take the session: one alone gets it,
//! enters its rooms, and then has the server that had it before let it go. So the user is in each room all the time.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::chat::{Availability, Identity, Pattern, Position, RoomName, ServerId, StoreFailed, Time};

/// What a store knows of a session's token: its SHA-256. The token itself is the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub [u8; 32]);

impl SessionKey {
    /// That of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// A session, as another server needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedSession {
    /// Its user.
    pub identity: Identity,
    /// When it began.
    pub began: Time,
    /// What its client says of its user.
    pub availability: Availability,
    /// Whether its client has asked who has received and read its messages.
    pub asks_receipts: bool,
    /// Whether its name is final.
    pub has_published: bool,
    /// The rooms that it is in, in the order in which it joined them.
    pub rooms: Vec<SharedMembership>,
    /// Its private conversations, and where it entered each.
    pub conversations: Vec<(RoomName, Position)>,
    /// Its patterns.
    pub patterns: Vec<Pattern>,
}

/// The membership of such a session in a room.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedMembership {
    /// The room.
    pub room: RoomName,
    /// Where it entered: what came later it may have missed.
    pub entered: Position,
    /// Whether the client calls the room a topic.
    pub topic: bool,
    /// Whether it is in a group there: then it is not taken along, since the group's other members go on with its work.
    pub in_group: bool,
    /// Whether others are told of its join and leave.
    pub is_announced: bool,
    /// Whether its client has asked there who has received and read its messages.
    pub asks_receipts: bool,
}

/// Whose a session was that somebody wants to resume here.
#[derive(Clone, Debug, PartialEq)]
pub enum TakenSession {
    /// Nobody's, as far as is known.
    Unknown,
    /// This server's own.
    Own,
    /// Another server's; it is this server's now.
    Moved(Box<SharedSession>, Handover),
}

/// That a session was taken from a server, which is to let it go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover {
    /// The session.
    pub key: SessionKey,
    /// The server that had it.
    pub from: ServerId,
    /// How often it has been moved: who has taken it since it was moved more often keeps it.
    pub moved: u32,
}

/// See the module.
pub trait SharedSessions: Send + Sync {
    /// A session of this server's is this now. Others know some milliseconds later. Does not block.
    fn keep(&self, key: SessionKey, session: &SharedSession);

    /// A session has ended, or this server has let it go. Does not block.
    fn forget(&self, key: SessionKey);

    /// This server has let a session go that another had taken, which by then had been moved so often. Does not block.
    fn let_go(&self, key: SessionKey, moved: u32);

    /// Takes a session for this server, if another has it. Blocks on the database.
    ///
    /// # Errors
    /// That cannot be told now; nothing was taken.
    fn take(&self, key: SessionKey) -> Result<TakenSession, StoreFailed>;

    /// The rooms of a session that was taken are entered: the server that had it lets it go, once others know who is in
    /// them. Does not block.
    fn entered(&self, handover: Handover, session: &SharedSession);

    /// This server stops: its sessions can be taken for so long, and until then their users are in their rooms, whatever the
    /// rooms say from now on. Blocks for two seconds at most.
    fn park(&self, grace: Duration);
}
