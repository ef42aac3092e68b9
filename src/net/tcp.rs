//! A TCP socket as the engine's transport, and the listener.
//!
//! One socket is shared by a reader, a writer and brokers through one descriptor. A send from a
//! broker never blocks (`MSG_DONTWAIT`); the writer's does, for at most the write timeout.

use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv6Addr, Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendFlags, sockopt};

use crate::engine::outbox::Transport;

/// Connections that the kernel holds before they are accepted. std's 128 makes a burst of ten
/// thousand take most of a minute, because the kernel drops what is beyond it and clients retry.
const BACKLOG: i32 = 4_096;

/// How long a peer whose words we no longer want may go on sending.
const DEAF_PATIENCE: Duration = Duration::from_millis(300);
/// How often we then look whether something has come.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A connected socket.
#[derive(Debug)]
pub struct Tcp {
    stream: TcpStream,
    /// Whether we shut the reading side: then a read says nothing of what the peer does.
    deaf: AtomicBool,
}

impl Tcp {
    /// Takes a socket over: small writes go out at once, and a blocked write fails in time.
    ///
    /// # Errors
    /// The socket is not connected any more.
    pub fn new(stream: TcpStream, write_timeout: Duration) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(write_timeout))?;
        Ok(Self { stream, deaf: AtomicBool::new(false) })
    }

    /// Who is at the other end, with an IPv6 address cut to its /64: who has one has all of it.
    ///
    /// # Errors
    /// The socket is not connected any more.
    pub fn peer(&self) -> io::Result<IpAddr> {
        Ok(match self.stream.peer_addr()?.ip().to_canonical() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
            ip => ip,
        })
    }

    /// How long a read may block; then `WouldBlock`.
    ///
    /// # Errors
    /// The socket is not connected any more.
    pub fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        // Zero would mean for ever.
        self.stream.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))
    }

    /// Has the kernel find out whether a silent peer still is there: for protocols without a ping.
    ///
    /// # Errors
    /// The socket is not connected any more.
    pub fn set_keepalive(&self, idle: Duration) -> io::Result<()> {
        sockopt::set_socket_keepalive(&self.stream, true)?;
        sockopt::set_tcp_keepidle(&self.stream, idle.max(Duration::from_secs(1)))?;
        sockopt::set_tcp_keepintvl(&self.stream, Duration::from_secs(5))?;
        sockopt::set_tcp_keepcnt(&self.stream, 3)?;
        Ok(())
    }

    /// Reads what is there; blocks until something is, or the timeout.
    ///
    /// # Errors
    /// As [`Read::read`].
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&self.stream).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Writes all; blocks while the socket is full.
    ///
    /// # Errors
    /// As [`Write::write_all`].
    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.stream).write_all(bytes)
    }

    /// Reads and forgets what the peer still sends, until it closes or `patience` is over: closing
    /// a socket with unread bytes would reset it, and could take our last words from the peer.
    pub fn drain(&self, patience: Duration) {
        let deaf = self.deaf.load(Ordering::Relaxed);
        let until = Instant::now() + if deaf { patience.min(DEAF_PATIENCE) } else { patience };
        let mut buffer = [0; 1024];
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.set_read_timeout(left).is_err() {
                return;
            }
            match self.read(&mut buffer) {
                Ok(1..) => {}
                // Nothing wakes us when something arrives on a side that is shut: we look again.
                Ok(0) if deaf => std::thread::sleep(LOOK_AGAIN.min(left)),
                _ => return,
            }
        }
    }
}

impl Transport for Tcp {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(match parts {
            [one] => rustix::net::send(&self.stream, one, flags)?,
            many => rustix::net::sendmsg(&self.stream, many, &mut SendAncillaryBuffer::default(), flags)?,
        })
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.stream).write_vectored(parts)
    }

    fn prefetch(&self) {
        // It lies beside the descriptor.
        std::hint::black_box(self.deaf.load(Ordering::Relaxed));
    }

    fn shutdown(&self, how: Shutdown) {
        if how != Shutdown::Write {
            self.deaf.store(how == Shutdown::Read, Ordering::Relaxed);
        }
        // A socket that is not connected any more is as shut as it can be.
        _ = self.stream.shutdown(how);
    }
}

/// Listens on `address` (`HOST:PORT`).
///
/// # Errors
/// The name does not resolve, or none of its addresses can be had.
pub fn listen(address: &str) -> io::Result<TcpListener> {
    let addresses: Vec<_> = address.to_socket_addrs()?.collect();
    let listener = TcpListener::bind(&*addresses)?;
    // On a socket that listens already this only sets the backlog.
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}
