//! The IRC dialect: RFC 1459 and 2812, <https://modern.ircdocs.horse>, and the extensions of IRCv3.
//!
//! Events are printed here without knowing who reads them, so that a line is encoded once for all members of a room
//! that have negotiated the same [`Traits`]. What an answer needs besides, such as the client's nick, stands in the id
//! of its request ([`Context`]). The lines of a client are parsed here into words; what they ask for depends on the
//! conversation, which `net/irc` holds.

mod context;
mod line;
mod modes;
mod names;
mod print;
mod refusal;
mod tags;
mod traits;
mod write;

pub use context::Context;
pub use line::{Line, PARAMS_MAX};
pub use modes::{ModeChange, parse_modes, print_modes};
pub use names::{
    IDENT_BYTES_MAX, NameProblem, channel, guest_nick, ident, is_channel, nick, parse_ident, room, source, user,
};
pub use print::{NOTICE_MID, PrintOptions, message, print};
pub use refusal::print as print_refusal;
pub use tags::{message_id, push as push_tag, seq_of_message_id};
pub use traits::Traits;
pub use write::{LINE_BYTES, LineWriter, chunks, clean, cut, ping, text_bytes};
