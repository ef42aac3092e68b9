//! Admission when a thread fails to start: over real sockets, but without listeners, so that the test decides when
//! each thread is started.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;
use roomd::Settings;
use roomd::chat::{Limits, Refusal};
use roomd::engine::base::threads::{Threads, start};
use roomd::engine::clients::outbox::Transport;
use roomd::engine::guards::admission::{Admission, Incoming};
use roomd::net::context;
use roomd::net::incoming::IncomingConnection;
use roomd::net::listeners::{self, Listener};
use roomd::sync::ArcCell;

use crate::fault::{Fault, at_every_use};
use crate::server::{DEADLINE, Faults, TestServer, nothing_is_left, until};
use crate::wire::Wire;

/// A server whose connections are accepted by hand.
struct Doors {
    server: TestServer,
    served: Arc<context::ServerContext>,
    /// What was answered with a refusal.
    refused: usize,
}

impl Doors {
    /// `None` when the thread of the queue fails to start.
    fn open(fault: &Arc<Fault>) -> Option<Self> {
        let server = TestServer::new(&Faults { thread: Arc::clone(fault), ..Faults::none() });
        let engine = Arc::clone(&server.engine);
        match Admission::open(&engine.threads, &engine.limits.load(), 8) {
            Ok(admission) => {
                let settings = Arc::new(ArcCell::new(Settings::default()));
                let registering = Default::default();
                let served = Arc::new(context::ServerContext {
                    engine,
                    admission,
                    settings,
                    registering,
                    certificate: None,
                    logins: Default::default(),
                    has_ignored_user: Default::default(),
                });
                Some(Self { server, served, refused: 0 })
            }
            Err(_) => {
                drop(engine);
                server.close(&[]);
                None
            }
        }
    }

    /// A client that has connected to this listener.
    fn connect(&self, kind: &'static Listener) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        let mut connection = IncomingConnection::new(kind, &self.served, accepted, peer.ip()).unwrap();
        assert_eq!(connection.count(), Ok(()));
        self.served.admission.admit(connection);
        stream
    }

    /// Sends a request until it is not refused for lack of a thread; the first line of the response.
    fn http(&mut self, request: &str) -> (String, TcpStream) {
        loop {
            let mut stream = self.connect(&listeners::HTTP);
            stream.write_all(request.as_bytes()).unwrap();
            let head = head(&mut stream);
            let line = head.lines().next().unwrap_or_default().to_owned();
            if !line.contains(" 503 ") {
                return (line, stream);
            }
            self.refused += 1;
        }
    }

    /// Connects by the line protocol until it is in the lobby.
    fn line(&mut self) -> TcpStream {
        loop {
            let mut stream = self.connect(&listeners::LINES);
            let mut line = line(&mut stream);
            if line.starts_with("* You are ") {
                stream.write_all(b"/join lobby\n").unwrap();
                line = self::line(&mut stream);
            }
            if line.starts_with("Error: The server cannot open a further room") {
                self.refused += 1;
                stream.write_all(b"/join lobby\n").unwrap();
                line = self::line(&mut stream);
            }
            if line.ends_with(" joined the room") {
                return stream;
            }
            assert!(line.starts_with("Error: The server "), "{line}");
            assert_eq!(stream.read(&mut [0]).unwrap(), 0, "a refused connection is closed");
            self.refused += 1;
        }
    }

    /// As when the server stops; nothing is left.
    fn close(self) -> usize {
        self.served.engine.close();
        self.served.admission.close();
        self.served.admission.shutdown_connections(Shutdown::Read);
        nothing_is_left(&self.served.engine.threads);
        assert_eq!((self.served.admission.served(), self.served.admission.waiting()), (0, 0));
        drop(self.served);
        self.server.close(&[]);
        self.refused
    }
}

/// Up to the empty line behind a head.
fn head(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\n\n") {
        let line = line(stream);
        head.push_str(line.trim_end_matches('\r'));
        head.push('\n');
    }
    head
}

