//! What other servers change in a history that several have.
//!
//! Of a room that has gone on a feed tells the name: whoever hears it reads what is new through the room's log, in the
//! room's order. Of what servers keep in memory it tells what there is now. What is told may be known already, and may be
//! told twice; what a feed misses it finds by itself within some seconds. The engine's thread `subscriber` waits in it.

use std::sync::Arc;

use super::accounts::{Account, ServerKey};
use super::rooms::PolicyVersion;
use super::shared_sessions::SessionKey;
use crate::chat::admin::{ServerAuditEntry, ServerBan};
use crate::chat::device::{Device, DeviceId};
use crate::chat::policy::Policy;
use crate::chat::{CallSignal, DisplayName, RoomName, UserName};

/// Something that was changed, perhaps by another server.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreChange {
    /// A room that is open here has gone on: messages, edits, its policy, its end, or retention.
    Room(RoomName),
    /// A user has come to another server, or has gone from it.
    User(UserName),
    /// A user of another server signals one who is connected here.
    Signal(CallSignal),
    /// Something was said through another server in a private conversation of a user who is connected here.
    Conversation(RoomName),
    /// Another server has taken a session that this one had, which by then had been moved so often.
    SessionTaken(SessionKey, u32),
    /// A room's policy is this, in this version; `None`: it has none, or has ended.
    Policy(RoomName, Option<Box<Policy>>, PolicyVersion),
    /// A registered name was changed, or was given up.
    Account(AccountState),
    /// A device has ended, whosever it was.
    DeviceEnded(DeviceId),
    /// A ban of this number was made; `None`: it was lifted, or has ended and was removed.
    Ban(u64, Option<Box<ServerBan>>),
    /// A key of this id signs tokens; `None`: it was revoked, or its last token has expired.
    Key(Arc<str>, Option<ServerKey>),
    /// An admin has said something to all: an entry of the audit.
    Announced(Box<ServerAuditEntry>),
}

/// What is kept of a registered name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// The name, in whatever spelling.
    pub name: UserName,
    /// `None`: it is not registered any more.
    pub account: Option<Account>,
    /// Its devices. One that is missing may have been added meanwhile.
    pub devices: Vec<Device>,
    /// What its owner wants to be called.
    pub display_name: Option<DisplayName>,
}

/// See the module.
pub trait ChangeFeed: Send {
    /// Waits until something was changed. `None`: the store was closed.
    fn wait(&mut self) -> Option<Vec<StoreChange>>;
}
