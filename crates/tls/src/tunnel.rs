//! One TLS connection, shared by a reader, a writer and brokers.
//!
//! One mutex around rustls, held for encryption, decryption and system calls that do not block; a thread that
//! waits for the socket waits without it. Records are encrypted in the order in which they are sent, because
//! both happen under the lock.
//!
//! Bytes count as written when the kernel has taken all of the record that holds them. What did not fit
//! stays encrypted here, is reported as not written, and its length is remembered: the next write brings the
//! same bytes again, as an outbox does, and they are not encrypted twice.

use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use rustls::{Connection, Error};

/// Bytes that are encrypted before the kernel has taken them, at most: a round of a broker that is
/// larger goes out in several writes.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// See the module. The socket is an argument, since its owner reads and writes it before TLS begins.
pub struct Tunnel {
    state: Mutex<State>,
}

struct State {
    connection: Connection,
    /// Bytes that were encrypted and reported as not written.
    held: usize,
    /// Encrypted bytes that the socket has taken, ever.
    sent: u64,
}

impl Tunnel {
    /// A tunnel that begins with the next read, write or handshake.
    #[must_use]
    pub fn new(mut connection: Connection) -> Arc<Self> {
        connection.set_buffer_limit(Some(AHEAD_BYTES_MAX));
        Arc::new(Self { state: Mutex::new(State { connection, held: 0, sent: 0 }) })
    }

    /// Completes the handshake. Blocks until the deadline at most; sets the read timeout of the
    /// socket. `compute` has [`Tunnel::compute`] called, on whichever thread.
    ///
    /// # Errors
    /// `TimedOut`; `InvalidData` when the two do not agree, which the peer has been told; otherwise
    /// what the socket says.
    pub fn shake_hands(
        &self,
        socket: &TcpStream,
        deadline: Instant,
        compute: impl Fn() -> io::Result<()>,
    ) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let (behind, over) = {
                let mut state = self.state.lock();
                let behind = !state.flush(socket)?;
                (behind, !state.connection.is_handshaking())
            };
            if over {
                return Ok(());
            }
            if behind {
                wait_for_room(socket, Some(left))?;
                continue;
            }
            socket.set_read_timeout(Some(left))?;
            match wait_for_bytes(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                waited => waited?,
            }
            if self.state.lock().take_in(socket)? == Some(0) {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            let computed = compute();
            if computed.is_err() {
                // The alert; a peer that takes nothing learns nothing.
                _ = self.state.lock().flush(socket);
            }
            computed?;
        }
    }

    /// Processes what was received: a step of the handshake, or data to read.
    ///
    /// # Errors
    /// `InvalidData` for what is not TLS, and where the two sides do not agree.
    pub fn compute(&self) -> io::Result<()> {
        self.state.lock().compute()
    }

    /// Reads what has arrived; blocks until something has, or until the socket's read timeout. 0 after the peer's
    /// close_notify.
    ///
    /// # Errors
    /// `WouldBlock` after the timeout; `ConnectionReset` when the stream ends without close_notify, so that an
    /// attacker who cuts it cannot pass for the peer; `InvalidData` for what is not TLS.
    pub fn read(&self, socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state.lock().connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                read => return read,
            }
            wait_for_bytes(socket)?;
            let mut state = self.state.lock();
            if state.take_in(socket)?.is_some() {
                let computed = state.compute();
                // The response to it; what does not fit goes out with the next write.
                _ = state.flush(socket);
                computed?;
            }
        }
    }

    /// Encrypts and sends what fits now; does not block. The next call has to bring again what it reports as
    /// not written.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits; anything else is the end of the connection.
    pub fn try_write(&self, socket: &TcpStream, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.state.lock();
        if !state.flush(socket)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if state.held > 0 {
            return Ok(std::mem::take(&mut state.held));
        }
        let taken = state.connection.writer().write_vectored(parts)?;
        if state.flush(socket)? {
            return Ok(taken);
        }
        state.held = taken;
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Sends at least one byte, if there is one. Blocks, at most for the socket's write timeout.
    ///
    /// # Errors
    /// `TimedOut` when nothing went in time; every error is the end of the connection.
    pub fn write(&self, socket: &TcpStream, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            match self.try_write(socket, parts) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match wait_for_room(socket, socket.write_timeout()?) {
                        // The kernel tells of room when a third of its buffer is free. A peer that reads slowly may
                        // have freed less in this time: bytes that the socket takes are progress too.
                        Err(timed_out) if timed_out.kind() == io::ErrorKind::TimedOut => {
                            if !self.advance(socket)? {
                                return Err(timed_out);
                            }
                        }
                        waited => waited?,
                    }
                }
                written => return written,
            }
        }
    }

    /// Sends what is encrypted, as far as the socket takes it now; whether it took anything.
    fn advance(&self, socket: &TcpStream) -> io::Result<bool> {
        let mut state = self.state.lock();
        let before = state.sent;
        state.flush(socket)?;
        Ok(state.sent > before)
    }

    /// Sends all. Blocks while the socket is full.
    ///
    /// # Errors
    /// As [`Tunnel::write`].
    pub fn write_all(&self, socket: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.write(socket, &[IoSlice::new(bytes)])?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Sends close_notify, as far as the socket takes it now.
    pub fn close(&self, socket: &TcpStream) {
        let mut state = self.state.lock();
        state.connection.send_close_notify();
        // A peer that takes nothing, or is gone, does not get it.
        _ = state.flush(socket);
    }

    /// Whether encrypted bytes wait that no further write will send.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.state.lock().connection.wants_write()
    }
}

impl State {
    /// Sends what is encrypted; returns whether the socket took all of it.
    fn flush(&mut self, socket: &TcpStream) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut NoWait(socket)) {
                Ok(count) => self.sent += count as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Receives what the socket has; the number of bytes. `Some(0)` at the end of the stream, `None` when there
    /// was nothing.
    fn take_in(&mut self, socket: &TcpStream) -> io::Result<Option<usize>> {
        match self.connection.read_tls(&mut NoWait(socket)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            taken => taken.map(Some),
        }
    }

    fn compute(&mut self) -> io::Result<()> {
        let strange = self.connection.is_handshaking();
        let Err(error) = self.connection.process_new_packets() else { return Ok(()) };
        Err(match error {
            Error::InvalidMessage(_) if strange => io::Error::new(io::ErrorKind::InvalidData, "what came is no TLS"),
            error => io::Error::new(io::ErrorKind::InvalidData, error),
        })
    }
}

/// A socket whose calls never block, whatever its flags say.
struct NoWait<'a>(&'a TcpStream);

impl io::Read for NoWait<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(self.0, buffer, RecvFlags::DONTWAIT)?.0)
    }
}

impl io::Write for NoWait<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match parts {
            [one] => Ok(rustix::net::send(self.0, one, flags)?),
            many => Ok(rustix::net::sendmsg(self.0, many, &mut SendAncillaryBuffer::default(), flags)?),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Blocks until there is something to read, or the end of the stream, at most for the read timeout.
fn wait_for_bytes(socket: &TcpStream) -> io::Result<()> {
    loop {
        match socket.peek(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            peeked => return peeked.map(drop),
        }
    }
}

/// Blocks until the socket takes something; `None` is without a limit.
fn wait_for_room(socket: &TcpStream, patience: Option<Duration>) -> io::Result<()> {
    let patience = patience.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
    let mut waiting = [PollFd::new(socket, PollFlags::OUT)];
    match poll(&mut waiting, patience.as_ref()) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        // Interrupted: the caller tries again, and waits again.
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
