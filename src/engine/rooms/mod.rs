//! Rooms: which there are, the thread of each, and how it writes to its members.
//!
//! `hub` opens rooms and counts their seats, `inbox` is what a room's broker receives, `broker` is the
//! thread, `table` and `batch` are what it writes from. `policy_index` answers questions about policies
//! without waking a room, and `moderation` changes them.

pub mod batch;
pub mod broker;
pub mod hub;
pub mod inbox;
pub mod moderation;
pub mod policy_index;
pub mod table;
