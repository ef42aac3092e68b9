//! The pure centre: what may be said, what follows from it, and every bound.
//!
//! Values only. Nothing in here touches a thread, lock, channel, socket, clock, source of
//! randomness or hash order: time and numbers are arguments. Everything else depends on this
//! module, and it depends on nothing of the project.

pub mod charter;
pub mod command;
pub mod end;
pub mod event;
pub mod identity;
pub mod likeness;
pub mod limiter;
pub mod limits;
pub mod message;
pub mod rate;
pub mod receipts;
pub mod record;
pub mod ring;
pub mod room;
pub mod roster;
pub mod session;
pub mod time;

pub use command::{Command, Id, Request, Signal};
pub use end::End;
pub use event::{Code, Event, IceServer, Presence, Refusal, RoomSummary, Status};
pub use identity::{Identity, Standing};
pub use likeness::Likeness;
pub use limits::{Limits, Slow};
pub use message::{About, Body, Message, Mid, Position, Since};
pub use time::{Moment, Time};

pub use roomd_protocol::{NameError, RoomName, Secret, UserName};
