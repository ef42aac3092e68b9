//! The direction and the edge of a page of history.
//!
//! Asked for by clients, answered by a room from its ring or by the store.

/// Which part of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// The newest before this number.
    Before(u64),
    /// The oldest after this number.
    After(u64),
}
