//! A transport that records what is written, and has one kind of fault.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;

use parking_lot::Mutex;
use roomd::engine::clients::outbox::Transport;
use serde_json::Value;

use crate::fault::Fault;

/// What happens at the use at which the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// The connection breaks: an error, and nothing goes any more.
    Breaks,
    /// There is no room at this moment. Only for the sends that do not block.
    Full,
    /// Nothing is taken, and no error is told.
    Nothing,
}

/// See the module.
pub struct Wire {
    trouble: Trouble,
    fault: Arc<Fault>,
    /// Bytes that it takes at once.
    at_once: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    broken: bool,
    /// Nothing may be written any more.
    shut: bool,
}

impl Wire {
    /// A transport that takes `at_once` bytes in one call.
    pub fn new(trouble: Trouble, fault: &Arc<Fault>, at_once: usize) -> Arc<Self> {
        Arc::new(Self { trouble, fault: Arc::clone(fault), at_once, state: Mutex::default() })
    }

    /// One without trouble.
    pub fn good() -> Arc<Self> {
        Self::new(Trouble::Breaks, &Fault::never(), usize::MAX)
    }

    /// All that went through it.
    pub fn bytes(&self) -> Vec<u8> {
        self.state.lock().bytes.clone()
    }

    /// Whether its trouble was an end.
    pub fn is_broken(&self) -> bool {
        self.state.lock().broken
    }

    /// The JSON events in the WebSocket frames that went through it whole.
    pub fn events(&self) -> Vec<Value> {
        let bytes = self.bytes();
        let mut rest = &bytes[..];
        let mut events = Vec::new();
        while let [first, length, behind @ ..] = rest {
            let long = if *length == 126 { 2 } else { 0 };
            let Some((number, behind)) = behind.split_at_checked(long) else { break };
            let long_length = number.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let length = if long > 0 { long_length } else { usize::from(*length) };
            let Some((payload, behind)) = behind.split_at_checked(length) else { break };
            if *first == 0x81 {
                events.push(serde_json::from_slice(payload).unwrap());
            }
            rest = behind;
        }
        events
    }

    fn take(&self, parts: &[IoSlice<'_>], strikes: bool) -> io::Result<usize> {
        let mut state = self.state.lock();
        assert!(parts.iter().any(|part| !part.is_empty()), "nothing is written for nothing");
        assert!(!state.shut || state.broken, "nothing is written after the end");
        match (strikes, self.trouble) {
            (true, Trouble::Breaks) => state.broken = true,
            (true, Trouble::Full) => return Err(io::ErrorKind::WouldBlock.into()),
            (true, Trouble::Nothing) => return Ok(0),
            (false, _) => {}
        }
        if state.broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let before = state.bytes.len();
        let all = parts.iter().flat_map(|part| part.iter()).take(self.at_once);
        state.bytes.extend(all);
        Ok(state.bytes.len() - before)
    }
}

impl Transport for Wire {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.take(parts, self.fault.strikes())
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let strikes = self.trouble != Trouble::Full && self.fault.strikes();
        let taken = self.take(parts, strikes);
        if strikes && self.trouble == Trouble::Nothing {
            // A send that blocks and takes nothing has met the end.
            self.state.lock().broken = true;
        }
        taken
    }

    fn shutdown(&self, how: Shutdown) {
        let mut state = self.state.lock();
        state.shut |= how != Shutdown::Read;
    }
}
