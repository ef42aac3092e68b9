//! The pure centre: what may be said, what follows from it, and every bound.
//!
//! Values only. Nothing in here touches a thread, lock, channel, socket, clock, source of
//! randomness or hash order: time and numbers are arguments. Everything else depends on this
//! module, and it depends on nothing of the project.

pub mod capabilities;
pub mod command;
pub mod end;
pub mod event;
pub mod folded_name;
pub mod identity;
pub mod keyed_limiter;
pub mod limits;
pub mod members;
pub mod message;
pub mod policy;
pub mod receipts;
pub mod record;
pub mod ring;
pub mod room;
pub mod session_state;
pub mod time;
pub mod token_bucket;

pub use command::{Command, Id, Request, Signal};
pub use end::End;
pub use event::{Code, Event, IceServer, Presence, Refusal, RoomSummary, Status};
pub use folded_name::FoldedName;
pub use identity::{AuthLevel, Identity};
pub use limits::{Limits, Slow};
pub use message::{About, Body, Message, Mid, Position, Since};
pub use time::{Moment, Time};

pub use roomd_protocol::{NameError, RoomName, Secret, UserName};
