//! A WebSocket after its handshake: arbitrary frames, what is heard in them, and what goes back.
//!
//! Exercises `net::reader::WebSocketReader` whole, with a real `Tcp` and a real `Outbox` over a transport in
//! memory: tungstenite's reading, our ends, pongs and closes. The bytes come once behind the head,
//! and where the first two bytes of the input name a place to cut, once more with the rest through a
//! loopback socket; both must read the same. Each text is heard in both dialects by a `World`, and each
//! binary frame in JSON.

use std::io::{self, IoSlice, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use roomd::chat::{End, Limits};
use roomd::engine::clients::outbox::{Outbox, Transport};
use roomd::net::conversation::Reader;
use roomd::net::reader::{Received, WebSocketReader};
use roomd::net::tcp::Tcp;
use roomd::wire::{Encoding, json, text};

use crate::printed::frames;
use crate::world::World;

/// Bytes of a message, at most: small, so that inputs reach it.
const BYTES_MAX: usize = 512;
/// Bytes that are read from the loopback socket at once: few, so that frames come in pieces.
const READ_BYTES: usize = 16;
const TIMEOUT: Duration = Duration::from_secs(5);

/// A socket whose client has sent its last byte.
static SILENT: LazyLock<(Arc<Tcp>, TcpStream)> = LazyLock::new(|| {
    let (ours, theirs) = pair();
    theirs.shutdown(Shutdown::Write).expect("a socket that is connected");
    (ours, theirs)
});

static LISTENER: LazyLock<TcpListener> =
    LazyLock::new(|| TcpListener::bind("127.0.0.1:0").expect("the machine has a free port"));

/// What was read, why no more, and what was written meanwhile.
#[derive(Debug, PartialEq)]
struct Heard {
    received: Vec<Result<String, Vec<u8>>>,
    end: End,
    written: Vec<u8>,
}

/// Feeds one input.
///
/// # Panics
/// When something does not hold that must.
pub fn run(input: &[u8]) {
    let [high, low, bytes @ ..] = input else { return };
    let heard = read(Arc::clone(&SILENT.0), bytes.to_vec(), 4096);
    let cut = usize::from(u16::from_be_bytes([*high, *low]));
    if let Some((tail, rest)) = bytes.split_at_checked(cut).filter(|_| cut > 0) {
        let (ours, theirs) = pair();
        (&theirs).write_all(rest).expect("loopback takes it");
        theirs.shutdown(Shutdown::Write).expect("a socket that is connected");
        assert_eq!(heard, read(ours, tail.to_vec(), READ_BYTES), "cut after {cut} bytes");
        // A reset, so that thousands of rounds do not use up the machine's ports.
        rustix::net::sockopt::set_socket_linger(&theirs, Some(Duration::ZERO)).expect("a socket");
    }
    only_control(&heard.written);
    let (mut json, mut text) = (World::new(Encoding::Json), World::new(Encoding::TextFrames));
    for request in &heard.received {
        let request = match request {
            Ok(request) => request,
            Err(frame) => {
                json.handle(Encoding::BinaryJson.parse_binary(frame).expect("it has binary frames"));
                continue;
            }
        };
        assert!(request.len() <= BYTES_MAX);
        json.handle(json::parse(request));
        if let Some(request) = text::parse(request).transpose() {
            text.handle(request);
        }
    }
}

fn read(socket: Arc<Tcp>, tail: Vec<u8>, read_bytes: usize) -> Heard {
    let memory = Arc::new(InMemory::default());
    let outbox = Outbox::new(&Arc::default(), Arc::clone(&memory) as Arc<dyn Transport>, &Limits::default(), None);
    let mut reader = WebSocketReader::new(socket, Arc::clone(&outbox), tail, read_bytes, BYTES_MAX);
    let mut received = Vec::new();
    let end = loop {
        match reader.receive() {
            Ok(Received::Text(text)) => received.push(Ok(text.as_str().to_owned())),
            Ok(Received::Binary(bytes)) => received.push(Err(bytes.to_vec())),
            Err(end) => break end,
        }
    };
    let written = std::mem::take(&mut *memory.0.lock().unwrap_or_else(PoisonError::into_inner));
    let closed = frames(&written).iter().any(|(opcode, _)| *opcode == 8);
    assert_eq!(closed, outbox.ended().is_some(), "a close that is answered ends the outbox");
    Heard { received, end, written }
}

/// The reader writes pongs, and a close as the last (RFC 6455 §5.5).
fn only_control(written: &[u8]) {
    let frames = frames(written);
    for (i, (opcode, payload)) in frames.iter().enumerate() {
        assert!(matches!(opcode, 8 | 10) && payload.len() <= 125, "{opcode} {payload:?}");
        assert!(*opcode == 10 || i + 1 == frames.len(), "nothing follows a close");
        if let (8, [high, low, reason @ ..]) = (opcode, payload) {
            let code = u16::from_be_bytes([*high, *low]);
            let sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            assert!(sent && std::str::from_utf8(reason).is_ok(), "close {code} {reason:?}");
        }
    }
}

fn pair() -> (Arc<Tcp>, TcpStream) {
    let address = LISTENER.local_addr().expect("a listener has an address");
    let theirs = TcpStream::connect(address).expect("loopback connects");
    let (ours, _) = LISTENER.accept().expect("loopback connects");
    let ours = Tcp::new(ours, TIMEOUT, TIMEOUT).expect("a socket that is connected");
    ours.set_read_timeout(TIMEOUT).expect("a socket that is connected");
    (Arc::new(ours), theirs)
}

/// A socket's writing side that takes everything.
#[derive(Default)]
struct InMemory(Mutex<Vec<u8>>);

impl Transport for InMemory {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(parts)
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn shutdown(&self, _: Shutdown) {}
}
