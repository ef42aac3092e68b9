//! The options of a client.
//!
//! Built by the program before it connects, read by the state machine and the connection, and never
//! changed after that.

use std::time::Duration;

use roomd_protocol::Secret;
use roomd_tls::Trust;

/// How a client behaves. `Options::default()` is a guest that reconnects forever.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The user's name, 1–32 characters; `None` is a guest, whose name the server chooses and the client
    /// then keeps.
    pub user: Option<String>,
    /// Whose certificates to trust, for an address with `wss` or `https`.
    pub trust: Trust,
    /// The token that proves who the user is; the server then takes the name from it. See
    /// [`super::claim_name`].
    pub token: Option<Secret>,
    /// What this device is called in the list of the user's devices, at most 64 bytes; `None`: it has no name there.
    pub device_label: Option<String>,
    /// How many of the newest messages the first join of a room replays, 0–200.
    pub history: usize,
    /// Whether to be told, in a room that is too large for receipts, how many users have received and read the client's
    /// messages: as [`super::Event::Other`] of the type `receipt_counts`.
    pub receipt_counts: bool,
    /// The delay before the first attempt to reconnect; it doubles with each attempt, and up to half of it
    /// is random.
    pub retry_min: Duration,
    /// The longest such delay, unless the server requests a longer one.
    pub retry_max: Duration,
    /// After how long without a connection the client gives up; `None` is never.
    pub retry_for: Option<Duration>,
    /// How long connecting to one address, and each read of the handshake, may take.
    pub connect_timeout: Duration,
    /// How long a write may block; after that the connection counts as lost.
    pub write_timeout: Duration,
    /// After how long without a frame from the server the client sends a ping.
    pub ping_after: Duration,
    /// How long the server may take to answer it; after that the connection counts as lost.
    pub pong_timeout: Duration,
    /// Requests without a response, at most; a further one is [`super::Error::Full`].
    pub pending_max: usize,
    /// Events that the program has not received, at most; beyond it the oldest are dropped, and
    /// [`super::Event::Dropped`] counts them. Responses are not dropped.
    pub events_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            user: None,
            trust: Trust::System,
            token: None,
            device_label: None,
            history: 20,
            receipt_counts: false,
            retry_min: Duration::from_millis(500),
            retry_max: Duration::from_secs(30),
            retry_for: None,
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            ping_after: Duration::from_secs(30),
            pong_timeout: Duration::from_secs(15),
            pending_max: 1024,
            events_max: 16 * 1024,
        }
    }
}

impl Options {
    /// The default options for the user of this name.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self { user: Some(name.to_owned()), ..Self::default() }
    }
}
