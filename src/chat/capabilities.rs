//! What a client's protocol can do: what a session asks, instead of which protocol it is.
//!
//! Each dialect of `wire` has one value of it. A new protocol brings a value of its own, and a new field
//! only where it behaves as no other does.

/// What the protocol of a client can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The client is in one room at a time: a join leaves the room before it. It may show a token in its
    /// first room, up to its first message; other clients only before they join a room.
    pub single_room: bool,
    /// [`Event::Welcome`](super::Event::Welcome) tells the client who it is, again when it has shown a
    /// token. Other clients are told a new name alone, and are asked for a token where one is needed.
    pub welcome: bool,
    /// A person types its commands, and is asked before one destroys something. A program asks by itself.
    pub asks: bool,
    /// The client can resume its session on another connection, and is told how. The session of one that cannot ends
    /// with its connection: it asks for what it missed when it connects again.
    pub resumes: bool,
}
