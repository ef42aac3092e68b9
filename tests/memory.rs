//! A server whose address space is limited, in a process of its own, and a client that reads nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The address space that the server may have, in KiB.
const LIMIT_KIB: usize = 240 * 1024;
const MESSAGE_BYTES: usize = 1024 * 1024;
/// More than the server could keep.
const MESSAGES: usize = LIMIT_KIB / 1024 * 5 / 4;
const DEADLINE: Duration = Duration::from_secs(120);

/// The server, which is killed if the test fails.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn where_memory_is_short_a_client_that_does_not_read_is_cut_and_the_server_goes_on() {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -v {LIMIT_KIB}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_roomd")]);
    shell.args(["serve", "--data=off", "--listen=127.0.0.1:0", "--lines=off", "--history=0", "--rate-per-s=0"]);
    // Nothing but the memory ends the client that does not read.
    shell.args(["--message-bytes=1MiB", "--outbox-messages=1000000", "--outbox-bytes=1GiB", "--outbox-total=1GiB"]);
    shell.args(["--write-timeout=1h", "--ping=1h", "--pong-timeout=2h", "--connections-max=16", "--rooms-max=8"]);
    // What is freed is given back, so that memory is enough again.
    shell.env("MALLOC_ARENA_MAX", "1").env("MALLOC_MMAP_THRESHOLD_", "65536").env("RUST_LOG", "warn");
    let mut server = Server(shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let mut output = BufReader::new(server.0.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
    let address = address.unwrap_or_else(|| panic!("{line:?}")).trim_end_matches('/').to_owned();

    let deaf = enter(&address, "Deaf");
    let mut anna = enter(&address, "Anna");
    let text = vec![b'x'; MESSAGE_BYTES - 64];
    for _ in 0..MESSAGES {
        publish(&mut anna, &text);
        read_frame_of(&mut anna, text.len());
    }
    // A newcomer is served again.
    drop(deaf);
    while !TcpStream::connect(&address).is_ok_and(is_ready) {}
    let pid = rustix::process::Pid::from_child(&server.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("memory is short, by the limit of address space"), "{log}");
}

/// A client of the text dialect, in a room.
fn enter(address: &str, user: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let request = format!(
        "GET /ws?user={user}&room=den&format=text HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let (mut byte, mut seen) = ([0], Vec::new());
    while !seen.ends_with(b" joined the room") {
        socket.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    socket
}

/// Sends a text that is masked with zeros (RFC 6455 §5.2).
fn publish(socket: &mut TcpStream, text: &[u8]) {
    let mut frame = vec![0x81, 0xFF];
    frame.extend_from_slice(&(text.len() as u64).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text);
    socket.write_all(&frame).unwrap();
}

/// Reads up to the end of a frame of at least so many bytes.
fn read_frame_of(socket: &mut TcpStream, bytes: usize) {
    loop {
        let mut head = [0; 2];
        socket.read_exact(&mut head).unwrap();
        let mut length = [0; 8];
        let more = match head[1] {
            126 => &mut length[6..],
            127 => &mut length[..],
            short => {
                length[7] = short;
                &mut length[..0]
            }
        };
        socket.read_exact(more).unwrap();
        let mut payload = vec![0; usize::try_from(u64::from_be_bytes(length)).unwrap()];
        socket.read_exact(&mut payload).unwrap();
        if payload.len() >= bytes {
            return;
        }
    }
}

fn is_ready(mut socket: TcpStream) -> bool {
    let mut response = String::new();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").is_ok()
        && socket.read_to_string(&mut response).is_ok()
        && response.starts_with("HTTP/1.1 200 ")
}
