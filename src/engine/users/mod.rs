//! Users: which are connected, their private conversations, and what is kept for them.
//!
//! Called by readers, on their own threads.

pub mod bookmarks;
pub mod bots;
pub mod call_servers;
pub mod close_watchers;
mod connected;
pub mod devices;
pub mod directory;
pub mod display_names;
pub mod endpoint;
pub mod entering;
pub mod idents;
pub mod login_worker;
pub mod logins;
pub mod memberships;
pub mod name_release;
pub mod remote_conversations;
pub mod reserved_names;
pub mod signals;
pub mod unconnected;
pub mod user_connection;
pub mod user_index;
pub mod watchers;
