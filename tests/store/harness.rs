//! A store with its journal's thread, on a file of its own or in memory; and places for files.
//!
//! A `Keeper` that drops closes the store and joins the journal: when it is gone, so is its lock.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use roomd::chat::Time;
use roomd::store::sqlite::{OpenError, Sqlite, SqliteOptions};
use roomd::store::{Durability, Retention, Store};

/// How long anything that must happen may take.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for what no message tells.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !happened() {
        assert!(Instant::now() < deadline, "not within the deadline: {what}");
        thread::yield_now();
    }
}

/// A directory that goes with the test.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("store-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it, as text.
    pub fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// The path of the history in it.
    pub fn data(&self) -> String {
        self.file("room.db")
    }

    /// `roomd` with these arguments, on the history in it.
    pub fn roomd(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomd"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROOMD_")) {
            command.env_remove(name);
        }
        command.args(arguments).args(["--data", &self.data()]).env("RUST_LOG", "error");
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !thread::panicking() {
            // What is left lies below target.
            _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// See the module.
pub struct Keeper {
    store: Sqlite,
    journal: Option<JoinHandle<()>>,
}

impl Keeper {
    pub fn memory() -> Self {
        Self::with(":memory:", |_| ()).unwrap()
    }

    pub fn file(place: &Place) -> Self {
        Self::with(&place.data(), |_| ()).unwrap()
    }

    /// With another plan.
    pub fn with(data: &str, change: impl FnOnce(&mut SqliteOptions)) -> Result<Self, OpenError> {
        let mut plan = SqliteOptions {
            data: data.to_owned(),
            durability: Durability::Os,
            retention: Retention::default(),
            now: Box::new(|| Time(0)),
        };
        change(&mut plan);
        let mut journal = None;
        let store = Sqlite::open(plan, |body| {
            journal = Some(thread::spawn(body));
            Ok(())
        })?;
        Ok(Self { store, journal })
    }

    /// With this retention, and a clock that shows what `now` holds.
    pub fn retaining(place: &Place, retention: Retention, now: &Arc<AtomicU64>) -> Self {
        let now = Arc::clone(now);
        Self::with(&place.data(), |plan| {
            plan.retention = retention;
            plan.now = Box::new(move || Time(now.load(Ordering::Relaxed)));
        })
        .unwrap()
    }
}

impl Deref for Keeper {
    type Target = Sqlite;

    fn deref(&self) -> &Sqlite {
        &self.store
    }
}

impl Drop for Keeper {
    /// Every ledger must be gone before.
    fn drop(&mut self) {
        self.store.close();
        let journal = self.journal.take().unwrap();
        if !thread::panicking() {
            journal.join().unwrap();
        }
    }
}

/// The file through another connection, as another process would have it.
pub fn direct(data: &str) -> rusqlite::Connection {
    rusqlite::Connection::open(data).unwrap()
}

/// The only number that a query gives.
pub fn number(data: &str, sql: &str) -> i64 {
    direct(data).query_row(sql, [], |row| row.get(0)).unwrap()
}
