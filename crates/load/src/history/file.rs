//! The file of a history: a thread that writes it, behind a bounded queue of whole lines.
//!
//! The generator appends, and does not wait for the disk while the load runs. When the queue is full the history ends there,
//! after a whole line: it is the true beginning of what happened, and the report says that the rest is missing.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

/// Lines are handed over when they are so many bytes, or when the load is over.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that wait for the disk, at most: 16 MiB, unless single lines are longer than a chunk.
const CHUNKS_MAX: usize = 256;

/// See the module. Dropped, it is closed.
pub struct HistoryFile {
    /// Lines that are not handed over yet.
    lines: Vec<u8>,
    /// `None` once it takes nothing more.
    chunks: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    is_too_slow: bool,
    /// Whether the caller waits for the disk, as it may when the load is over.
    pub waits: bool,
}

impl HistoryFile {
    /// A file that is written from its beginning; one that is there is emptied.
    ///
    /// # Errors
    /// It cannot be opened for writing, or there is no thread for it.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::over(File::create(path)?)
    }

    fn over(mut file: impl Write + Send + 'static) -> io::Result<Self> {
        let (chunks, inbox) = sync_channel::<Vec<u8>>(CHUNKS_MAX);
        let write_all = move || inbox.iter().try_for_each(|chunk| file.write_all(&chunk));
        let thread = thread::Builder::new().name("history".to_owned()).spawn(write_all)?;
        let (chunks, thread) = (Some(chunks), Some(thread));
        Ok(Self { lines: Vec::new(), chunks, thread, is_too_slow: false, waits: false })
    }

    /// Appends what `write` does to a buffer: a whole line. Whether it was taken.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.chunks.is_none() {
            return false;
        }
        write(&mut self.lines);
        if self.lines.len() >= CHUNK_BYTES {
            self.hand_over();
        }
        self.chunks.is_some()
    }

    fn hand_over(&mut self) {
        let Some(chunks) = &self.chunks else { return };
        let chunk = std::mem::take(&mut self.lines);
        let taken = match self.waits {
            true => chunks.send(chunk).is_ok(),
            false => match chunks.try_send(chunk) {
                Err(TrySendError::Full(_)) => {
                    self.is_too_slow = true;
                    false
                }
                // The thread has ended, and says why when it is joined.
                sent => sent.is_ok(),
            },
        };
        if !taken {
            self.chunks = None;
        }
    }

    /// Writes what is left. Blocks until the system has taken it.
    ///
    /// # Errors
    /// Why not all of it is in the file.
    pub fn close(&mut self) -> Result<(), String> {
        self.waits = true;
        self.hand_over();
        self.chunks = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => Err(error.to_string()),
            Some(Err(_)) => Err("the thread that writes it panicked".to_owned()),
            _ if self.is_too_slow => Err("the disk was too slow".to_owned()),
            _ => Ok(()),
        }
    }
}

impl Drop for HistoryFile {
    fn drop(&mut self) {
        // Only a run that failed has not closed it, and that says why.
        _ = self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A disk that writes when it is told to.
    struct Disk {
        told: Receiver<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Once nobody tells it any more, it writes at once.
            _ = self.told.recv();
            self.written.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_is_too_slow_ends_the_history_with_a_whole_line_and_is_not_waited_for() {
        let ((tell, told), (written, file)) = (channel(), channel());
        let mut history = HistoryFile::over(Disk { told, written }).unwrap();
        let line = [&[b'.'; CHUNK_BYTES - 1][..], b"\n"].concat();
        let mut taken = 0;
        while history.append(|lines| lines.extend(&line)) {
            taken += 1;
        }
        // One may be in the disk's hands.
        assert!((CHUNKS_MAX..=CHUNKS_MAX + 1).contains(&taken), "{taken}");
        drop(tell);
        assert_eq!(history.close(), Err("the disk was too slow".to_owned()));
        assert_eq!(file.iter().take(taken).map(|chunk| chunk.len()).sum::<usize>(), taken * CHUNK_BYTES);
    }

    #[test]
    fn a_disk_that_takes_nothing_more_ends_the_history_and_says_why() {
        let ((tell, told), (written, file)) = (channel::<()>(), channel());
        drop((tell, file));
        let mut history = HistoryFile::over(Disk { told, written }).unwrap();
        history.waits = true;
        while history.append(|lines| lines.resize(CHUNK_BYTES, b'.')) {}
        assert_eq!(history.close(), Err("sending on a closed channel".to_owned()));
    }
}
