//! Reading an IRC client's lines from its socket.
//!
//! A line ends with CR LF; a lone LF or CR ends it too, and empty lines are ignored (RFC 2812 §2.3). It may have 512
//! bytes with its end, and its tags 4096 more (IRCv3 message-tags). One that is too long, or not UTF-8, is reported
//! once, and the next is read. On a thread of the pool.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::conversation::Reader;
use super::super::tcp::Tcp;
use crate::chat::End;
use crate::wire::irc::LINE_BYTES;

/// Bytes that are read at once.
const READ_BYTES: usize = 4096;
/// Bytes of a line's tags, at most, with the `@` and the space behind them.
const TAG_BYTES: usize = 4096;

/// What a client has sent.
#[derive(Debug, PartialEq, Eq)]
pub enum IrcInput {
    /// A line, without its end.
    Line(String),
    /// A line of more bytes than it may have.
    TooLong,
    /// A line that is not UTF-8, or holds a NUL.
    NotText,
}

/// Cuts the stream of a socket into lines.
pub struct LineReader {
    socket: Arc<Tcp>,
    buffer: Vec<u8>,
    /// The part of the buffer that is yet to be cut into lines.
    unread: Range<usize>,
    lines: IrcLines,
    /// Until when the client has to be registered.
    deadline: Option<Instant>,
}

impl LineReader {
    /// A reader of this socket.
    pub fn new(socket: Arc<Tcp>) -> Self {
        Self { socket, buffer: vec![0; READ_BYTES], unread: 0..0, lines: IrcLines::default(), deadline: None }
    }

    /// As [`Reader::receive`], at most until the deadline, at which the client is silent.
    pub fn receive_until(&mut self, deadline: Instant) -> Result<IrcInput, End> {
        self.deadline = Some(deadline);
        self.receive()
    }

    /// From now on the socket's own timeout counts.
    pub fn end_deadline(&mut self) {
        self.deadline = None;
    }
}

impl Reader for LineReader {
    type Item = IrcInput;

    fn receive(&mut self) -> Result<IrcInput, End> {
        loop {
            let mut bytes = &self.buffer[self.unread.clone()];
            let input = self.lines.next(&mut bytes);
            self.unread.start = self.unread.end - bytes.len();
            if let Some(input) = input {
                return Ok(input);
            }
            if let Some(deadline) = self.deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                if left == Duration::ZERO {
                    return Err(End::Silent);
                }
                self.socket.set_read_timeout(left).map_err(|_| End::Gone)?;
            }
            match self.socket.read(&mut self.buffer) {
                Ok(0) => return Err(End::Gone),
                Ok(count) => self.unread = 0..count,
                Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
                    return Err(End::Silent);
                }
                Err(_) => return Err(End::Gone),
            }
        }
    }
}

/// Cuts bytes into lines.
#[derive(Default)]
pub struct IrcLines {
    line: Vec<u8>,
    /// The line is too long: the rest of it is skipped.
    skipping: bool,
}

impl IrcLines {
    /// Takes bytes off the front of `bytes` up to the end of a line; `None` when they are taken and the line goes on.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<IrcInput> {
        loop {
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            *bytes = rest.get(1..).unwrap_or_default();
            if !self.skipping {
                self.line.extend_from_slice(part);
                self.skipping = self.is_too_long();
            }
            end?;
            let line = std::mem::take(&mut self.line);
            if std::mem::take(&mut self.skipping) {
                return Some(IrcInput::TooLong);
            }
            if !line.is_empty() {
                return Some(match String::from_utf8(line) {
                    Ok(line) if !line.contains('\0') => IrcInput::Line(line),
                    _ => IrcInput::NotText,
                });
            }
        }
    }

    /// Whether the tags, or what follows them, have more bytes than they may have.
    fn is_too_long(&self) -> bool {
        if self.line.first() != Some(&b'@') {
            return self.line.len() > LINE_BYTES;
        }
        match self.line.iter().take(TAG_BYTES).position(|byte| *byte == b' ') {
            Some(space) => self.line.len() - space - 1 > LINE_BYTES,
            None => self.line.len() >= TAG_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]]) -> Vec<IrcInput> {
        let (mut lines, mut all) = (IrcLines::default(), Vec::new());
        for chunk in chunks {
            let mut bytes = *chunk;
            while let Some(input) = lines.next(&mut bytes) {
                all.push(input);
            }
        }
        all
    }

    fn line(text: &str) -> IrcInput {
        IrcInput::Line(text.to_owned())
    }

    #[test]
    fn a_line_ends_with_cr_lf_or_one_of_them_and_empty_lines_are_ignored() {
        let whole: &[u8] = b"one\r\ntwo\nthree\rfour\r\n\r\n\nfive";
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(read(&[whole]), [line("one"), line("two"), line("three"), line("four")]);
        assert_eq!(read(&bytes), read(&[whole]));
    }

    #[test]
    fn a_line_has_512_bytes_and_its_tags_4096_more() {
        let (fits, too_long) = ("x".repeat(510), "x".repeat(511));
        let tags = |bytes: usize| format!("@{} ", "t".repeat(bytes - 2));
        for (sent, expected) in [
            (fits.clone(), line(&fits)),
            (too_long.clone(), IrcInput::TooLong),
            (tags(4096) + &fits, line(&(tags(4096) + &fits))),
            (tags(4096) + &too_long, IrcInput::TooLong),
            (tags(4097) + "x", IrcInput::TooLong),
            ("x".repeat(100_000), IrcInput::TooLong),
        ] {
            assert_eq!(read(&[format!("{sent}\r\nok\r\n").as_bytes()]), [expected, line("ok")], "{} bytes", sent.len());
        }
    }

    #[test]
    fn a_line_is_text() {
        assert_eq!(read(&[b"\xff\r\na\0b\r\nok\r\n"]), [IrcInput::NotText, IrcInput::NotText, line("ok")]);
    }
}
