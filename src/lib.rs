//! roomd: a chat and publish/subscribe server on plain threads.
//!
//! The binary is a thin shell over this library. A program that embeds it starts a [`Server`] with
//! [`Settings`], and may be a [`Member`] of its rooms without a socket. [`chat`] has the values of both, and [`store`]
//! the traits of a store of the program's own. The other modules are the server's inside: `ARCHITECTURE.md` is their map,
//! and they may change without notice.

pub mod assemble;
#[doc(hidden)]
pub mod auth;
pub mod chat;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod net;
#[doc(hidden)]
pub mod page;
#[cfg(feature = "race")]
#[doc(hidden)]
pub mod race;
pub mod settings;
pub mod store;
#[doc(hidden)]
pub mod sync;
#[doc(hidden)]
pub mod wire;

pub use assemble::{Report, Server, StartError};
pub use engine::clients::member::{Member, MemberOptions, Sent};
pub use engine::clients::pattern_member::PatternMember;
pub use engine::clients::recipient::{ChannelRecipient, Delivery, DeliveryMode, Recipient, Segment, Undelivered};
pub use settings::Settings;
/// The channels of the crate `crossbeam-channel`, as [`ChannelRecipient`] takes one: a program that embeds the server need not name
/// that crate, nor have the same version of it.
pub use sync::channel;
