//! A connection, as an admin sees it.
//!
//! A copy of what the engine knows at one moment. Private conversations are not in it: with whom a user speaks is no
//! business of an admin who looks for a connection.

use core::net::IpAddr;

use crate::chat::{AuthLevel, RoomName, Time, UserName};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Its number, unique in the server's life: that of its session.
    pub number: u64,
    /// Its user.
    pub user: UserName,
    /// How the user is authenticated.
    pub auth_level: AuthLevel,
    /// The address that its client comes from; `None` for a program in the server's process.
    pub ip: Option<IpAddr>,
    /// Its encoding's name, such as `irc`.
    pub door: &'static str,
    /// When it began.
    pub since: Time,
    /// The rooms that it is in, the first joined first.
    pub rooms: Vec<RoomName>,
    /// Whether its client is there.
    pub connected: Connected,
}

/// Whether the client of a session is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connected {
    /// It is, and so much waits for it to read.
    Yes { events: u64, bytes: usize },
    /// Its connection was lost, and the session can be resumed.
    Detached,
}
