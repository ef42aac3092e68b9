//! Where log lines go: standard error, as long as somebody reads it.
//!
//! A pipe that nobody reads is full after 64 KiB, and the next write to it would block whichever thread
//! logs: a reader would keep its place, and the server could not end. So a line is written only if the
//! system says that it fits, and is dropped and counted otherwise; the next line that fits comes after one
//! that states the count. Called by every thread that logs, one at a time: the logger has a lock.

use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd;

use env_logger::{Builder, Target, WriteStyle};
use log::LevelFilter;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::log_json;
use crate::settings::LogFormat;

/// Bytes that a pipe takes without blocking when it says that it can be written to (`PIPE_BUF`, pipe(7)).
const PIECE: usize = 4096;

/// The variable that says from which level on is logged, for each module.
const FILTER: &str = "RUST_LOG";

/// Makes log lines go to standard error from now on, in this format: those that `RUST_LOG` names, or else from this level on.
pub fn init(level: LevelFilter, format: LogFormat) {
    let mut logger = Builder::new();
    match filter() {
        Some(filter) => logger.parse_filters(&filter),
        // What is beyond the level does not come here: see `set_level`.
        None => logger.filter_level(LevelFilter::Trace),
    };
    // They would log whatever is sent and received, tokens and secrets too.
    for module in ["tungstenite", "ureq", "ureq_proto"] {
        logger.filter_module(module, LevelFilter::Info);
    }
    let chosen = ["RUST_LOG_STYLE", "NO_COLOR"].iter().any(|name| std::env::var_os(name).is_some());
    if !chosen && io::stderr().is_terminal() {
        // The logger cannot see that there is a terminal behind our own output.
        logger.write_style(WriteStyle::Always);
    }
    if format == LogFormat::Json {
        logger.write_style(WriteStyle::Never);
        logger.format(|out, record| {
            let time = out.timestamp_millis().to_string();
            writeln!(out, "{}", log_json::line(record, &time))
        });
    }
    let output = LogOutput { to: io::stderr(), dropped: 0, format };
    let logger = logger.target(Target::Pipe(Box::new(output))).build();
    log::set_max_level(logger.filter());
    log::set_boxed_logger(Box::new(logger)).expect("this is the only logger of the process");
    set_level(level);
}

/// From now on it is logged from this level on; false: `RUST_LOG` says it, and nothing has changed.
pub fn set_level(level: LevelFilter) -> bool {
    let is_free = filter().is_none();
    if is_free {
        log::set_max_level(level);
    }
    is_free
}

fn filter() -> Option<String> {
    std::env::var(FILTER).ok().filter(|filter| !filter.is_empty())
}

/// See the module.
struct LogOutput<W> {
    to: W,
    /// Lines that were dropped since the last that was written.
    dropped: u64,
    format: LogFormat,
}

impl<W: Write + AsFd> Write for LogOutput<W> {
    /// Writes a line, or drops it; takes it whole in any case. Does not block.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.dropped > 0 && self.is_ready() {
            let note = match self.format {
                LogFormat::Text => format!("[{} log lines were dropped: nobody read them]\n", self.dropped),
                LogFormat::Json => format!(
                    "{{\"level\":\"warn\",\"message\":\"log lines were dropped\",\"count\":{}}}\n",
                    self.dropped
                ),
            };
            self.to.write_all(note.as_bytes())?;
            self.dropped = 0;
        }
        for piece in line.chunks(PIECE) {
            if !self.is_ready() {
                // The beginning of a long line may be out already; the line counts as dropped all the same.
                self.dropped += 1;
                break;
            }
            self.to.write_all(piece)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: AsFd> LogOutput<W> {
    fn is_ready(&self) -> bool {
        let mut output = [PollFd::new(&self.to, PollFlags::OUT)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // A file, or an end that nobody has open: writing does not block, whatever comes of it.
        poll(&mut output, Some(&now)).is_ok_and(|ready| ready > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn lines_that_nobody_reads_are_dropped_and_counted() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = LogOutput { to: writer, dropped: 0, format: LogFormat::Text };
        let line = [&[b'x'; 99][..], b"\n"].concat();
        for _ in 0..10_000 {
            output.write_all(&line).unwrap();
        }
        let lost = output.dropped;
        assert!(lost > 0, "a pipe takes no megabyte");
        let mut written = vec![0; (10_000 - usize::try_from(lost).unwrap()) * line.len()];
        reader.read_exact(&mut written).unwrap();
        output.write_all(b"again\n").unwrap();
        drop(output);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, format!("[{lost} log lines were dropped: nobody read them]\nagain\n"));
    }
}
