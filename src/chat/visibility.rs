//! How much of a membership others see.
//!
//! Chosen by whoever joins: a client that asks for a room by name, one that subscribes by the bare form, or a
//! stream of events that only reads. The room decides what follows from it.

/// What others see of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Its join is answered, and others are told of its join and its leave.
    Announced,
    /// Its join is not answered, and others are told of neither; it is in the list of members.
    Silent,
    /// Its join is answered, and nobody learns of it: it is in no list, gives no receipts and gets none.
    Hidden,
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
        self != Self::Silent
    }

    /// Whether the member's user counts among those in the room.
    #[must_use]
    pub fn is_listed(self) -> bool {
        self != Self::Hidden
    }
}
