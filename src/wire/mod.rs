//! Between bytes and values: two dialects (JSON for programs, text for people) in two framings
//! (WebSocket frames, lines).
//!
//! Pure, like `chat`, which is all it depends on. Parsing is total: whatever the bytes, the answer
//! is a request or a refusal. An event is printed once an encoding, whatever the number of readers.

pub mod codec;
mod commands;
pub mod encoder;
pub mod frame;
pub mod json;
pub mod text;

pub use codec::Encoding;
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
