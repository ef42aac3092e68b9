//! Signals: those that end the process, and those that ask a server to drain or to read its files again.
//!
//! One thread waits for them and calls a closure for each; it ends when its handle is dropped. From then
//! on the default action of these signals is off. A `SIGINT` or `SIGHUP` that the process was started to
//! ignore, as by `nohup` or by a shell that runs it in the background, stays ignored.

use std::fs;
use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::{Handle, Signals};

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGINT`: somebody at a terminal wants the end.
    Interrupt,
    /// `SIGTERM`: end.
    Terminate,
    /// `SIGHUP`: the terminal is gone, or the operator has changed a file.
    HangUp,
    /// `SIGUSR1`: end in good order. Heard only by who asks for it.
    Drain,
}

impl Signal {
    fn of(number: i32) -> Self {
        match number {
            SIGHUP => Self::HangUp,
            SIGINT => Self::Interrupt,
            SIGUSR1 => Self::Drain,
            _ => Self::Terminate,
        }
    }
}

/// The thread that waits for signals.
pub struct Listening {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Calls `heard` for each signal but [`Signal::Drain`] from now on, on a thread of its own.
///
/// # Errors
/// The system gives no thread, or no socket for the signals.
pub fn listen(heard: impl FnMut(Signal) + Send + 'static) -> io::Result<Listening> {
    listen_to(&[SIGINT, SIGTERM, SIGHUP], heard)
}

/// The same for all signals.
///
/// # Errors
/// As [`listen`].
pub fn listen_as_server(heard: impl FnMut(Signal) + Send + 'static) -> io::Result<Listening> {
    listen_to(&[SIGINT, SIGTERM, SIGHUP, SIGUSR1], heard)
}

fn listen_to(numbers: &[i32], mut heard: impl FnMut(Signal) + Send + 'static) -> io::Result<Listening> {
    let ignored = ignored();
    let may_be_ignored = |signal: i32| [SIGINT, SIGHUP].contains(&signal);
    let taken = numbers.iter().filter(|signal| !may_be_ignored(**signal) || !is_in(ignored, **signal));
    let mut signals = Signals::new(taken)?;
    let handle = signals.handle();
    let body = move || {
        for signal in signals.forever() {
            heard(Signal::of(signal));
        }
    };
    let thread = thread::Builder::new().name("signals".to_owned()).spawn(body)?;
    Ok(Listening { handle, thread: Some(thread) })
}

/// Calls `heard` each time the process continues after it was stopped (`SIGCONT`), on a thread of its own.
///
/// # Errors
/// As [`listen`].
pub fn listen_for_continue(mut heard: impl FnMut() + Send + 'static) -> io::Result<Listening> {
    let mut signals = Signals::new([SIGCONT])?;
    let handle = signals.handle();
    let body = move || {
        for _ in signals.forever() {
            heard();
        }
    };
    let thread = thread::Builder::new().name("continued".to_owned()).spawn(body)?;
    Ok(Listening { handle, thread: Some(thread) })
}

/// The set of signals that the process ignores, a bit each, the lowest for signal 1. Linux tells it in a
/// file, so no unsafe call is needed; elsewhere the set is empty.
fn ignored() -> u64 {
    ignored_in(&fs::read_to_string("/proc/self/status").unwrap_or_default())
}

fn ignored_in(status: &str) -> u64 {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(set: u64, signal: i32) -> bool {
    set & (1 << (signal - 1)) != 0
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_of_ignored_signals_is_a_line_of_the_status() {
        let set = ignored_in("Name:\troomd\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n");
        assert!(is_in(set, SIGHUP) && is_in(set, 13));
        assert!(!is_in(set, SIGINT) && !is_in(set, SIGTERM));
        assert_eq!(ignored_in(""), 0);
    }
}
