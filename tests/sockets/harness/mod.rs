//! The server under test, and the clients that talk to it.
//!
//! A `TestServer` that is dropped waits until its clients' sessions are over, stops, and asserts what
//! holds at the end of every server. Clients are declared after it, so they are dropped first.

pub mod address;
#[cfg(all(feature = "jwt", feature = "postgres"))]
pub mod bus;
#[cfg(feature = "jwt")]
pub mod events;
pub mod failing;
pub mod fixed_page;
pub mod http;
pub mod irc;
#[cfg(feature = "jwt")]
pub mod issuer;
pub mod line;
#[cfg(feature = "sqlite")]
pub mod place;
#[cfg(all(feature = "jwt", feature = "postgres"))]
pub mod postgres;
pub mod stream;
pub mod websocket;

use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use roomd::engine::Engine;
use roomd::store::Store;
use roomd::{Report, Server, Settings};
use roomd_tls::{Application, Dialer};

#[cfg(feature = "jwt")]
pub use events::EventClient;
pub use failing::Failing;
pub use http::{Answer, Http};
pub use irc::IrcClient;
pub use line::LineClient;
pub use stream::Stream;
pub use websocket::WebSocketClient;

/// The deadline of every wait.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A server that is checked when it stops.
pub struct TestServer {
    server: Option<Server>,
    /// Makes the handshakes of its clients, if it speaks TLS.
    pub dialer: Option<Dialer>,
    /// Rooms that were created, and outlive their members.
    pub created: usize,
    /// Panics that the test itself causes.
    pub panics: u64,
}

impl TestServer {
    /// A server without a rate limit, which keeps no session whose connection is lost; otherwise the default.
    pub fn start() -> Self {
        Self::with(|_| ())
    }

    /// The same, with other settings.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings();
        change(&mut settings);
        Self::of(Server::start(settings, |error| panic!("a listener failed: {error}")).unwrap())
    }

    /// A server that keeps its messages in this store.
    pub fn on(store: Arc<dyn Store>) -> Self {
        Self::on_with(store, |_| ())
    }

    /// The same, with other settings.
    pub fn on_with(store: Arc<dyn Store>, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings();
        change(&mut settings);
        Self::of(Server::start_with(settings, store, |error| panic!("a listener failed: {error}")).unwrap())
    }

    fn of(server: Server) -> Self {
        Self { server: Some(server), dialer: None, created: 0, panics: 0 }
    }

    /// The server itself.
    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// The engine, which its connections share.
    pub fn engine(&self) -> &Arc<Engine> {
        self.server().engine()
    }

    /// A connection to the HTTP port.
    pub fn http(&self) -> Stream {
        self.stream(self.http_socket(), Application::Http)
    }

    /// A connection to the line port.
    pub fn lines(&self) -> Stream {
        self.stream(self.lines_socket(), Application::Lines)
    }

    /// A connection to the HTTP port without TLS, even if the server speaks it.
    pub fn http_socket(&self) -> TcpStream {
        connected(TcpStream::connect(self.server().http_address()).unwrap())
    }

    /// The same to the line port.
    pub fn lines_socket(&self) -> TcpStream {
        connected(TcpStream::connect(self.server().lines_address().unwrap()).unwrap())
    }

    /// A stream over a socket, with TLS if the server speaks it.
    pub fn stream(&self, socket: TcpStream, application: Application) -> Stream {
        match &self.dialer {
            Some(dialer) => Stream::sealed(socket, dialer, application),
            None => socket.into(),
        }
    }

    /// Stops it with its clients connected.
    pub fn stop(mut self) -> Report {
        end(self.server.take().unwrap(), self.panics)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let Some(server) = self.server.take() else { return };
        if thread::panicking() {
            // The test's own failure matters; its clients may still be connected.
            _ = server.stop();
            return;
        }
        until("all sessions are over", || server.connections() == 0);
        // A detached session keeps its rooms until the stop.
        let engine = server.engine();
        until("all rooms are gone", || engine.hub.len() == self.created || engine.sessions.detached() > 0);
        _ = end(server, self.panics);
    }
}

fn settings() -> Settings {
    let data = ":memory:".to_owned();
    let mut settings = Settings { listen: free(), lines: Some(free()), data, ..Settings::default() };
    settings.limits.rate_per_s = 0;
    settings.limits.grace = Duration::ZERO;
    settings
}

/// An address with a free port.
pub fn free() -> String {
    "127.0.0.1:0".to_owned()
}

/// Waits for a condition that no message announces.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !happened() {
        assert!(Instant::now() < deadline, "not within the deadline: {what}");
        thread::yield_now();
    }
}

/// A socket on which no call blocks for longer than the deadline.
pub fn connected(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn end(server: Server, panics: u64) -> Report {
    let engine = Arc::clone(server.engine());
    let report = server.stop();
    assert_eq!(report.running, [""; 0], "threads were left running");
    assert_eq!(engine.threads.live(), 0);
    assert_eq!(report.panics, panics, "threads panicked");
    assert!(engine.hub.is_empty(), "rooms were left: {:?}", engine.hub.list());
    assert!(
        report.deliveries.balance() && report.deliveries.pending == 0,
        "books do not balance: {}",
        report.deliveries
    );
    report
}
