//! The choice of a backend: the only place that knows which kinds of URL there are.
//!
//! `off` keeps nothing beyond the rooms that are open, `:memory:` keeps everything until the server stops,
//! `sqlite:PATH` or a plain path keeps it in a file, `postgres://…` in a database. `open` is called once at start, on the main thread;
//! `administration` by the commands, each in a process of its own.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::accounts::{AccountStore, MemoryAccounts};
use super::administration::{Administration, AdministrationError};
use super::bus_url::BusUrl;
use super::hooks::{HookStore, MemoryHooks};
use super::memory::{Memory, NoAdministration};
use super::rooms::{Durability, OpenedRoom, Retention, Store};
use super::server::{MemoryServer, ServerStore};
use super::webhooks::WebhookStore;
use super::{postgres, sqlite};
use crate::chat::StoreFailed;
use crate::chat::{RoomName, Time};

/// Why a backend cannot be opened: a sentence that says what to do.
pub type OpenError = Box<dyn Error + Send + Sync>;

/// The body of a thread that a backend needs.
pub type ThreadBody = Box<dyn FnOnce() + Send>;

/// An open backend: one value, six traits.
#[derive(Clone)]
pub struct Backend {
    /// Rooms and their messages.
    pub rooms: Arc<dyn Store>,
    /// Registered names, and the keys that sign tokens.
    pub accounts: Arc<dyn AccountStore>,
    /// The hooks of rooms.
    pub hooks: Arc<dyn HookStore>,
    /// Webhooks; `None` where nothing is kept that could be delivered later.
    pub webhooks: Option<Arc<dyn WebhookStore<Error = StoreFailed>>>,
    /// What admins decide for the whole server.
    pub server: Arc<dyn ServerStore>,
    /// Export, backup and the like, while it is open.
    pub administration: Arc<dyn Administration>,
}

/// How a server wants its backend.
pub struct BackendOptions<'a> {
    /// What carries notes between the servers of one history; `None`: the database itself.
    pub bus: Option<BusUrl>,
    /// What has happened to a message when it is acknowledged.
    pub durability: Durability,
    /// How much history is kept, asked whenever some may have to go, on the thread that stores. It must not block.
    pub retention: Box<dyn Fn() -> Retention + Send>,
    /// The wall clock, by which messages age.
    pub now: Box<dyn Fn() -> Time + Send>,
    /// Called after each attempt to store drafts, on the thread that stores them. It must not block.
    pub on_commit: Box<dyn Fn(CommitReport) + Send>,
    /// Called when something waits for a webhook, on the thread that has stored it. It must not block.
    pub on_delivery: Box<dyn Fn() + Send>,
    /// Called when a panic was caught, on the thread that goes on.
    pub on_panic: Box<dyn Fn() + Send>,
    /// Starts a thread of this name. It ends after [`Store::close`], when the last room log is gone.
    pub spawn: &'a mut dyn FnMut(&'static str, ThreadBody) -> io::Result<()>,
}

/// An attempt to store drafts in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitReport {
    /// Drafts, of all rooms together.
    pub drafts: usize,
    /// How long it took, the disk included.
    pub took: Duration,
    /// Whether they are stored; otherwise none of them is.
    pub stored: bool,
}

impl Backend {
    /// Nothing is kept beyond the rooms that are open.
    #[must_use]
    pub fn transient() -> Self {
        Self::of_rooms(Arc::new(Memory))
    }

    /// A store of the program's own, with accounts that last as long as the process.
    #[must_use]
    pub fn of_rooms(rooms: Arc<dyn Store>) -> Self {
        Self {
            rooms,
            accounts: Arc::new(MemoryAccounts::default()),
            hooks: Arc::new(MemoryHooks::default()),
            webhooks: None,
            server: Arc::new(MemoryServer::default()),
            administration: Arc::new(NoAdministration),
        }
    }
}

/// What a URL means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Url<'a> {
    Off,
    /// A path, or `:memory:`.
    Sqlite(&'a str),
    /// The whole URL.
    Postgres(&'a str),
}

impl<'a> Url<'a> {
    fn parse(url: &'a str) -> Result<Self, String> {
        if url == "off" {
            return Ok(Self::Off);
        }
        if let Some(path) = url.strip_prefix("sqlite:") {
            return match path {
                "" => Err("sqlite: needs the path of a file, such as sqlite:roomd.db".to_owned()),
                path => Ok(Self::Sqlite(path)),
            };
        }
        match url.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(url)),
            Some((scheme, _)) if !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Err(format!("{scheme}:// is no database that roomd knows: name a file with --data, or off"))
            }
            _ => Ok(Self::Sqlite(url)),
        }
    }
}

/// Opens the backend that `url` names, for the one server that may have it. A file that does not exist is created.
/// Blocks on the disk.
///
/// # Errors
/// Another server has it, or it cannot be used; what is there is unchanged.
pub fn open(url: &str, options: BackendOptions<'_>) -> Result<Backend, OpenError> {
    let parsed = Url::parse(url)?;
    if options.bus.is_some() && !matches!(parsed, Url::Postgres(_)) {
        return Err("a bus (--bus) is between servers of one database: it needs a postgres:// URL as --data".into());
    }
    match parsed {
        Url::Off => Ok(Backend::transient()),
        Url::Sqlite(path) => sqlite::open(path, options),
        Url::Postgres(url) => postgres::open(url, options),
    }
}

/// The administration of what `url` names, beside the server that has it open, or without one. Each call opens what it
/// needs.
///
/// # Errors
/// No command can reach it.
pub fn administration(url: &str) -> Result<Box<dyn Administration>, AdministrationError> {
    match Url::parse(url).map_err(AdministrationError::Refused)? {
        Url::Off => Err(AdministrationError::Refused("off keeps no history: name a file with --data".to_owned())),
        Url::Sqlite(path) => sqlite::administration(path),
        Url::Postgres(url) => postgres::administration(url),
    }
}

/// Opens a room whose history lasts as long as the room, whatever the backend.
///
/// # Errors
/// The system has no randomness to give.
pub fn open_transient(room: &RoomName) -> Result<OpenedRoom, StoreFailed> {
    Memory.open(room, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_backend() {
        for (url, meant) in [
            ("off", Url::Off),
            (":memory:", Url::Sqlite(":memory:")),
            ("sqlite::memory:", Url::Sqlite(":memory:")),
            ("roomd.db", Url::Sqlite("roomd.db")),
            ("/var/lib/roomd/roomd.db", Url::Sqlite("/var/lib/roomd/roomd.db")),
            ("sqlite:off", Url::Sqlite("off")),
            ("sqlite:/x/a:b.db", Url::Sqlite("/x/a:b.db")),
            ("a dir://x", Url::Sqlite("a dir://x")),
            ("postgres://host/db", Url::Postgres("postgres://host/db")),
            ("postgresql://host/db", Url::Postgres("postgresql://host/db")),
        ] {
            assert_eq!(Url::parse(url), Ok(meant), "{url}");
        }
        for (url, complaint) in [("mysql://host/db", "mysql:// is no database"), ("sqlite:", "sqlite: needs")] {
            assert!(Url::parse(url).is_err_and(|error| error.starts_with(complaint)), "{url}");
        }
    }
}
