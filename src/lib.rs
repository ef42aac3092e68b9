//! roomd: a chat and publish/subscribe server on plain threads.
//!
//! The binary is a thin shell over this library. A program that embeds it starts a [`Server`] with
//! [`Settings`], and may be a [`Member`] of its rooms without a socket.

pub mod assemble;
pub mod auth;
pub mod chat;
pub mod cli;
pub mod engine;
pub mod net;
pub mod page;
pub mod settings;
pub mod store;
pub mod sync;
pub mod wire;

pub use assemble::{Report, Server, StartError};
pub use engine::clients::member::Member;
pub use settings::Settings;
