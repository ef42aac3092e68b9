//! A conversation in plain lines over TCP: its requests are its lines.
//!
//! A line ends with LF or CR LF. One that is too long, or not UTF-8, is answered with an error, and
//! the connection goes on with the next. What only connects is announced to nobody: the client enters its room
//! with the first line that makes sense. On a thread of the pool.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::context::ServerContext;
use super::conversation::{ConversationStart, FirstRoom, Link, Reader, serve_conversation};
use super::remote_address::RemoteAddress;
use super::tcp::Tcp;
use super::telnet::Telnet;
use crate::chat::{Code, End, Identity, Refusal, Request, RoomName, Visibility};
use crate::engine::clients::connection::ConnectionOptions;
use crate::engine::clients::outbox::Outbox;
use crate::settings::Settings;
use crate::wire::{Encoding, Unparsed};
use roomd_protocol::JOIN_HISTORY_DEFAULT;

/// Bytes that are read at once.
const READ_BYTES: usize = 4096;
/// How a client begins that speaks TLS: a handshake record (RFC 8446 §5.1).
const TLS_HANDSHAKE: &[u8] = &[0x16, 0x03];

/// Serves a client of a protocol of lines to its end; its first line enters the room `first_room`.
///
/// # Panics
/// When `first_room` is not the name of a room.
pub fn serve(
    context: &Arc<ServerContext>,
    socket: &Arc<Tcp>,
    remote: RemoteAddress,
    encoding: Encoding,
    first_room: &str,
) {
    let address = remote.address(context);
    let visibility = Visibility::Announced;
    let options = ConnectionOptions { encoding, echo: false, visibility, join_history: JOIN_HISTORY_DEFAULT, address };
    let engine = &context.engine;
    let identity = engine.auth.admits_guests().then(|| Identity::guest(engine.guest()));
    let room = RoomName::parse(first_room).expect("the first room has the name of a room");
    let room = Some(FirstRoom::WithFirstRequest(room));
    let settings = context.settings.load();
    let limits = &settings.limits;
    let link = Link { context, socket, limits, read_timeout: None, greeting: greeting(&settings), refusal };
    let lines = Lines::new(limits.line_bytes);
    serve_conversation(link, ConversationStart { options, identity, room }, |outbox| LineReader {
        socket: Arc::clone(socket),
        outbox: Arc::clone(outbox),
        encoding,
        telnet: Telnet::default(),
        lines,
        buffer: vec![0; READ_BYTES + Telnet::SPARE],
        unread: 0..0,
        is_first: true,
        end: None,
    });
    // It counts among the connections of its address until it has ended.
    drop(remote);
}

/// The lines that say which server this is, if it has a name or a welcome.
fn greeting(settings: &Settings) -> Vec<u8> {
    let lines = settings.name.iter().chain(settings.welcome.iter()).flat_map(|text| text.lines());
    let clean = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>();
    lines.map(|line| format!("* {}\n", clean(line))).collect::<String>().into_bytes()
}

/// The last line for a client that is refused.
#[must_use]
pub fn refusal(refusal: &Refusal) -> Vec<u8> {
    format!("Error: {refusal}{}\n", when(refusal)).into_bytes()
}

/// When a client that is refused may try again, if that would help.
pub fn when(refusal: &Refusal) -> String {
    let wait = refusal.retry_after.map(|wait| wait.as_millis().div_ceil(1000).max(1));
    wait.map(|wait| format!(", try again in {wait} s")).unwrap_or_default()
}

/// Parses the lines of a socket.
struct LineReader {
    socket: Arc<Tcp>,
    /// Takes the answers to telnet's commands.
    outbox: Arc<Outbox>,
    encoding: Encoding,
    telnet: Telnet,
    lines: Lines,
    buffer: Vec<u8>,
    /// The part of the buffer that is yet to be cut into lines.
    unread: Range<usize>,
    /// No line was read yet.
    is_first: bool,
    /// What follows the last request.
    end: Option<End>,
}

impl Reader for LineReader {
    type Item = Result<Request, Unparsed>;

    fn receive(&mut self) -> Result<Self::Item, End> {
        loop {
            if let Some(end) = self.end {
                return Err(end);
            }
            while let Some(line) = self.next_line() {
                if std::mem::take(&mut self.is_first) && line.as_ref().is_ok_and(|line| is_http(line)) {
                    return Ok(self.refuse("This port speaks lines, not HTTP"));
                }
                if let Some(request) = self.parse(line) {
                    return Ok(request);
                }
            }
            match self.socket.read(&mut self.buffer[..READ_BYTES]) {
                Ok(count) if self.is_first && self.buffer[..count].starts_with(TLS_HANDSHAKE) => {
                    return Ok(self.refuse("This port speaks lines, not TLS"));
                }
                Ok(0) => {
                    self.end = Some(End::Left);
                    let rest = self.lines.rest();
                    if let Some(request) = rest.and_then(|line| self.parse(line)) {
                        return Ok(request);
                    }
                }
                Ok(count) => self.read_bytes(count),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(End::Silent),
                Err(_) => return Err(End::Gone),
            }
        }
    }
}

impl LineReader {
    /// Takes over the first bytes of the buffer, which were read.
    fn read_bytes(&mut self, count: usize) {
        let mut answers = Vec::new();
        self.unread = 0..self.telnet.take_out(&mut self.buffer, count, &mut answers);
        if !answers.is_empty() {
            // An outbox that cannot take them has ended the connection, which the next read notices.
            _ = self.outbox.control(Bytes::from(answers));
        }
    }

    /// Ends the connection of a client that speaks another protocol, and tells it so.
    fn refuse(&mut self, why: &'static str) -> Result<Request, Unparsed> {
        self.end = Some(End::Protocol);
        Err(Unparsed { id: None, refusal: Refusal::new(Code::BadRequest, why) })
    }

    /// The next line that the buffer completes.
    fn next_line(&mut self) -> Option<Result<String, Refusal>> {
        let mut bytes = &self.buffer[self.unread.clone()];
        let line = self.lines.next(&mut bytes);
        self.unread.start = self.unread.end - bytes.len();
        line
    }

    /// The request of a line; `None` for an empty one.
    fn parse(&self, line: Result<String, Refusal>) -> Option<Result<Request, Unparsed>> {
        match line {
            Ok(line) => self.encoding.parse(&line).transpose(),
            Err(refusal) => Some(Err(Unparsed { id: None, refusal })),
        }
    }
}

/// Whether a first line is a browser's request, which a page of another server sends here: the lines of its
/// body would pass for what the browser's user says.
fn is_http(line: &str) -> bool {
    line.trim_end().rsplit_once(' ').is_some_and(|(_, version)| version.starts_with("HTTP/"))
}

/// Cuts a stream of bytes into lines.
pub struct Lines {
    line: Vec<u8>,
    /// The line is too long: the rest of it is skipped.
    skipping: bool,
    bytes_max: usize,
}

impl Lines {
    /// Lines of at most `bytes_max` bytes, without their ends.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { line: Vec::new(), skipping: false, bytes_max }
    }

    /// Takes bytes off the front of `bytes` up to the end of a line, which is returned without its end;
    /// `None` when the bytes are taken and the line goes on.
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
    fn a_line_that_is_too_long_is_one_error_and_the_next_is_read() {
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
