//! The pure centre: what a client may ask for, and what follows from it.
//!
//! Values only. Nothing in here touches a thread, lock, channel, socket, clock, source of
//! randomness or hash order: time and numbers are arguments. Of the project it depends on
//! `roomd_protocol` alone.

pub mod accounts;
pub mod attendance;
pub mod bookmark;
pub mod capabilities;
pub mod command;
pub mod device;
pub mod display_names;
pub mod draft;
pub mod end;
pub mod event;
pub mod hook;
pub mod id;
pub mod identity;
pub mod join_options;
pub mod joined_rooms;
pub mod key;
pub mod keyed_limiter;
pub mod last_values;
pub mod leave_reason;
pub mod limits;
pub mod listed_room;
pub mod members;
pub mod message;
pub mod note;
pub mod policy;
pub mod position;
pub mod presence;
pub mod publication;
pub mod receipt;
pub mod receipts;
pub mod recovery;
pub mod refusal;
pub mod remote_event;
pub mod ring;
pub mod room;
pub mod room_request;
pub mod room_summary;
pub mod search;
pub mod server_query;
pub mod session_state;
pub mod signal;
pub mod span;
pub mod speaker;
pub mod time;
pub mod token_bucket;
pub mod visibility;
pub mod webhook;
pub mod welcome;

pub use accounts::{AccountIndex, Accounts};
pub use attendance::{Attendance, Attending, RemoteAttendance, ServerId};
pub use bookmark::{Bookmark, NotificationLevel};
pub use command::{Command, Cost, Request, Seen};
pub use draft::{Appended, Draft, Epoch, Operation, Outcome, StoreFailed};
pub use end::End;
pub use event::Event;
pub use id::Id;
pub use identity::{AuthLevel, Identity};
pub use join_options::{JoinOptions, OfflineDelivery};
pub use key::Key;
pub use leave_reason::LeaveReason;
pub use limits::{Limits, Slow, WriterStart};
pub use message::{About, Body, Message, Mid};
pub use note::Note;
pub use position::{Position, Since};
pub use presence::{Availability, Presence, Status};
pub use publication::Publication;
pub use receipt::{Receipt, ReceiptMark};
pub use recovery::{Recovery, ResumedRoom};
pub use refusal::{Code, Refusal};
pub use remote_event::RemoteEvent;
pub use room_request::RoomRequest;
pub use room_summary::RoomSummary;
pub use search::{SearchPosition, SearchScope};
pub use server_query::ServerQuery;
pub use signal::Signal;
pub use span::Span;
pub use speaker::Speaker;
pub use time::{Moment, Time};
pub use visibility::Visibility;
pub use welcome::{IceServer, Welcome};

pub use roomd_protocol::{DisplayName, FoldedName, NameError, RoomName, Secret, UserName};
