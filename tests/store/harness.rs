//! An open backend with its threads, and directories for files.
//!
//! A `TestStore` that drops closes the store and joins its threads: when it is gone, so is its lock. Room logs must be
//! dropped before it.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use roomd::chat::{StoreFailed, Time};
use roomd::store::{
    self, AccountStore, Administration, Backend, BackendOptions, CommitReport, Durability, HookStore, OpenError,
    Retention, ServerStore, Store, WebhookStore,
};

/// How long anything that must happen may take.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for a state that no message reports.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !happened() {
        assert!(Instant::now() < deadline, "not within the deadline: {what}");
        thread::yield_now();
    }
}

/// A directory that is removed with the test.
pub struct TestDirectory(PathBuf);

impl TestDirectory {
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
    #[cfg(feature = "sqlite")]
    pub fn data(&self) -> String {
        self.file("room.db")
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        if !thread::panicking() {
            // What is left lies below target.
            _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// The options of a test.
pub struct TestOptions {
    pub retention: Retention,
    pub now: Box<dyn Fn() -> Time + Send>,
    pub on_commit: Box<dyn Fn(CommitReport) + Send>,
    pub on_delivery: Box<dyn Fn() + Send>,
}

/// See the module.
pub struct TestStore {
    backend: Backend,
    threads: Vec<JoinHandle<()>>,
}

impl TestStore {
    /// Opens what `url` names, with other options.
    pub fn with(url: &str, change: impl FnOnce(&mut TestOptions)) -> Result<Self, OpenError> {
        let mut options = TestOptions {
            retention: Retention::default(),
            now: Box::new(|| Time(0)),
            on_commit: Box::new(|_| ()),
            on_delivery: Box::new(|| ()),
        };
        change(&mut options);
        let TestOptions { retention, now, on_commit, on_delivery } = options;
        let mut threads = Vec::new();
        let options = BackendOptions {
            bus: None,
            durability: Durability::Os,
            retention: Box::new(move || retention),
            now,
            on_commit,
            on_delivery,
            on_panic: Box::new(|| ()),
            spawn: &mut |name, body| {
                threads.push(thread::Builder::new().name(name.to_owned()).spawn(body)?);
                Ok(())
            },
        };
        let backend = store::open(url, options)?;
        Ok(Self { backend, threads })
    }

    /// With this retention, and a clock that shows what `now` holds.
    pub fn retaining(url: &str, retention: Retention, now: &Arc<AtomicU64>) -> Self {
        let now = Arc::clone(now);
        Self::with(url, |options| {
            options.retention = retention;
            options.now = Box::new(move || Time(now.load(Ordering::Relaxed)));
        })
        .unwrap()
    }

    pub fn accounts(&self) -> &dyn AccountStore {
        &*self.backend.accounts
    }

    pub fn hooks(&self) -> &dyn HookStore {
        &*self.backend.hooks
    }

    /// What admins decide for the whole server.
    pub fn server(&self) -> &dyn ServerStore {
        &*self.backend.server
    }

    /// The webhooks, where the backend keeps what is to be delivered.
    pub fn webhooks(&self) -> &dyn WebhookStore<Error = StoreFailed> {
        &**self.backend.webhooks.as_ref().expect("it keeps what is to be delivered")
    }

    pub fn administration(&self) -> &dyn Administration {
        &*self.backend.administration
    }
}

impl Deref for TestStore {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.backend.rooms
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        self.backend.rooms.close();
        for thread in self.threads.drain(..) {
            if !thread::panicking() {
                thread.join().unwrap();
            }
        }
    }
}
