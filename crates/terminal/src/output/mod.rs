//! What goes to standard output: events as lines for people or for programs.
//!
//! `text.rs` and `json.rs` turn events into lines, with `notices.rs` for what happens beside messages,
//! `escape.rs` for the text of others and `protection.rs` for what is known of a message, `times.rs` for when it was said and `wrap.rs` for its lines; `screen.rs`
//! writes them, and `lines_above.rs` keeps them to show them again. Everything runs on the main thread, but for what the line editor notes in `lines_above.rs`,
//! and all but `screen.rs` is pure.

mod account;
pub mod escape;
pub mod json;
pub mod lines_above;
pub mod notices;
pub mod protection;
pub mod screen;
pub mod text;
mod times;
pub mod wrap;
