//! Rooms: which there are, the thread of each, and how it writes to its members.
//!
//! `hub` opens rooms and counts their seats, `inbox` is what a room's broker receives, `broker` is the
//! thread, `table` and `batch` are what it writes from. `policy_index` answers questions about policies without waking
//! a room, and `moderation` changes them; `pattern_index` knows who is subscribed to patterns. `room_quota` says how
//! many rooms there may be. `subscriber` hears what other servers did.

pub mod batch;
pub mod broker;
pub mod hooks;
pub mod hub;
pub mod inbox;
pub mod invitations;
pub mod moderation;
pub mod pattern_index;
pub mod policy_index;
pub mod room_quota;
pub mod subscriber;
pub mod table;
