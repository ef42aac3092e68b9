//! The text dialect, for people: one line a command, one line or more an event.

pub(super) mod arguments;
pub(super) mod moderation;
pub mod parse;
pub mod print;

pub use parse::parse;
pub use print::{print, waiting};
