//! The servers that have a history together: what each says of itself, and what a command or the figures show of them.
//!
//! The backend fills it in; `roomd cluster` prints it, and `/metrics` has what one server knows.

use std::time::Duration;

/// The servers of a history, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The database.
    pub database: ClusterDatabase,
    /// In the order of their heartbeats, the latest first.
    pub servers: Vec<ClusterServer>,
}

/// The database of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDatabase {
    /// Its version, as it says it.
    pub version: String,
    /// How often another database has taken its place, and one.
    pub timeline: i64,
    /// How often all rooms have begun new epochs, since something may have been lost.
    pub generation: i64,
    /// Whether what is acknowledged is on a standby too.
    pub is_synchronous: bool,
}

/// A server that is at work on a history, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterServer {
    /// Drawn when it started.
    pub number: u64,
    /// How it is.
    pub state: ServerState,
    /// Since its last heartbeat, by the clock of the database.
    pub silent_for: Duration,
    /// Since it started, as of its last heartbeat.
    pub up_for: Duration,
    /// Users that are connected to it.
    pub users: u64,
    /// Rooms that are open on it.
    pub rooms: u64,
    /// Messages that its open rooms had not shown yet when it last looked.
    pub behind: u64,
    /// How long the database took for its last heartbeat.
    pub answer: Duration,
    /// Its version, machine and process.
    pub about: String,
}

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// Its heartbeats come.
    Alive,
    /// It has stopped, and its users may come back through others.
    Stopped,
    /// It was killed, or cannot reach the database.
    Dead,
}

impl ServerState {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Stopped => "stopped",
            Self::Dead => "dead",
        }
    }
}

/// What a server knows of the servers that have its history together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterFigures {
    /// Servers at work, with itself.
    pub servers: u64,
    /// Messages that its open rooms had not shown yet when it last looked.
    pub behind: u64,
    /// Since its last heartbeat that the database has taken.
    pub silent_for: Duration,
}
