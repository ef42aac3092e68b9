//! A conversation in plain lines over TCP, on a thread of the pool: the client's reader.
//!
//! A line ends with LF or CR LF. One that is too long, or not UTF-8, is answered with an error and
//! the connection goes on with the next.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::incoming::ServerContext;
use super::remote_address::RemoteAddress;
use super::tcp::Tcp;
use crate::chat::{Code, End, Identity, JoinOptions, Refusal, RoomName};
use crate::engine::clients::connection::{Connection, ConnectionOptions};
use crate::engine::clients::outbox::{Outbox, Transport};
use crate::engine::clients::writer;
use crate::wire::{Encoding, Unparsed, text};
use roomd_protocol::JOIN_HISTORY_DEFAULT;

/// The room in which a line client starts.
const FIRST_ROOM: &str = "lobby";

/// Serves a line client to its end. The body of a job of the pool.
pub fn serve(context: &Arc<ServerContext>, socket: &Arc<Tcp>, remote: &RemoteAddress) {
    let outbox = Outbox::new(Arc::clone(socket) as Arc<dyn Transport>, &context.settings.limits, None);
    let writing = Arc::clone(&outbox);
    if let Err(error) = context.engine.threads.spawn("writer", move || writer::run(writing)) {
        log::warn!(error:% = error; "no thread for a connection");
        // The client may be gone; then nobody needs the answer.
        _ = socket.write_all(b"Error: The server cannot serve a further connection now\n");
        return;
    }
    let address = remote.address(context);
    let door =
        ConnectionOptions { encoding: Encoding::TextLines, echo: false, join_history: JOIN_HISTORY_DEFAULT, address };
    let who = Identity::guest(context.engine.guest());
    let mut connection = Connection::open(&context.engine, outbox, door, who);
    if !context.engine.auth.admits_guests() {
        connection.require_auth();
    }
    let room = RoomName::parse(FIRST_ROOM).expect("a plain word is a name");
    let begun = connection.ended().or_else(|| connection.begin(room, JoinOptions::default()));
    let end = begun.unwrap_or_else(|| converse(&mut connection, socket, context.settings.limits.line_bytes));
    connection.close(context.engine.reason(end));
    socket.drain(Duration::from_secs(1));
}

fn converse(connection: &mut Connection, socket: &Tcp, bytes_max: usize) -> End {
    let mut lines = Lines::new(bytes_max);
    let mut buffer = vec![0; 4096];
    let mut begun = false;
    loop {
        let count = match socket.read(&mut buffer) {
            Ok(0) => return lines.rest().and_then(|line| handle(connection, line)).unwrap_or(End::Left),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return End::Silent,
            Err(_) => return End::Gone,
        };
        let mut bytes = &buffer[..count];
        while let Some(line) = lines.next(&mut bytes) {
            if !std::mem::replace(&mut begun, true) && line.as_ref().is_ok_and(|line| is_http(line)) {
                let refusal = Refusal::new(Code::BadRequest, "This port speaks lines, not HTTP");
                return handle(connection, Err(refusal)).unwrap_or(End::Protocol);
            }
            // What comes after the end is not heard.
            if let Some(end) = connection.ended().or_else(|| handle(connection, line)) {
                return end;
            }
        }
    }
}

fn handle(connection: &mut Connection, line: Result<String, Refusal>) -> Option<End> {
    let request = match line {
        Ok(line) => text::parse(&line),
        Err(refusal) => Err(Unparsed { id: None, refusal }),
    };
    connection.handle(request.transpose()?)
}

/// Whether a first line is a browser's, which somebody's page sends here: the lines of its body would
/// pass for what its user says.
fn is_http(line: &str) -> bool {
    line.trim_end().rsplit_once(' ').is_some_and(|(_, version)| version.starts_with("HTTP/"))
}

/// Cuts a stream of bytes into lines.
pub struct Lines {
    line: Vec<u8>,
    /// The line has been too long: what follows of it is skipped.
    skipping: bool,
    bytes_max: usize,
}

impl Lines {
    /// Lines of at most `bytes_max` bytes, without their ends.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { line: Vec::new(), skipping: false, bytes_max }
    }

    /// Takes bytes off the front of `bytes` up to the end of a line, which is returned without it;
    /// `None` when all are taken and the line goes on.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<Result<String, Refusal>> {
        loop {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            *bytes = rest.get(1..).unwrap_or_default();
            let was_skipping = self.skipping;
            if !self.skipping {
                self.line.extend_from_slice(part);
                // The CR of a CR LF does not count.
                self.skipping = self.line.len() > self.bytes_max + 1
                    || (self.line.len() > self.bytes_max && self.line.last() != Some(&b'\r'));
            }
            let too_long = self.skipping && !was_skipping;
            if end.is_some() {
                self.skipping = false;
            }
            if too_long {
                self.line = Vec::new();
                let message = format!("A line may have {} bytes", self.bytes_max);
                return Some(Err(Refusal::new(Code::TooLarge, message)));
            }
            end?;
            if !was_skipping {
                return Some(text(std::mem::take(&mut self.line)));
            }
        }
    }

    /// What is left when the stream ends without the end of a line.
    pub fn rest(&mut self) -> Option<Result<String, Refusal>> {
        (!self.line.is_empty()).then(|| text(std::mem::take(&mut self.line)))
    }
}

fn text(line: Vec<u8>) -> Result<String, Refusal> {
    String::from_utf8(line).map_err(|_| Refusal::new(Code::BadRequest, "A line must be UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes_max: usize, chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::new(bytes_max);
        let mut all = Vec::new();
        for chunk in chunks {
            let mut bytes = *chunk;
            while let Some(line) = lines.next(&mut bytes) {
                all.push(line.unwrap_or_else(|refusal| format!("Error: {refusal}")));
            }
        }
        all.extend(lines.rest().map(|line| line.unwrap_or_else(|refusal| format!("Error: {refusal}"))));
        all
    }

    #[test]
    fn lines_do_not_depend_on_how_they_arrive() {
        let whole: &[u8] = b"one\ntwo\r\n\nthree";
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(lines(9, &[whole]), ["one", "two\r", "", "three"]);
        assert_eq!(lines(9, &bytes), lines(9, &[whole]));
    }

    #[test]
    fn a_line_that_is_too_long_is_one_error_and_the_next_is_heard() {
        let whole: &[u8] = b"12345\n123456789\n1234\r\n12345\r\n123456\r\nok\n";
        let expected = [
            "Error: A line may have 4 bytes",
            "Error: A line may have 4 bytes",
            "1234\r",
            "Error: A line may have 4 bytes",
            "Error: A line may have 4 bytes",
            "ok",
        ];
        assert_eq!(lines(4, &[whole]), expected);
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(lines(4, &bytes), expected);
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_an_error() {
        assert_eq!(lines(9, &[b"\xff\xfe\nok\n"]), ["Error: A line must be UTF-8", "ok"]);
    }
}