/// The next line; byte by byte, so that nothing behind it is taken.
fn line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).unwrap() > 0 && byte != *b"\n" {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

const UPGRADE: &str = "GET /ws?room=den&user=Ann HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn publish(room: &str) -> String {
    let body = r#"{"message":"hi"}"#;
    format!(
        "POST /api/v1/rooms/{room}/messages HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_connection_without_a_thread_is_refused_and_its_client_can_try_again() {
    at_every_use(|fault| {
        let Some(mut doors) = Doors::open(fault) else { return };
        let _lobby = doors.line();
        let (ready, _) = doors.http("GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert!(ready.contains(" 200 "), "{ready}");
        let (created, _) = doors.http(&publish("den"));
        assert!(created.contains(" 201 "), "{created}");
        let (upgraded, mut den) = doors.http(UPGRADE);
        assert!(upgraded.contains(" 101 "), "{upgraded}");
        // An error, if the room could not be opened, or the news of one's own coming.
        let mut frame = [0; 2];
        den.read_exact(&mut frame).unwrap();
        let mut text = vec![0; usize::from(frame[1])];
        den.read_exact(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let refused = usize::from(text.starts_with("Error: "));
        assert!(refused == 1 || text == "Ann joined the room", "{text}");
        let others = doors.close();
        assert_eq!(others + refused, usize::from(fault.has_struck()), "each missing thread is told of once");
    });
}

/// A connection that records what happens to it.
struct Note {
    name: usize,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Note {
    fn note(&self, what: &str) {
        self.notes.lock().push(format!("{} {what}", self.name));
    }
}

impl Incoming for Note {
    fn notify_position(&self, ahead: usize) {
        self.note(&format!("waits behind {ahead}"));
    }

    fn reject(&self, _: &Refusal) {
        self.note("is rejected");
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Wire::good()
    }

    fn serve(self: Box<Self>) {
        self.note("is served");
    }
}

/// Admits connections, of which one is served at a time. When all have come, the threads of the first `missing` fail to
/// start. What happened to each.
fn call_without_threads(callers: usize, missing: usize) -> Vec<String> {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let note = |name| Box::new(Note { name, notes: Arc::clone(&notes) }) as Box<dyn Incoming>;
    let others: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new((2..=callers).map(note).collect()));
    let way: Arc<Mutex<Option<Arc<Admission>>>> = Arc::default();
    let (coming, entrance, left) = (Arc::clone(&others), Arc::clone(&way), Mutex::new(missing));
    let threads = Threads::started_by(Box::new(move |name, body| {
        let Some(admission) = entrance.lock().clone() else { return start(name, body) };
        let others = std::mem::take(&mut *coming.lock());
        others.into_iter().for_each(|caller| admission.admit(caller));
        let mut left = left.lock();
        if *left == 0 {
            drop(left);
            return start(name, body);
        }
        *left -= 1;
        Err(std::io::ErrorKind::WouldBlock.into())
    }));
    let admission = Admission::open(&threads, &Limits::default(), 1).unwrap();
    *way.lock() = Some(Arc::clone(&admission));
    admission.admit(note(1));
    way.lock().take();
    until("nobody is served", || admission.served() + admission.waiting() == 0);
    admission.close();
    nothing_is_left(&threads);
    notes.lock().clone()
}

#[test]
fn a_waiting_connection_takes_the_turn_of_one_without_a_thread() {
    let notes = call_without_threads(3, 1);
    let fates: Vec<_> = notes.iter().filter(|note| !note.contains("waits")).collect();
    assert_eq!(fates, ["1 is rejected", "2 is served", "3 is served"]);
}

#[test]
fn without_any_thread_all_waiting_connections_are_rejected_and_the_next_is_served() {
    let notes = call_without_threads(4, 3);
    let fates: Vec<_> = notes.iter().filter(|note| !note.contains("waits")).collect();
    assert_eq!(fates, ["1 is rejected", "2 is rejected", "3 is rejected", "4 is served"]);
}

#[test]
fn a_full_queue_that_is_rejected_at_once_fits_on_the_stack_of_a_thread() {
    let callers = Limits::default().waiting_max;
    let (done, notes) = crossbeam_channel::bounded(1);
    let threads = Threads::new();
    threads.spawn("accept", move || done.send(call_without_threads(callers, callers)).unwrap()).unwrap();
    let notes = notes.recv_timeout(DEADLINE).unwrap();
    assert_eq!(notes.iter().filter(|note| note.ends_with("is rejected")).count(), callers);
    nothing_is_left(&threads);
}
