//! What an archive holds, as values: users, rooms and messages in their order, and counts of what was left out.
//!
//! Made by the module of a format, with the names that users and rooms have here.

use std::collections::BTreeMap;

use roomd_protocol::{DisplayName, RoomName, UserName};

/// The users and rooms of another server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// Who wrote something, or may read a private room: in the order of the archive.
    pub users: Vec<User>,
    /// The rooms, with their messages.
    pub rooms: Vec<Room>,
    /// What was not taken: how many of each kind, the kind in words.
    pub left_out: BTreeMap<String, usize>,
}

/// A user of the other server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name here.
    pub name: UserName,
    /// What the user is called, if that is more than the name.
    pub display_name: Option<DisplayName>,
    /// When the first message of the archive was written that the user may read, in milliseconds since 1970.
    pub since_ms: u64,
}

/// Who may read a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomKind {
    /// Anybody.
    Public,
    /// These users.
    Private(Vec<UserName>),
    /// The private conversation of two users.
    Conversation(UserName, UserName),
}

/// A room, with its messages in the order of their times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The name here.
    pub name: RoomName,
    /// What identifies it on the other server.
    pub id: String,
    /// Who may read it.
    pub kind: RoomKind,
    /// What it is about: a line.
    pub subject: Option<String>,
    /// What it is for: some lines.
    pub description: Option<String>,
    /// The first has the number 1, and so on.
    pub messages: Vec<Message>,
}

/// A message of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its author.
    pub user: UserName,
    /// In milliseconds since 1970.
    pub at_ms: u64,
    /// When it was last edited.
    pub edited_ms: Option<u64>,
    /// What it says, in roomd's formatting.
    pub text: String,
    /// Its relation to another message of the room.
    pub about: Option<About>,
    /// What identifies it on the other server. Reactions have nothing.
    pub id: Option<String>,
}

/// The relation of a message to the one of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// It answers it.
    Reply(u64),
    /// It is a reaction to it.
    Reaction(u64),
}

impl Archive {
    /// Counts something that is not taken.
    pub(crate) fn leave_out(&mut self, kind: impl Into<String>) {
        *self.left_out.entry(kind.into()).or_default() += 1;
    }

    /// Notes for each user when the first message was written that they may read.
    pub(crate) fn date_users(&mut self) {
        for user in &mut self.users {
            let is_reader = |room: &&Room| match &room.kind {
                RoomKind::Public => room.messages.iter().any(|message| message.user == user.name),
                RoomKind::Private(members) => members.contains(&user.name),
                RoomKind::Conversation(one, other) => *one == user.name || *other == user.name,
            };
            let first = |room: &Room| room.messages.first().map(|message| message.at_ms);
            user.since_ms = self.rooms.iter().filter(is_reader).filter_map(first).min().unwrap_or(0);
        }
    }
}
