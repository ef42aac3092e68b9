//! A non-blocking TCP connection, with or without TLS.
//!
//! A [`Socket`](crate::socket::Socket) owns it, on the generator's thread. The handshake of TLS happens inside `read` and
//! `write`, which return `WouldBlock` until it is done.

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
    /// Takes over a connected socket.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { socket: fd.into(), tunnel: None }
    }

    /// Begins to connect, through a tunnel if there is one; `receive_bytes` bounds what the kernel holds for
    /// a client that does not read.
    ///
    /// # Errors
    /// If there is no descriptor, or the address cannot be reached.
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

    /// Whether connecting succeeded, once the socket is writable.
    ///
    /// # Errors
    /// Why it failed.
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

    /// Writes what the kernel takes. The next write has to begin with what it did not take.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing now; otherwise what the kernel says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(tunnel) = &self.tunnel {
            return tunnel.try_write(&self.socket, &[IoSlice::new(bytes)]);
        }
        Ok(rustix::net::send(&self.socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    /// Whether the tunnel has bytes of its own to write.
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

    /// Resets the connection, like a machine that crashed.
    pub fn reset(self) {
        // If it fails, the connection is closed in good order: another disturbance, and a valid one.
        _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
