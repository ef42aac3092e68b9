//! Signals, told apart: those that end the process, and the one that asks for a second look at files.
//!
//! One thread waits for them and calls who asked to hear; the default of each is off from then on. It
//! ends when its handle is dropped.

use std::io;
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGINT` or `SIGTERM`: come to an end.
    End,
    /// `SIGHUP`: the terminal is gone, or the operator has changed a file.
    HangUp,
}

/// The thread that waits for signals.
pub struct Listening {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Has `heard` called for each signal from now on, on a thread of its own.
///
/// # Errors
/// The system gives no thread, or no socket for the signals.
pub fn listen(mut heard: impl FnMut(Signal) + Send + 'static) -> io::Result<Listening> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = signals.handle();
    let body = move || {
        for signal in signals.forever() {
            heard(if signal == SIGHUP { Signal::HangUp } else { Signal::End });
        }
    };
    let thread = thread::Builder::new().name("signals".to_owned()).spawn(body)?;
    Ok(Listening { handle, thread: Some(thread) })
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}
