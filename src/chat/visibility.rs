//! How much of a membership others see.
//!
//! Chosen by whoever joins: a client that asks for a room by name, one that subscribes by the bare form, a
//! stream of events that only reads, or a subscription to a pattern. The room decides what follows from it.

/// What others see of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Its join is answered, and others are told of its join and its leave.
    Announced,
    /// Its join is not answered, and others are told of neither; it is in the list of members.
    Silent,
    /// Its join is answered, and nobody learns of it: it is in no list, gives no receipts and gets none.
    Hidden,
    /// By a pattern: its join is not answered, and nobody learns of it, as of one that is hidden.
    Matched,
}

impl Visibility {
    /// Whether others are told of the member's join and leave.
    #[must_use]
    pub fn is_announced(self) -> bool {
        self == Self::Announced
    }

    /// Whether the join is answered with `joined`.
    #[must_use]
    pub fn is_answered(self) -> bool {
        matches!(self, Self::Announced | Self::Hidden)
    }

    /// Whether the member's user counts among those in the room.
    #[must_use]
    pub fn is_listed(self) -> bool {
        matches!(self, Self::Announced | Self::Silent)
    }
}
