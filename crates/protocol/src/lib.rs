//! What both ends of roomd's protocol share: names, tokens and the bounds that clients have to know.
//!
//! The server and the client library depend on it, and it depends on neither: a program that uses the
//! client builds no server. `docs/protocol.md` is the document; everything here is a value, or a
//! sentence that both show.

pub mod data;
mod display_name;
mod folded_name;
mod names;
pub mod receipt_sentences;
mod secret;
mod visible;

pub use display_name::{DISPLAY_NAME_CHARS_MAX, DisplayName};
pub use folded_name::FoldedName;
pub use names::{NameError, ROOM_CHARS_MAX, RoomName, USER_CHARS_MAX, UserName};
pub use secret::Secret;
pub use visible::shows_something;

/// The room that a client is put into which names none.
pub const FIRST_ROOM: &str = "lobby";
/// Messages of one `history` answer, at most.
pub const HISTORY_LIMIT_MAX: usize = 300;
/// Messages of one `history` answer when the client names no number.
pub const HISTORY_LIMIT_DEFAULT: usize = 32;
/// Messages that a join may ask for, at most.
pub const JOIN_HISTORY_MAX: usize = 200;
/// Messages that a join gets when the client names no number.
pub const JOIN_HISTORY_DEFAULT: usize = 20;
/// Bytes of the display name in a token, at most.
pub const DISPLAY_BYTES_MAX: usize = 128;
/// Rooms that a token may list, at most.
pub const TOKEN_ROOMS_MAX: usize = 128;
