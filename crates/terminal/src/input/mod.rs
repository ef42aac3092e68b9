//! What comes from standard input: the line editor or a pipe, and what a line means.
//!
//! `editor.rs` and `stdin.rs` read lines, each on a thread of its own, and hand them over a bounded
//! channel as `line.rs` has them; `terminal_mode.rs` is the mode of the terminal. `command.rs` and `moderation.rs` parse them on the main thread.

mod account;
pub mod command;
mod completion;
pub mod editor;
pub mod editor_state;
mod history;
pub mod line;
mod moderation;
pub mod stdin;
pub mod terminal_mode;
