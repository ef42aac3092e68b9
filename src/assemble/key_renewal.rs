//! The keys of an issuer that are at a URL (`--jwt-key https://…`): fetched at the start and at each reload, and renewed by a
//! thread of their own, `issuer-keys`.
//!
//! Keys that cannot be fetched stay as they were: an issuer that is away locks nobody out whose token its last keys
//! verify. What runs here for long is a request, which a stop cuts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::assemble::sign_in;
use crate::engine::base::sync::{Condvar, Mutex};
use crate::net::fetch::{Fetcher, TIMEOUT};
use crate::settings::Settings;
use crate::sync::ArcCell;

/// The role of the thread.
pub const ROLE: &str = "issuer-keys";
/// How long keys are used before they are fetched again: an issuer shows a new key for longer before it signs with it.
const RENEW: Duration = Duration::from_secs(300);
/// The same when they could not be fetched.
const RETRY: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Default)]
pub struct KeyRenewal {
    fetcher: Fetcher,
    state: Mutex<State>,
    closed: Condvar,
}

#[derive(Default)]
struct State {
    /// The keys that were fetched last, and from where.
    fetched: Option<(String, Vec<u8>)>,
    /// Whether the last attempt failed, which is in the log.
    has_failed: bool,
    has_thread: bool,
    is_closing: bool,
}

impl KeyRenewal {
    /// With the keys that these settings name, as far as they can be fetched now.
    #[must_use]
    pub fn begin(settings: &Settings) -> Arc<Self> {
        let renewal = Arc::<Self>::default();
        renewal.fetch(settings);
        renewal
    }

    /// Fetches the keys, if these settings name a URL. Blocks for ten seconds at most; a failure is logged.
    pub fn fetch(&self, settings: &Settings) {
        let Some(url) = sign_in::key_url(settings) else { return };
        let fetched = self.fetcher.get(url, TIMEOUT).and_then(|bytes| sign_in::check_keys(&bytes).map(|()| bytes));
        let mut state = self.state.lock();
        if state.is_closing {
            return;
        }
        let had_failed = std::mem::replace(&mut state.has_failed, fetched.is_err());
        match fetched {
            Ok(bytes) => {
                if had_failed {
                    log::info!(url; "the issuer's keys are there again");
                }
                state.fetched = Some((url.to_owned(), bytes));
            }
            Err(why) if !had_failed => log::warn!(url, why; "the issuer's keys were not fetched"),
            Err(_) => {}
        }
    }

    /// The keys at the URL that these settings name, as they were fetched last.
    #[must_use]
    pub fn fetched(&self, settings: &Settings) -> Option<Vec<u8>> {
        let wanted = sign_in::key_url(settings)?;
        let state = self.state.lock();
        let (url, bytes) = state.fetched.as_ref()?;
        (url == wanted).then(|| bytes.clone())
    }

    /// Whether these settings want a thread for the first time, which the caller is to start.
    #[must_use]
    pub fn wants_thread(&self, settings: &Settings) -> bool {
        sign_in::key_url(settings).is_some() && !std::mem::replace(&mut self.state.lock().has_thread, true)
    }

    /// The body of the thread.
    pub fn run(&self, settings: &ArcCell<Settings>, sign_in: &sign_in::SignIn) {
        let failed = |why: String| log::warn!(why; "the issuer's keys cannot be used");
        while !self.is_over() {
            let now = settings.load();
            self.fetch(&now);
            // The other files of keys are read as well, which may have been replaced meanwhile by ones that do not fit.
            sign_in::read(&now, self.fetched(&now).as_deref()).map_or_else(failed, |new| sign_in.replace(new));
        }
    }

    /// Waits until keys are to be fetched again. True: the server stops.
    fn is_over(&self) -> bool {
        let mut state = self.state.lock();
        let next = Instant::now() + if state.has_failed { RETRY } else { RENEW };
        while !state.is_closing {
            if self.closed.wait_until(&mut state, next).timed_out() {
                break;
            }
        }
        state.is_closing
    }

    /// Ends the thread.
    pub fn close(&self) {
        self.state.lock().is_closing = true;
        self.closed.notify_all();
        self.fetcher.close();
    }
}
