//! A TCP connection that never blocks: the one place that knows what carries the bytes.
//!
//! A [`Socket`](super::socket::Socket) owns it, on the generator's thread. A stream with TLS is a second
//! kind of it: `read` and `write` are all that the rest asks for, and `WouldBlock` all it must say.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

/// See the module.
pub struct Stream {
    fd: OwnedFd,
}

impl Stream {
    /// Takes a socket that is connected.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Begins to connect; `receive_bytes` bounds what the kernel holds for a client that does not read.
    ///
    /// # Errors
    /// If there is no descriptor, or nobody can be reached there.
    pub fn connect(address: &SocketAddr, receive_bytes: Option<usize>) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&fd, true)?;
        if let Some(bytes) = receive_bytes {
            sockopt::set_socket_recv_buffer_size(&fd, bytes)?;
        }
        match rustix::net::connect(&fd, address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(Self { fd }),
            Err(error) => Err(error.into()),
        }
    }

    /// What became of connecting, once the socket can be written to.
    ///
    /// # Errors
    /// Why nobody was reached.
    pub fn connected(&self) -> io::Result<()> {
        Ok(sockopt::socket_error(&self.fd)??)
    }

    /// Reads what is there: 0 bytes at the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing yet; otherwise what the kernel says.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(&self.fd, buffer, RecvFlags::DONTWAIT)?.0)
    }

    /// Writes what the kernel takes.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing now; otherwise what the kernel says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    /// Breaks the connection without a word: a reset, as of a machine that lost its network.
    pub fn cut(self) {
        // Without it the connection ends in good order, which is a different test and not a wrong one.
        _ = sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO));
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
