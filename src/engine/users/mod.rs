//! Users: which are connected, and their private conversations.
//!
//! Called by readers, on their own threads.

pub mod directory;
pub mod login_worker;
