//! The JSON dialect, for programs: one object a command, one object an event.
//!
//! Also the bodies of the HTTP interface, which are made of the same objects.

pub(super) mod fields;
pub mod moderation;
mod object;
pub mod parse;
pub mod print;

pub use moderation::{audit_body, members_body, room_body};
pub use parse::parse;
pub use print::{claimed_body, error_body, history_body, me_body, print, receipts_body, time_body};
