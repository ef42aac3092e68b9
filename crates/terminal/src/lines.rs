//! Standard input where it is no terminal that can be edited on: a pipe, a file, a dumb terminal.
//!
//! The thread `chat-lines` waits for input or for its own end, whichever comes first, and hands lines
//! over a bounded channel: when that is full it waits, and with it whoever writes. It ends with the
//! input, with the inbox, or with the other end of its pair of sockets.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, poll};

use super::Word;
use roomd_client::Waker;

/// Bytes of a line, at most; no server takes a longer message.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// The thread that reads.
pub struct Lines {
    /// Dropped, it tells the thread to end.
    end: UnixStream,
    thread: JoinHandle<()>,
}

impl Lines {
    /// Starts reading.
    ///
    /// # Errors
    /// The machine gives no thread, or no sockets.
    pub fn start(words: SyncSender<Word>, waker: Waker) -> io::Result<Self> {
        let (end, ended) = UnixStream::pair()?;
        let body = move || {
            run(&ended, &words, &waker);
            // The inbox finds that no line can come any more.
            drop(words);
            waker.wake();
        };
        let thread = thread::Builder::new().name("chat-lines".to_owned()).spawn(body)?;
        Ok(Self { end, thread })
    }

    /// Ends the reading, wherever it is. The inbox of the words must be gone.
    pub fn end(self) {
        drop(self.end);
        // It has no state of ours.
        _ = self.thread.join();
    }
}

fn run(ended: &UnixStream, words: &SyncSender<Word>, waker: &Waker) {
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
        for word in found {
            if words.send(word).is_err() {
                return;
            }
            waker.wake();
        }
        if count == 0 {
            return;
        }
    }
}

/// Lines out of bytes.
#[derive(Debug, Default)]
struct Splitter {
    begun: Vec<u8>,
    /// The line is too long, and the rest of it passed over.
    too_long: bool,
}

impl Splitter {
    fn feed(&mut self, bytes: &[u8]) -> Vec<Word> {
        let mut words = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, whole) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            if self.begun.len() + text.len() > LINE_BYTES_MAX {
                self.too_long = true;
                self.begun.clear();
            } else if !self.too_long {
                self.begun.extend_from_slice(text);
            }
            if whole {
                words.push(self.take());
            }
        }
        words
    }

    /// What stands behind the last line end.
    fn finish(&mut self) -> Option<Word> {
        (self.too_long || !self.begun.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Word {
        let bytes = std::mem::take(&mut self.begun);
        if std::mem::take(&mut self.too_long) {
            return Word::Unreadable(format!("a line has more than {LINE_BYTES_MAX} bytes"));
        }
        match String::from_utf8(bytes) {
            Ok(mut line) => {
                if line.ends_with('\r') {
                    line.pop();
                }
                Word::Line(line)
            }
            Err(_) => Word::Unreadable("a line is not UTF-8".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_the_bytes_come() {
        let line = |text: &str| Word::Line(text.to_owned());
        for size in 1..8 {
            let mut splitter = Splitter::default();
            let mut words: Vec<_> =
                "ä\r\n\nbc\nd".as_bytes().chunks(size).flat_map(|part| splitter.feed(part)).collect();
            words.extend(splitter.finish());
            assert_eq!(words, [line("ä"), line(""), line("bc"), line("d")]);
        }
    }

    #[test]
    fn what_is_no_line_is_told_and_the_next_is_read() {
        let mut splitter = Splitter::default();
        let mut words = splitter.feed(b"\xff\n");
        words.extend(splitter.feed(&vec![b'x'; LINE_BYTES_MAX]));
        words.extend(splitter.feed(b"xx\nok\n"));
        assert!(matches!(&words[..], [Word::Unreadable(_), Word::Unreadable(_), Word::Line(ok)] if ok == "ok"));
        assert_eq!(splitter.finish(), None);
    }
}
