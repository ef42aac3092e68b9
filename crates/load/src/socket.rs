//! A connection with the bytes that are left over in both directions.
//!
//! Used on the generator's thread, and by the benches. It never blocks: what the kernel does not take waits in
//! `unsent`, and the tail of an incomplete frame waits in `partial`. The caller brings the receive buffer, so that
//! thousands of sockets share one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::transport::Transport;

/// See the module.
pub struct Socket {
    transport: Transport,
    /// Received, and not used by the caller yet.
    partial: Vec<u8>,
    /// Sent by the caller, and not taken by the kernel yet.
    unsent: Vec<u8>,
}

impl Socket {
    /// A socket over a descriptor that is connected.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self::over(Transport::new(fd))
    }

    /// A socket over a transport.
    #[must_use]
    pub fn over(transport: Transport) -> Self {
        Self { transport, partial: Vec::new(), unsent: Vec::new() }
    }

    /// The connection beneath.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Ends the connection in good order.
    pub fn close(self) {
        self.transport.close();
    }

    /// Resets the connection.
    pub fn reset(self) {
        self.transport.reset();
    }

    /// Whether `flush` has anything to do.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty() || self.transport.has_unsent()
    }

    /// Bytes that the kernel has not taken yet.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Bytes that were received, and that wait for the rest of their frame.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.partial.len()
    }

    /// One non-blocking `send`; the kernel's remainder is kept. Tells whether everything went.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let sent = if !self.unsent.is_empty() { 0 } else { self.try_send(bytes)? };
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(!self.has_unsent())
    }

    /// Sends what `send` could not. Tells whether everything went.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn flush(&mut self) -> io::Result<bool> {
        let mut unsent = std::mem::take(&mut self.unsent);
        let sent = self.try_send(&unsent)?;
        unsent.drain(..sent);
        self.unsent = unsent;
        Ok(!self.has_unsent())
    }

    fn try_send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.transport.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            sent => sent,
        }
    }

    /// Receives until the socket is empty, as edge-triggered readiness demands. After a short read it is empty;
    /// but not if the other side has `ended` (`EPOLLRDHUP`): its end is then still to be read, and is the error.
    ///
    /// # Errors
    /// As [`Socket::receive_once`].
    pub fn receive(
        &mut self,
        ended: bool,
        buffer: &mut [u8],
        mut take: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        loop {
            let free = buffer.len() - self.partial.len();
            let fresh = self.receive_once(buffer, &mut take)?;
            if fresh == 0 || fresh < free && !ended {
                return Ok(());
            }
        }
    }

    /// Receives once, at most to the end of `buffer`; returns how many bytes came. `take` gets what is
    /// there, with the earlier remainder before it, and returns how much of it is used up.
    ///
    /// # Errors
    /// `UnexpectedEof` if the other side has closed; `InvalidData` if the buffer is full and nothing in
    /// it can be used; otherwise what the kernel or `take` says.
    pub fn receive_once(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let kept = self.partial.len();
        if kept >= buffer.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is larger than the receive buffer"));
        }
        let fresh = match self.transport.read(&mut buffer[kept..]) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the other side")),
            Ok(fresh) => fresh,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error),
        };
        buffer[..kept].copy_from_slice(&self.partial);
        self.partial.clear();
        let used = take(&buffer[..kept + fresh])?;
        self.partial.extend_from_slice(&buffer[used..kept + fresh]);
        Ok(fresh)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }
}
