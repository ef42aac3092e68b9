//! A TCP socket as the engine's transport, and the listener.
//!
//! One socket is shared by a reader, a writer and brokers through one descriptor. A send from a
//! broker never blocks (`MSG_DONTWAIT`); the writer's does, for at most the write timeout. Once a
//! socket is sealed, it is read and written through its tunnel.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendFlags, sockopt};

use crate::engine::clients::outbox::Transport;
use roomd_tls::{Application, Certificate, NoTunnel, Tunnel};

/// Connections that the kernel holds before they are accepted. std's 128 makes a burst of ten
/// thousand take most of a minute, because the kernel drops what is beyond it and clients retry.
const BACKLOG: i32 = 4_096;

/// How long a drain lasts at most once the reading side is shut.
const SHUT_DRAIN_MAX: Duration = Duration::from_millis(300);
/// How often such a drain polls.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A connected socket.
pub struct Tcp {
    stream: TcpStream,
    /// Set by the handshake, while only the reader has the socket.
    tunnel: OnceLock<Arc<Tunnel>>,
    /// Whether the server has shut the reading side: then a read does not tell what the client does.
    is_read_shut: AtomicBool,
}

impl Tcp {
    /// Takes a socket over: small writes go out at once, and a blocked write fails in time.
    ///
    /// # Errors
    /// The socket is not connected any more.
    pub fn new(stream: TcpStream, write_timeout: Duration) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(write_timeout))?;
        Ok(Self { stream, tunnel: OnceLock::new(), is_read_shut: AtomicBool::new(false) })
    }

    /// Makes the handshake of TLS. Blocks until the deadline at most.
    ///
    /// # Errors
    /// There is no tunnel. Nothing more can be sent, but to a client that does not speak TLS.
    pub fn seal(&self, certificate: &Certificate, application: Application, deadline: Instant) -> Result<(), NoTunnel> {
        let tunnel = certificate.accept(&self.stream, application, deadline)?;
        self.tunnel.get_or_init(|| tunnel);
        Ok(())
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.tunnel.get().is_some()
    }

    /// How long a read may block, after which it fails with `WouldBlock`; `None`: forever.
    ///
    /// # Errors
    /// The socket is not connected any more.
    pub fn set_read_timeout(&self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        // The system takes zero for forever.
        self.stream.set_read_timeout(timeout.into().map(|timeout| timeout.max(Duration::from_millis(1))))
    }

    /// Has the kernel find out whether a silent client is still there: for protocols without a ping.
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
    /// As [`Read::read`]; `ConnectionReset` when the stream ends before TLS does.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(tunnel) = self.tunnel.get() {
            return tunnel.read(&self.stream, buffer);
        }
        self.read_socket(buffer)
    }

    fn read_socket(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&self.stream).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Writes every byte; blocks while the socket is full.
    ///
    /// # Errors
    /// As [`Write::write_all`].
    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        match self.tunnel.get() {
            Some(tunnel) => tunnel.write_all(&self.stream, bytes),
            None => (&self.stream).write_all(bytes),
        }
    }

    /// Reads and discards what the client still sends, until it closes or `timeout` is over: closing a
    /// socket with unread bytes would reset it, and the client could lose the last bytes sent to it.
    pub fn drain(&self, timeout: Duration) {
        let is_read_shut = self.is_read_shut.load(Ordering::Relaxed);
        let until = Instant::now() + if is_read_shut { timeout.min(SHUT_DRAIN_MAX) } else { timeout };
        let mut buffer = [0; 1024];
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.set_read_timeout(left).is_err() {
                return;
            }
            match self.read_socket(&mut buffer) {
                Ok(1..) => {}
                // A read on a side that is shut does not block, so arriving bytes have to be polled for.
                Ok(0) if is_read_shut => std::thread::sleep(POLL_INTERVAL.min(left)),
                _ => return,
            }
        }
    }
}

impl Transport for Tcp {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if let Some(tunnel) = self.tunnel.get() {
            return tunnel.try_write(&self.stream, parts);
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(match parts {
            [one] => rustix::net::send(&self.stream, one, flags)?,
            many => rustix::net::sendmsg(&self.stream, many, &mut SendAncillaryBuffer::default(), flags)?,
        })
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if let Some(tunnel) = self.tunnel.get() {
            return tunnel.write(&self.stream, parts);
        }
        (&self.stream).write_vectored(parts)
    }

    fn prefetch(&self) {
        // It lies beside the descriptor.
        std::hint::black_box(self.is_read_shut.load(Ordering::Relaxed));
    }

    fn shutdown(&self, how: Shutdown) {
        if how != Shutdown::Write {
            self.is_read_shut.store(how == Shutdown::Read, Ordering::Relaxed);
        }
        if let (Some(tunnel), false) = (self.tunnel.get(), how == Shutdown::Read) {
            tunnel.close(&self.stream);
        }
        // A socket that is not connected any more is as shut as it can be.
        _ = self.stream.shutdown(how);
    }
}

/// Listens on `address` (`HOST:PORT`).
///
/// # Errors
/// The name does not resolve, or none of its addresses can be bound.
pub fn listen(address: &str) -> io::Result<TcpListener> {
    let addresses: Vec<_> = address.to_socket_addrs()?.collect();
    let listener = TcpListener::bind(&*addresses)?;
    // On a socket that listens already this only sets the backlog.
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}
