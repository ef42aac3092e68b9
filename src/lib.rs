//! roomd: a chat and publish/subscribe server on plain threads.
//!
//! The binary is a thin shell over this library. A program that embeds it starts a [`Server`] with
//! [`Settings`], and may be a [`Member`] of its rooms without a socket:
//!
//! ```
//! use std::sync::Arc;
//! use roomd::chat::{Event, RoomName, UserName};
//! use roomd::engine::recipient::ChannelRecipient;
//! use roomd::{Member, Server, Settings};
//!
//! let settings = Settings { listen: "127.0.0.1:0".into(), lines: None, ..Settings::default() };
//! let server = Server::start(settings, |error| eprintln!("{error}"))?;
//!
//! let (sender, events) = crossbeam_channel::bounded(16);
//! let room = RoomName::parse("lobby")?;
//! let bot = UserName::parse("bot")?;
//! let member = Member::join(server.engine(), &room, bot, Arc::new(ChannelRecipient::new(sender)), 0)?;
//! member.say("hello")?;
//! let text = events.iter().find_map(|event| match &*event {
//!     Event::Message(message) => Some(message.body.clone()),
//!     _ => None,
//! });
//! assert_eq!(text, Some(roomd::chat::Body::Text("hello".into())));
//! drop(member);
//! assert!(server.stop().running.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod assemble;
pub mod chat;
pub mod cli;
pub mod engine;
pub mod net;
pub mod page;
pub mod settings;
pub mod store;
pub mod wire;

pub use assemble::{Report, Server, StartError};
pub use engine::member::Member;
pub use settings::Settings;
