//! Reads standard input where it has no line editor: a pipe, a file, a dumb terminal.
//!
//! The thread `chat-lines` waits for input or for its own end, whichever comes first, and hands lines
//! over a bounded channel: when that is full it waits, and with it the program that writes. It ends with
//! the input, with the inbox, or with the other end of its pair of sockets.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, poll};

use super::line::InputLine;
use roomd_client::Waker;

/// Bytes of a line, at most; no server accepts a longer message.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// The thread that reads.
pub struct StdinReader {
    /// Dropped, it tells the thread to end.
    end: UnixStream,
    thread: JoinHandle<()>,
}

impl StdinReader {
    /// Starts the thread. Lines go to `lines`, and each wakes the client.
    ///
    /// # Errors
    /// The machine gives no thread, or no sockets.
    pub fn start(lines: SyncSender<InputLine>, waker: Waker) -> io::Result<Self> {
        let (end, ended) = UnixStream::pair()?;
        let body = move || {
            run(&ended, &lines, &waker);
            // The receiver learns that no line can follow.
            drop(lines);
            waker.wake();
        };
        let thread = thread::Builder::new().name("chat-lines".to_owned()).spawn(body)?;
        Ok(Self { end, thread })
    }

    /// Ends the thread and waits for it. The receiver of the lines must have been dropped, or this could block
    /// forever.
    pub fn end(self) {
        drop(self.end);
        // It has no state of ours.
        _ = self.thread.join();
    }
}

fn run(ended: &UnixStream, lines: &SyncSender<InputLine>, waker: &Waker) {
    let input = io::stdin();
    let mut splitter = Splitter::default();
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let mut fds = [PollFd::new(&input, PollFlags::IN), PollFd::new(ended, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) if !fds[1].revents().is_empty() => return,
            Ok(_) | Err(rustix::io::Errno::INTR) if fds[0].revents().is_empty() => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        let count = match rustix::io::read(&input, &mut bytes) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
            Err(_) => 0,
        };
        let mut found = splitter.feed(&bytes[..count]);
        if count == 0 {
            found.extend(splitter.finish());
        }
        for line in found {
            if lines.send(line).is_err() {
                return;
            }
            waker.wake();
        }
        if count == 0 {
            return;
        }
    }
}

/// Splits bytes into lines.
#[derive(Debug, Default)]
struct Splitter {
    partial: Vec<u8>,
    /// The line is too long, and the rest of it is skipped.
    too_long: bool,
}

impl Splitter {
    fn feed(&mut self, bytes: &[u8]) -> Vec<InputLine> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, whole) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            if self.partial.len() + text.len() > LINE_BYTES_MAX {
                self.too_long = true;
                self.partial.clear();
            } else if !self.too_long {
                self.partial.extend_from_slice(text);
            }
            if whole {
                lines.push(self.take());
            }
        }
        lines
    }

    /// The text after the last line end.
    fn finish(&mut self) -> Option<InputLine> {
        (self.too_long || !self.partial.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> InputLine {
        let bytes = std::mem::take(&mut self.partial);
        if std::mem::take(&mut self.too_long) {
            return InputLine::Invalid(format!("a line has more than {LINE_BYTES_MAX} bytes"));
        }
        match String::from_utf8(bytes) {
            Ok(mut line) => {
                if line.ends_with('\r') {
                    line.pop();
                }
                if line.starts_with('\u{feff}') {
                    // A byte order mark, which belongs to the file that is read.
                    line.remove(0);
                }
                InputLine::Text(line)
            }
            Err(_) => InputLine::Invalid("a line is not UTF-8".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_the_bytes_arrive() {
        let line = |text: &str| InputLine::Text(text.to_owned());
        for size in 1..8 {
            let mut splitter = Splitter::default();
            let mut lines: Vec<_> =
                "\u{feff}ä\r\n\nbc\nd".as_bytes().chunks(size).flat_map(|part| splitter.feed(part)).collect();
            lines.extend(splitter.finish());
            assert_eq!(lines, [line("ä"), line(""), line("bc"), line("d")]);
        }
    }

    #[test]
    fn an_invalid_line_is_reported_and_the_next_is_read() {
        let mut splitter = Splitter::default();
        let mut lines = splitter.feed(b"\xff\n");
        lines.extend(splitter.feed(&vec![b'x'; LINE_BYTES_MAX]));
        lines.extend(splitter.feed(b"xx\nok\n"));
        assert!(
            matches!(&lines[..], [InputLine::Invalid(_), InputLine::Invalid(_), InputLine::Text(ok)] if ok == "ok")
        );
        assert_eq!(splitter.finish(), None);
    }
}
