//! What every backend promises, written over the traits of the store.
//!
//! `BACKENDS` is the table: a backend is a URL and what it promises. Each test names the promise that it is about, and
//! runs against every backend that gives it, in a directory of its own. A new backend adds a row, and nothing else
//! here.

mod accounts;
mod administration;
mod data;
mod devices;
mod editing;
mod erasure;
mod failures;
mod history;
mod hooks;
mod invitations;
mod keys;
mod moderation;
mod numbering;
mod offline_inbox;
mod pages;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(not(feature = "postgres"))]
#[path = "without_postgres.rs"]
mod postgres;
mod receipts;
mod retention;
mod search;
mod server;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(not(feature = "sqlite"))]
#[path = "without_sqlite.rs"]
mod sqlite;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use roomd::store::{self, Administration, OpenError, Retention};

use crate::harness::{TestDirectory, TestStore};

/// A backend, and what it promises.
pub struct TestBackend {
    name: &'static str,
    /// Where its history is, for a test with this directory.
    url: fn(&TestDirectory) -> String,
    /// What it promises beside [`Promise::Numbering`].
    promises: &'static [Promise],
    /// Has the appends of a message with the body `fail` fail, of a history that is open.
    fail_appends: Option<fn(&TestDirectory)>,
}

/// What a backend may promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// It numbers messages, and keeps accounts and keys, while it is open.
    Numbering,
    /// It keeps what it numbers, for as long as it is open.
    History,
    /// It keeps all of that when it is closed and opened again.
    Reopening,
    /// One server has it at a time.
    Exclusion,
    /// Commands can read it.
    Administration,
    /// It makes backups of its own.
    Backups,
    /// A test can make its appends fail.
    Failures,
}

const MEMORY: TestBackend = TestBackend { name: "off", url: |_| "off".to_owned(), promises: &[], fail_appends: None };

/// A backend with a place for its history.
pub struct Fixture {
    backend: &'static TestBackend,
    directory: TestDirectory,
}

impl Fixture {
    fn new(backend: &'static TestBackend) -> Self {
        Self { backend, directory: TestDirectory::new() }
    }

    fn url(&self) -> String {
        (self.backend.url)(&self.directory)
    }

    fn open(&self) -> TestStore {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<TestStore, OpenError> {
        TestStore::with(&self.url(), |_| ())
    }

    fn open_retaining(&self, retention: Retention, now: u64) -> TestStore {
        TestStore::retaining(&self.url(), retention, &Arc::new(AtomicU64::new(now)))
    }

    /// As a command in another process has it.
    fn administration(&self) -> Box<dyn Administration> {
        store::administration(&self.url()).unwrap()
    }

    fn fail_appends(&self) {
        (self.backend.fail_appends.expect("it promises failures"))(&self.directory);
    }
}

/// The backends of this build that promise this.
fn backends(promise: Promise) -> impl Iterator<Item = &'static TestBackend> {
    let gives = move |backend: &&TestBackend| match promise {
        Promise::Numbering => true,
        Promise::Failures => backend.fail_appends.is_some(),
        _ => backend.promises.contains(&promise),
    };
    std::iter::once(&MEMORY).chain(sqlite::BACKENDS).chain(postgres::backends()).filter(gives)
}

/// Runs a test against each backend that promises this.
fn each(promise: Promise, check: impl Fn(&Fixture)) {
    let mut checked = 0;
    for backend in backends(promise) {
        println!("backend {}", backend.name);
        check(&Fixture::new(backend));
        checked += 1;
    }
    assert!(checked > 0 || sqlite::BACKENDS.is_empty(), "no backend promises {promise:?}");
}

#[test]
fn two_backends_of_one_kind_do_not_share_a_history() {
    use crate::drafts::{message, room, room_log};
    each(Promise::Numbering, |one| {
        let other = Fixture::new(one.backend);
        let (one, other) = (one.open(), other.open());
        room_log(&*one, "den").append(&[message("Anna", "one", "")]).unwrap();
        assert_eq!(other.open(&room("den"), 9).unwrap().past.seq, 0);
    });
}
