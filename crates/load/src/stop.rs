//! The wish that a load end before its time.
//!
//! Whoever has one may ask, on any thread and in a signal's handler; the generator hears it where it waits
//! for its sockets. Asked while clients connect or publish, it publishes no more, and waits for what is
//! under way; asked again, it waits no longer. The report tells what was until then.

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
    /// A wish that nobody has yet.
    ///
    /// # Errors
    /// If there is no descriptor for it.
    pub fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { event: Arc::new(event) })
    }

    /// Asks. Does not block.
    pub fn request(&self) {
        // It fails when it has been asked 2^64 times and not been heard.
        _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// How often it was asked since this was asked last.
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
