//! How a user is in a room through one of several servers, as a value.
//!
//! Where servers share a history, each tells the others of the users who are in a room through its own connections; a room
//! takes all of that together. It is state and not a change, so hearing it twice does no harm, and the latest is enough.

use super::leave_reason::LeaveReason;
use super::note::Note;
use super::presence::Status;
use super::time::Time;
use roomd_protocol::UserName;

/// The number of a server; another one each time it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u64);

/// Whether a user is in a room through a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// The user is in it.
    Here(Attending),
    /// The user is not in it any more, for this reason, and had got so far: as [`Attending::marks`].
    Gone(LeaveReason, [u64; 3]),
}

impl Attendance {
    /// The user is gone with the server, or with its room there.
    pub const LOST: Self = Self::Gone(LeaveReason::Disconnected, [0; 3]);
}

/// How a user is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attending {
    /// Connections of the user's.
    pub connections: usize,
    /// Whether one of them was announced.
    pub announced: bool,
    /// Whether the name is the user's own.
    pub registered: bool,
    /// Whether all of them have lost their clients.
    pub detached: bool,
    /// What the user says of itself.
    pub status: Status,
    /// The note that came with it.
    pub note: Option<Note>,
    /// When the user said that; 0: never.
    pub set_at: Time,
    /// When the user was last active.
    pub last_seen: Time,
    /// How far the user has got: the newest message that was written, received and read, in this order.
    pub marks: [u64; 3],
}

/// What another server tells of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAttendance {
    /// The server.
    pub server: ServerId,
    /// The user.
    pub user: UserName,
    /// Whether and how the user is in the room through that server.
    pub attendance: Attendance,
}
