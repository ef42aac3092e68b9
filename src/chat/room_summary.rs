//! One line of the list of rooms.
//!
//! Made by the engine from its live rooms, its policies and the store, for `rooms` and `GET /api/v1/rooms`.

use roomd_protocol::RoomName;

/// A line of the list of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSummary {
    /// The room's name.
    pub room: RoomName,
    /// Users that are in it.
    pub members: usize,
    /// Whether only those on its list may enter.
    pub private: bool,
}
