//! A socket as the engine's transport: of TCP, or a unix socket, which has no options of TCP.
//!
//! One socket is shared by a reader, a writer and brokers through one descriptor. A send from a
//! broker never blocks (`MSG_DONTWAIT`); the writer's does, for at most the write timeout. Once a
//! socket is sealed, it is read and written through its tunnel.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, sockopt};
use socket2::SockRef;

use crate::engine::clients::outbox::Transport;
use roomd_tls::{Application, Certificate, NoTunnel, Tunnel};

/// How long a drain lasts at most once the reading side is shut.
const SHUT_DRAIN_MAX: Duration = Duration::from_millis(300);
/// How often such a drain polls.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Bytes that the kernel takes beyond what is on its way, where it is to keep little. It wakes a writer when half of
/// them are gone.
const UNSENT_BYTES_MAX: u32 = 32 * 1024;
/// Reads of a discard, of 1 KiB each, at most.
const DISCARDS_MAX: usize = 64;

/// A connected socket.
pub struct Tcp {
    stream: TcpStream,
    /// Set by the handshake, while only the reader has the socket.
    tunnel: OnceLock<Arc<Tunnel>>,
    /// Whether the server has shut the reading side: then a read does not tell what the client does.
    is_read_shut: AtomicBool,
}

impl Tcp {
    /// Takes a socket over: small writes go out at once, a blocked write fails in time, and so does every call when the
    /// client has acknowledged nothing of what was sent for `unacknowledged_max` (RFC 5482, `TCP_USER_TIMEOUT`): while
    /// data is on its way the kernel's keep-alive is silent, and would find out after a quarter of an hour.
    ///
    /// # Errors
    /// The socket is not connected any more.
    pub fn new(stream: TcpStream, write_timeout: Duration, unacknowledged_max: Duration) -> io::Result<Self> {
        where_tcp(sockopt::set_tcp_nodelay(&stream, true))?;
        stream.set_write_timeout(Some(write_timeout))?;
        // The system takes zero for its own default.
        let unacknowledged_max = u32::try_from(unacknowledged_max.as_millis().max(1)).unwrap_or(u32::MAX);
        where_tcp(sockopt::set_tcp_user_timeout(&stream, unacknowledged_max))?;
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

    /// Whether the server has shut the reading side: then the end of what is read is not the client's.
    #[must_use]
    pub fn is_read_shut(&self) -> bool {
        self.is_read_shut.load(Ordering::Relaxed)
    }

    /// The id of the user whose process is at the other end of a unix socket.
    ///
    /// # Errors
    /// It is not one.
    pub fn peer_user(&self) -> io::Result<u32> {
        if self.stream.peer_addr().is_ok() {
            // The kernel has no user for an address of TCP, and gives one that looks like any other.
            return Err(Errno::OPNOTSUPP.into());
        }
        Ok(sockopt::socket_peercred(&self.stream)?.uid.as_raw())
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
        where_tcp(sockopt::set_tcp_keepidle(&self.stream, idle.max(Duration::from_secs(1))))?;
        where_tcp(sockopt::set_tcp_keepintvl(&self.stream, Duration::from_secs(5)))?;
        where_tcp(sockopt::set_tcp_keepcnt(&self.stream, 3))?;
        Ok(())
    }

    /// Has urgent bytes read in their order among the others: telnet marks with one how far an interrupt reaches.
    ///
    /// # Errors
    /// The socket is not connected any more.
    pub fn read_urgent_inline(&self) -> io::Result<()> {
        Ok(where_tcp(sockopt::set_socket_oobinline(&self.stream, true))?)
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
    /// socket with unread bytes would reset it, and the client could lose the last bytes sent to it. Returns whether
    /// the client has closed.
    pub fn drain(&self, timeout: Duration) -> bool {
        let is_read_shut = self.is_read_shut.load(Ordering::Relaxed);
        let until = Instant::now() + if is_read_shut { timeout.min(SHUT_DRAIN_MAX) } else { timeout };
        let mut buffer = [0; 1024];
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if !is_read_shut && self.set_read_timeout(left).is_err() {
                return true;
            }
            match self.read_socket(&mut buffer) {
                Ok(1..) => {}
                // A read on a side that is shut does not block, so arriving bytes have to be polled for; it does not
                // tell either whether the client has closed its side too.
                Ok(0) if is_read_shut && self.is_connected() => std::thread::sleep(POLL_INTERVAL.min(left)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                _ => return true,
            }
        }
        false
    }

    /// Discards what has arrived, and does not wait: after the client's own close frame nothing may follow.
    pub fn discard(&self) {
        let mut buffer = [0; 1024];
        // Bounded, for a client that goes on sending: its connection may be reset.
        for _ in 0..DISCARDS_MAX {
            match rustix::net::recv(&self.stream, &mut buffer, RecvFlags::DONTWAIT) {
                Ok((1.., _)) => {}
                _ => return,
            }
        }
    }

    /// Whether one of the two sides may still send: once both have closed, the kernel knows no peer any more. A unix
    /// socket refuses what is sent to a side that is shut, so nothing arrives there.
    fn is_connected(&self) -> bool {
        self.stream.peer_addr().is_ok()
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
        match (&self.stream).write_vectored(parts) {
            // The kernel wakes a writer when a third of its buffer, which may have megabytes, is free. A client that
            // reads slowly has freed less in this time, and that is progress: it is seen by a write that fits.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                self.try_write(parts)
            }
            written => written,
        }
    }

    fn keep_little_unsent(&self) {
        // A unix socket has no such option, and a socket that is not connected any more needs none.
        _ = SockRef::from(&self.stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
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

/// The result of setting an option of TCP; a unix socket has none.
fn where_tcp(set: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match set {
        Err(Errno::OPNOTSUPP) => Ok(()),
        set => set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_whose_cable_is_cut_is_given_up_in_time() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let socket = Tcp::new(stream, Duration::from_secs(10), Duration::from_secs(60)).unwrap();
        assert_eq!(sockopt::tcp_user_timeout(&socket.stream).unwrap(), 60_000);
        socket.set_keepalive(Duration::from_secs(54)).unwrap();
        assert_eq!(sockopt::tcp_user_timeout(&socket.stream).unwrap(), 60_000);
        assert_eq!(sockopt::tcp_keepidle(&socket.stream).unwrap(), Duration::from_secs(54));
    }

    #[test]
    fn little_waits_in_the_kernel_when_that_is_asked_for() {
        let (server, _client) = pair();
        assert!(SockRef::from(&server.stream).tcp_notsent_lowat().unwrap() != UNSENT_BYTES_MAX);
        server.keep_little_unsent();
        assert_eq!(SockRef::from(&server.stream).tcp_notsent_lowat().unwrap(), UNSENT_BYTES_MAX);
    }

    /// Both ends of a connection.
    fn pair() -> (Tcp, TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Tcp::new(listener.accept().unwrap().0, Duration::from_secs(10), Duration::from_secs(60)).unwrap(), client)
    }

    #[test]
    fn a_drain_ends_with_the_client_also_when_the_reading_side_is_shut() {
        for is_read_shut in [false, true] {
            let (server, mut client) = pair();
            if is_read_shut {
                server.shutdown(Shutdown::Read);
            }
            server.shutdown(Shutdown::Write);
            client.write_all(b"what nobody reads any more").unwrap();
            drop(client);
            assert!(server.drain(Duration::from_secs(20)), "read side shut: {is_read_shut}");
        }
    }

    #[test]
    fn a_drain_does_not_wait_forever_for_a_client_that_stays() {
        for is_read_shut in [false, true] {
            let (server, _client) = pair();
            if is_read_shut {
                server.shutdown(Shutdown::Read);
            }
            server.shutdown(Shutdown::Write);
            assert!(!server.drain(Duration::from_millis(1)), "read side shut: {is_read_shut}");
        }
    }

    #[test]
    fn a_discard_takes_what_has_arrived_and_waits_for_nothing() {
        let (server, mut client) = pair();
        client.write_all(&[b'x'; 5_000]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        // The end of the stream comes after the bytes.
        while server.stream.peek(&mut [0; 5_000]).unwrap() < 5_000 {}
        server.discard();
        assert_eq!(server.read(&mut [0; 1]).unwrap(), 0);
        let (server, _client) = pair();
        server.discard();
    }
}
