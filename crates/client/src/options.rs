//! How a client behaves: all that may be said before it connects.
//!
//! Built by the program, read by the core and the connection, and never changed after that.

use std::time::Duration;

use roomd_protocol::Secret;
use roomd_tls::Trust;

/// The choices of one client. `Options::default()` is a guest who comes back for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The name to come under, 1–32 characters; `None` is a guest, whose name the server draws and
    /// the client then keeps.
    pub user: Option<String>,
    /// Whose certificates to believe, for an address with `wss` or `https`.
    pub trust: Trust,
    /// A token that says who one is, and then under which name to come: see [`super::claim`].
    pub token: Option<Secret>,
    /// How many of the newest messages the first join of a room shows, 0–200.
    pub history: usize,
    /// The first delay before a broken connection is made again; it doubles with each attempt.
    pub retry_min: Duration,
    /// The longest such delay, unless the server asks for a longer one.
    pub retry_max: Duration,
    /// For how long a broken connection is tried again; `None` is for ever.
    pub retry_for: Option<Duration>,
    /// How long making a connection, and each step of its handshake, may take.
    pub connect_timeout: Duration,
    /// How long a write may make no progress; then the connection is broken.
    pub write_timeout: Duration,
    /// After how long a silence the server is asked for a sign of life.
    pub silence: Duration,
    /// How long it may take to answer that; then the connection is broken.
    pub answer: Duration,
    /// Things asked for and not answered, at most; beyond it nothing more is taken.
    pub unanswered_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            user: None,
            trust: Trust::System,
            token: None,
            history: 20,
            retry_min: Duration::from_millis(500),
            retry_max: Duration::from_secs(30),
            retry_for: None,
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            answer: Duration::from_secs(15),
            unanswered_max: 1024,
        }
    }
}

impl Options {
    /// The default for a user of this name.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self { user: Some(name.to_owned()), ..Self::default() }
    }
}
