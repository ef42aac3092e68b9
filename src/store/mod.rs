//! Where messages get their numbers and are kept, behind three traits: rooms and messages ([`Store`]), accounts and
//! keys ([`AccountStore`]), administration ([`Administration`]).
//!
//! `open.rs` decides which backend a URL means; nothing outside this folder names one. A broker opens its room's log
//! and appends to it once a batch, on its own thread, and waits for the outcomes; what is not acknowledged with `Ok` is
//! shown to nobody. Any thread may read history, and no read waits for a write. `tests/store/contract` is what each
//! backend promises.

pub mod accounts;
pub mod administration;
pub mod memory;
mod open;
pub mod rooms;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(not(feature = "sqlite"))]
#[path = "without_sqlite.rs"]
pub mod sqlite;

pub use accounts::{Account, AccountStore, ServerKey};
pub use administration::{Administration, AdministrationError};
pub use memory::Memory;
pub use open::{Backend, BackendOptions, CommitReport, OpenError, ThreadBody, administration, open, open_transient};
pub use rooms::{ChangesQuery, Durability, OpenedRoom, Page, PageQuery, Retention, RoomLog, Store};
