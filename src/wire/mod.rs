//! Between bytes and values: two dialects (JSON for programs, text for people) in three framings
//! (WebSocket frames, lines, Server-Sent Events).
//!
//! Pure, like `chat`, which is all it depends on. Parsing is total: whatever the bytes, the answer
//! is a request or a refusal. An event is printed once an encoding, whatever the number of readers.

pub mod codec;
mod commands;
pub mod encoder;
pub mod event_stream;
pub mod frame;
pub mod hook;
pub mod irc;
pub mod json;
pub mod text;

pub use codec::Encoding;
pub use commands::types as command_types;
pub use encoder::Encoder;

use crate::chat::{Id, Refusal};

/// The refusal of a request that could not be parsed, with its id if that could be.
#[derive(Clone, Debug, PartialEq)]
pub struct Unparsed {
    /// The request id, if it could be read.
    pub id: Option<Id>,
    /// What is wrong with it.
    pub refusal: Refusal,
}
