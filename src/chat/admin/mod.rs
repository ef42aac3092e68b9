//! What an admin sees of a server, and does with it: values alone.
//!
//! Made by the engine, printed by `wire`. What concerns one room and its policy is in `policy`; here is what
//! concerns the server as a whole.

pub mod account;
pub mod announcement;
pub mod audit;
pub mod ban;
pub mod connection;
pub mod key;
pub mod personal_data;
pub mod room_overview;

pub use account::AccountInfo;
pub use announcement::Announcement;
pub use audit::{ServerAction, ServerActionKind, ServerAuditEntry};
pub use ban::{BanTarget, NewServerBan, ServerBan, ServerBans};
pub use connection::{Connected, ConnectionInfo};
pub use key::KeyInfo;
pub use personal_data::{Erased, PersonalData};
pub use room_overview::RoomOverview;
