//! One non-blocking TCP socket with what is left over on either side of it.
//!
//! The bare loop and the load generator both use it, each on its only thread. It never blocks: what the kernel does
//! not take waits in `unsent`, and the tail of an incomplete frame waits in `partial`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

pub struct Socket {
    fd: OwnedFd,
    /// Received, and not used by the reader yet.
    partial: Vec<u8>,
    /// Sent by the caller, and not taken by the kernel yet.
    unsent: Vec<u8>,
}

impl Socket {
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd, partial: Vec::new(), unsent: Vec::new() }
    }

    /// Whether `flush` has anything to do.
    pub fn is_behind(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// One non-blocking `send`; the kernel's remainder is kept. Tells whether everything went.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let sent = if self.is_behind() { 0 } else { self.try_send(bytes)? };
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(!self.is_behind())
    }

    /// Sends what `send` could not. Tells whether everything went.
    pub fn flush(&mut self) -> io::Result<bool> {
        let unsent = std::mem::take(&mut self.unsent);
        let sent = self.try_send(&unsent)?;
        self.unsent = unsent;
        self.unsent.drain(..sent);
        Ok(!self.is_behind())
    }

    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::net::send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Err(Errno::AGAIN) => Ok(0),
            sent => Ok(sent?),
        }
    }

    /// Receives until the socket is empty. `take` gets what is there, with the earlier remainder before it,
    /// and returns how much of it is used up.
    ///
    /// # Errors
    /// `UnexpectedEof` if the other side has closed; otherwise what the kernel or `take` says.
    pub fn receive(&mut self, buffer: &mut [u8], mut take: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        loop {
            let kept = self.partial.len();
            assert!(kept < buffer.len(), "a frame is larger than the receive buffer");
            let fresh = match rustix::net::recv(&self.fd, &mut buffer[kept..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the other side"));
                }
                Ok((fresh, _)) => fresh,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            buffer[..kept].copy_from_slice(&self.partial);
            self.partial.clear();
            let used = take(&buffer[..kept + fresh])?;
            self.partial.extend_from_slice(&buffer[used..kept + fresh]);
            if kept + fresh < buffer.len() {
                return Ok(());
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
