//! The server, the proxy before it, and what clients are asked to wait for.

#[cfg(feature = "chat")]
pub mod home;
pub mod proxy;
#[cfg(feature = "chat")]
pub mod terminal;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use roomd::{Server, Settings};
use roomd_client::{Client, Event, Message, Options};

pub use proxy::{Cut, Proxy};

/// How long anything that must happen may take.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A server that is checked at its end.
pub struct TestServer(Option<Server>);

impl TestServer {
    /// A server without a rate limit; all else as it comes.
    pub fn start() -> Self {
        Self::with(|_| ())
    }

    /// The same, with other settings.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::ephemeral();
        change(&mut settings);
        Self(Some(Server::start(settings, |error| panic!("a listener failed: {error}")).unwrap()))
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.0.as_ref().unwrap().http_address()
    }

    /// Where its figures are.
    #[cfg(all(feature = "chat", feature = "jwt", feature = "sqlite"))]
    pub fn metrics(&self) -> SocketAddr {
        self.0.as_ref().unwrap().metrics_address().unwrap()
    }

    /// What is behind it.
    pub fn engine(&self) -> &Arc<roomd::engine::Engine> {
        self.0.as_ref().unwrap().engine()
    }

    /// Its address for clients.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let engine = Arc::clone(self.engine());
        let server = self.0.take().unwrap();
        let report = server.stop();
        if !std::thread::panicking() {
            assert_eq!(report.running, [""; 0], "threads were left running");
            assert_eq!(report.panics, 0, "threads panicked");
            assert!(engine.hub.is_empty(), "rooms were left: {:?}", engine.hub.list());
        }
    }
}

/// Choices of a client that comes back at once.
pub fn quick(user: &str) -> Options {
    let (retry_min, retry_max) = (Duration::from_millis(1), Duration::from_millis(20));
    Options { retry_min, retry_max, ..Options::user(user) }
}

/// The program under test, which keeps nothing.
#[cfg(feature = "chat")]
pub fn roomd() -> std::process::Command {
    let mut command = std::process::Command::new("env");
    // The program leaves a signal ignored that is ignored here, as under nohup; the tests send these.
    command.args(["--default-signal=HUP,INT", env!("CARGO_BIN_EXE_roomd")]);
    // Nothing is claimed unless a test wants it: ports come again, and names with them.
    command.env("ROOMD_NO_CLAIM", "true").env_remove("ROOMD_TOKEN_FILE");
    command.env_remove("NO_COLOR").env_remove("RUST_LOG").env("TERM", "xterm");
    command.env_remove("XDG_STATE_HOME").env_remove("HOME");
    command
}

/// A client that is in a room.
pub fn in_room(url: &str, user: &str, room: &str) -> Client {
    let mut client = Client::connect(url, quick(user)).unwrap();
    client.join(room).unwrap();
    client
}

/// The next event.
pub fn next(client: &mut Client) -> Event {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(event) = client.receive(until.saturating_duration_since(Instant::now())).unwrap() {
            return event;
        }
        assert!(Instant::now() < until, "{} has heard nothing within the deadline", client.user());
    }
}

/// The next event of which something is wanted; what comes before it is passed over.
pub fn wait_for<T>(client: &mut Client, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = wanted(next(client)) {
            return found;
        }
    }
}

/// The next message.
pub fn next_message(client: &mut Client) -> Message {
    wait_for(client, |event| match event {
        Event::Message(message) => Some(message),
        _ => None,
    })
}
