//! What goes to standard output: events as lines for people or for programs.
//!
//! `text.rs` and `json.rs` turn events into lines, with `notices.rs` for what happens beside messages,
//! `escape.rs` for the text of others and `protection.rs` for what is known of a message, `times.rs` for when it was said and `wrap.rs` for its lines; `screen.rs`
//! writes them. Everything runs on the main thread, and all but `screen.rs` is pure.

mod account;
pub mod escape;
pub mod json;
pub mod notices;
pub mod protection;
pub mod screen;
pub mod text;
mod times;
mod wrap;
