//! A TCP connection that never blocks: the one place that knows what carries the bytes.
//!
//! A [`Socket`](super::socket::Socket) owns it, on the generator's thread. With TLS the handshake happens
//! inside of `read` and `write`: who asks for either is told `WouldBlock` until there is something.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use roomd_tls::Tunnel;

/// See the module.
pub struct Transport {
    socket: TcpStream,
    tunnel: Option<Arc<Tunnel>>,
}

impl Transport {
    /// Takes a socket that is connected.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { socket: fd.into(), tunnel: None }
    }

    /// Begins to connect, through a tunnel if there is one; `receive_bytes` bounds what the kernel holds for
    /// a client that does not read.
    ///
    /// # Errors
    /// If there is no descriptor, or nobody can be reached there.
    pub fn connect(
        address: &SocketAddr,
        receive_bytes: Option<usize>,
        tunnel: Option<Arc<Tunnel>>,
    ) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&fd, true)?;
        if let Some(bytes) = receive_bytes {
            sockopt::set_socket_recv_buffer_size(&fd, bytes)?;
        }
        match rustix::net::connect(&fd, address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(Self { socket: fd.into(), tunnel }),
            Err(error) => Err(error.into()),
        }
    }

    /// What became of connecting, once the socket can be written to.
    ///
    /// # Errors
    /// Why nobody was reached.
    pub fn connected(&self) -> io::Result<()> {
        Ok(sockopt::socket_error(&self.socket)??)
    }

    /// Reads what is there: 0 bytes at the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing yet; otherwise what the kernel says.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(tunnel) = &self.tunnel {
            return tunnel.read(&self.socket, buffer);
        }
        Ok(rustix::net::recv(&self.socket, buffer, RecvFlags::DONTWAIT)?.0)
    }

    /// Writes what the kernel takes. What it did not take, the next write has to bring again.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing now; otherwise what the kernel says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(tunnel) = &self.tunnel {
            return tunnel.try_write(&self.socket, &[IoSlice::new(bytes)]);
        }
        Ok(rustix::net::send(&self.socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    /// Whether something waits to be written that is not the caller's.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        self.tunnel.as_ref().is_some_and(|tunnel| tunnel.is_behind())
    }

    /// Ends the connection in good order.
    pub fn close(self) {
        if let Some(tunnel) = &self.tunnel {
            tunnel.close(&self.socket);
        }
    }

    /// Breaks the connection without a word: a reset, as of a machine that lost its network.
    pub fn reset(self) {
        // Without it the connection ends in good order, which is a different test and not a wrong one.
        _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
