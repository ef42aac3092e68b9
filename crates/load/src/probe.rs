//! A probe: the latency of a room that the load does not touch, and how long newcomers take to join it.
//!
//! On a thread of its own, with sockets that block, so that it measures the server and not the generator. A query is a
//! message that it publishes and receives, a few times a second; now and then it connects as a new client. It ends when
//! its handle is dropped or stopped.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;
use tungstenite::{Message, WebSocket};

use crate::latency::Latency;
use crate::latency::histogram;
use crate::plan::Plan;
use crate::server_event::{self, ServerEvent};
use roomd_tls::{Dialer, Stream};

const ROOM: &str = "load-untouched";
/// Five messages a second are within the rate limit of a server's defaults.
const INTERVAL: Duration = Duration::from_millis(200);
/// A newcomer connects with one query in so many.
const NEWCOMER_EVERY: u64 = 5;
/// An answer that takes longer does not count.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// What the probe found.
#[derive(Debug, Serialize)]
pub struct ProbeReport {
    pub limit_ms: f64,
    /// Whether every query was answered, 99 of 100 within the limit, and every newcomer could join.
    pub kept: bool,
    pub asked: u64,
    pub answered: u64,
    pub latency: Latency,
    pub newcomers: u64,
    pub newcomers_in: u64,
    /// From connecting to being a member.
    pub arrival: Latency,
}

/// The handle of the probe's thread.
pub struct Probe {
    thread: JoinHandle<ProbeReport>,
    /// The thread ends when this is dropped.
    _alive: Sender<()>,
}

impl Probe {
    /// Begins to query.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn start(server: SocketAddr, dialer: Option<Dialer>, plan: &Plan) -> io::Result<Self> {
        let (alive, inbox) = channel();
        let limit = plan.probe;
        let prober = Prober::new(server, dialer, plan);
        let thread = Builder::new().name("probe".to_owned()).spawn(move || prober.run(&inbox, limit))?;
        Ok(Self { thread, _alive: alive })
    }

    /// Ends the probe; what it found. Blocks until the last query is answered, or its time is over.
    #[must_use]
    pub fn stop(self) -> ProbeReport {
        drop(self._alive);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

struct Prober {
    server: SocketAddr,
    dialer: Option<Dialer>,
    /// The `Host` of requests, and the name in the certificate.
    host: String,
    name: String,
    /// The member that queries; `None` when its connection broke.
    member: Option<WebSocket<Stream>>,
    asked: u64,
    latency: Histogram<u64>,
    newcomers: u64,
    arrival: Histogram<u64>,
}

impl Prober {
    fn new(server: SocketAddr, dialer: Option<Dialer>, plan: &Plan) -> Self {
        let (latency, arrival) = (histogram(), histogram());
        let (host, name) = (plan.server.clone(), plan.host().to_owned());
        Self { server, dialer, host, name, member: None, asked: 0, latency, newcomers: 0, arrival }
    }

    fn run(mut self, inbox: &Receiver<()>, limit: Duration) -> ProbeReport {
        while inbox.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if self.asked.is_multiple_of(NEWCOMER_EVERY) {
                self.newcomers += 1;
                let began = Instant::now();
                if self.join().is_ok() {
                    record(&mut self.arrival, began.elapsed());
                }
            }
            self.asked += 1;
            let began = Instant::now();
            match self.query() {
                Ok(()) => record(&mut self.latency, began.elapsed()),
                Err(_) => self.member = None,
            }
        }
        let latency = Latency::of(&self.latency);
        let (answered, newcomers_in) = (self.latency.len(), self.arrival.len());
        let limit_ms = limit.as_secs_f64() * 1e3;
        ProbeReport {
            limit_ms,
            kept: latency.p99_ms <= limit_ms && answered == self.asked && newcomers_in == self.newcomers,
            asked: self.asked,
            answered,
            latency,
            newcomers: self.newcomers,
            newcomers_in,
            arrival: Latency::of(&self.arrival),
        }
    }

    /// Connects, and waits until it is a member.
    fn join(&self) -> Result<WebSocket<Stream>, NoAnswer> {
        let stream = TcpStream::connect_timeout(&self.server, ANSWER_LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        let deadline = Instant::now() + ANSWER_LIMIT;
        let stream = Stream::begin(stream, self.dialer.as_ref(), &self.name, deadline)?;
        let request = format!("ws://{}/ws?room={ROOM}&user=load-probe&format=json&history=0", self.host);
        let (mut socket, _) = tungstenite::client(request, stream).map_err(|_| NoAnswer)?;
        wait(&mut socket, |event| matches!(event, ServerEvent::Joined { .. }))?;
        Ok(socket)
    }

    /// Publishes a message, and waits until it is delivered.
    fn query(&mut self) -> Result<(), NoAnswer> {
        let mut socket = match self.member.take() {
            Some(socket) => socket,
            None => self.join()?,
        };
        let query = format!("query {}", self.asked);
        let message = serde_json::json!({"type": "message", "room": ROOM, "message": query});
        socket.send(Message::text(message.to_string())).map_err(|_| NoAnswer)?;
        wait(&mut socket, |event| matches!(event, ServerEvent::Message { text, .. } if **text == *query))?;
        self.member = Some(socket);
        Ok(())
    }
}

/// There was no answer, for any reason.
struct NoAnswer;

impl From<io::Error> for NoAnswer {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// Reads until the `wanted` event arrives, or the time is over.
fn wait(socket: &mut WebSocket<Stream>, wanted: impl Fn(&ServerEvent<'_>) -> bool) -> Result<(), NoAnswer> {
    let deadline = Instant::now() + ANSWER_LIMIT;
    while Instant::now() < deadline {
        if let Message::Text(text) = socket.read().map_err(|_| NoAnswer)?
            && server_event::parse_json(text.as_bytes()).is_some_and(|event| wanted(&event))
        {
            return Ok(());
        }
    }
    Err(NoAnswer)
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}
