//! A user's rooms and private conversations, as the server knows them: the same on every device.
//!
//! Made by the engine of the policies, the bookmarks and the store; asked for by a client that has just connected.

use super::policy::{Invited, Role};
use roomd_protocol::{RoomName, UserName};

/// Private conversations that are listed, at most: those that began last.
pub const CONVERSATIONS_LISTED_MAX: usize = 1_000;

/// How far a user has read in a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadPosition {
    /// The number of the newest message.
    pub newest: u64,
    /// Up to which message the user has read; 0: nothing.
    pub read: u64,
}

/// A room on whose list a user is, or that the user has bookmarked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRoom {
    /// The room.
    pub room: RoomName,
    /// The user's role; `None`: not on the list.
    pub role: Option<Role>,
    /// Whether only those on the list may enter.
    pub private: bool,
    /// Who invited the user, who has not entered yet.
    pub invited: Option<Invited>,
    /// How far the user has read; `None`: the store keeps nothing of the room.
    pub position: Option<ReadPosition>,
}

/// A private conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedConversation {
    /// Its room.
    pub room: RoomName,
    /// The other user.
    pub user: UserName,
    /// How far the user has read.
    pub position: ReadPosition,
}

/// What a user is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memberships {
    /// The rooms, by name.
    pub rooms: Vec<ListedRoom>,
    /// The private conversations, the newest first.
    pub conversations: Vec<ListedConversation>,
}
