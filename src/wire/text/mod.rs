//! The text dialect, for people: one line a command, one line or more an event.
//!
//! `parse` splits a line into word and arguments and looks the word up in the table of commands; `print` is
//! its counterpart for events. Not every event has a form here.

pub(super) mod arguments;
pub(super) mod moderation;
pub mod parse;
pub mod print;

pub use parse::parse;
pub use print::{print, print_of_pattern, waiting};
