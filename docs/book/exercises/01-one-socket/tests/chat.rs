//! A line reaches everybody, and one without an end disconnects its client alone.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use one_socket::{LINE_MAX, serve};

/// How long the tests wait for something that has to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts a server on a free port.
fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(&listener));
    address
}

struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Client {
    /// Connects, and waits until the server knows this client: what it says comes back to itself, too.
    fn connect(address: SocketAddr, name: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut client = Self { stream, lines };
        client.send(&format!("{name} is here\n"));
        assert_eq!(client.line(), format!("{name} is here\n"));
        client
    }

    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The next line that comes.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line comes in time");
        line
    }

    /// Whether the server ends the connection in time, without a further line.
    fn is_disconnected(&mut self) -> bool {
        match self.lines.read(&mut [0]) {
            Ok(count) => count == 0,
            // The server may end it with a reset, where it has not read all that was sent.
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

#[test]
fn a_line_reaches_everybody() {
    let server = start();
    let mut ann = Client::connect(server, "Ann");
    let mut bob = Client::connect(server, "Bob");
    assert_eq!(ann.line(), "Bob is here\n");

    ann.send("hello\n");
    assert_eq!(bob.line(), "hello\n");
    assert_eq!(ann.line(), "hello\n");
}

#[test]
fn the_longest_line_reaches_everybody() {
    let server = start();
    let mut ann = Client::connect(server, "Ann");
    let longest = format!("{}\n", "a".repeat(LINE_MAX - 1));
    ann.send(&longest);
    assert_eq!(ann.line(), longest);
    ann.send("and another\n");
    assert_eq!(ann.line(), "and another\n");
}

#[test]
fn a_client_whose_line_does_not_end_is_disconnected_and_the_others_go_on() {
    let server = start();
    let mut ann = Client::connect(server, "Ann");
    let mut eve = Client::connect(server, "Eve");
    assert_eq!(ann.line(), "Eve is here\n");

    eve.send(&"e".repeat(LINE_MAX + 1));
    assert!(eve.is_disconnected(), "the server waits for the end of a line that is too long already");

    ann.send("hello\n");
    assert_eq!(ann.line(), "hello\n");
}
