//! Where messages get their numbers and are kept, behind six traits: rooms and messages ([`Store`]), accounts and
//! keys ([`AccountStore`]), hooks ([`HookStore`]), webhooks ([`WebhookStore`]), what admins decide for the whole server
//! ([`ServerStore`]), administration ([`Administration`]).
//!
//! `open.rs` decides which backend a URL means; nothing outside this folder names one. A broker opens its room's log
//! and appends to it once a batch, on its own thread, and waits for the outcomes; what is not acknowledged with `Ok` is
//! shown to nobody. Any thread may read history, and no read waits for a write. `tests/store/contract` is what each
//! backend promises.

pub mod accounts;
pub mod administration;
#[cfg(feature = "sqlite")]
pub mod archive;
#[cfg(feature = "sqlite")]
mod audit_value;
mod bus_url;
pub mod change_feed;
pub mod cluster;
#[cfg(feature = "sqlite")]
mod columns;
#[cfg(feature = "sqlite")]
mod export_reader;
#[cfg(feature = "sqlite")]
mod export_writer;
pub mod hooks;
#[cfg(feature = "sqlite")]
mod jsonl;
pub mod memory;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(not(feature = "postgres"))]
#[path = "without_postgres.rs"]
mod postgres;
pub mod rooms;
#[cfg(feature = "sqlite")]
mod search_terms;
pub mod server;
#[cfg(feature = "sqlite")]
mod server_columns;
pub mod shared_sessions;
pub mod shared_users;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(not(feature = "sqlite"))]
#[path = "without_sqlite.rs"]
pub mod sqlite;
#[cfg(feature = "sqlite")]
mod waiting_marks;
pub mod webhooks;

pub use accounts::{Account, AccountStore, ServerKey};
pub use administration::{Administration, AdministrationError};
pub use bus_url::BusUrl;
pub use change_feed::{ChangeFeed, StoreChange};
pub use hooks::HookStore;
pub use memory::Memory;
pub use open::{Backend, BackendOptions, CommitReport, OpenError, ThreadBody, administration, open, open_transient};
pub use rooms::{
    ChangesQuery, Durability, Found, FoundInRooms, HeardElsewhere, OpenedRoom, Page, PageQuery, PolicyVersion,
    RemotePart, Retention, RoomLog, Store,
};
pub use server::ServerStore;
pub use shared_sessions::{Handover, SessionKey, SharedMembership, SharedSession, SharedSessions, TakenSession};
pub use shared_users::{SharedConnection, SharedUsers};
pub use webhooks::{WebhookLease, WebhookStore};
