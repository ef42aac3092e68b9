//! A token by which a load is asked to stop before its time.
//!
//! Its clones can be used on any thread, and in the handler of a signal; the generator is woken where it waits for its
//! sockets. After a first request no more is published, and what is in flight is waited for; after a second one it is
//! not. The report covers what was done until then.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};

/// See the module.
#[derive(Clone, Debug)]
pub struct StopToken {
    event: Arc<OwnedFd>,
}

impl StopToken {
    /// A token by which no stop is requested yet.
    ///
    /// # Errors
    /// If there is no descriptor for it.
    pub fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { event: Arc::new(event) })
    }

    /// Requests a stop. Does not block.
    pub fn request(&self) {
        // It fails only after 2^64 requests that were not taken.
        _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// How many requests there were since the last call.
    pub(super) fn take_requests(&self) -> u64 {
        let mut count = [0; 8];
        match rustix::io::read(&self.event, &mut count) {
            Ok(_) => u64::from_ne_bytes(count),
            Err(_) => 0,
        }
    }
}

impl AsFd for StopToken {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_heard_as_often_as_it_was_asked() {
        let stop = StopToken::new().unwrap();
        assert_eq!(stop.take_requests(), 0);
        stop.request();
        stop.clone().request();
        assert_eq!((stop.take_requests(), stop.take_requests()), (2, 0));
    }
}
