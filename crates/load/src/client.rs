//! One virtual client: a session, and the socket that carries it.
//!
//! [`Clients`](crate::clients::Clients) owns them, on the generator's thread.

use std::io;
use std::time::Instant;

use crate::frames;
use crate::run_state::RunState;
use crate::session::Session;
use crate::socket::Socket;

/// Unsent bytes that may wait for a server that reads none; beyond them a message is withheld.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// See the module.
pub struct Client {
    /// `None` while it has no connection.
    pub socket: Option<Socket>,
    pub session: Session,
    /// The text that is being published, before it is in a frame; kept for its capacity.
    text: Vec<u8>,
}

impl Client {
    /// A client that has not connected yet.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { socket: None, session, text: Vec::new() }
    }

    /// Whether a message can be sent now.
    #[must_use]
    pub fn can_publish(&self) -> bool {
        let takes = |socket: &Socket| socket.unsent() < UNSENT_BYTES_MAX;
        self.session.stage == crate::session::Stage::Joined && self.socket.as_ref().is_some_and(takes)
    }

    /// Whether this one of its connections is still open.
    #[must_use]
    pub fn is_open(&self, connection: u32) -> bool {
        self.socket.is_some() && self.session.connection == connection
    }

    /// Reads once, at most `bytes_max`, and handles what arrived. Returns how many bytes that was.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        bytes_max: usize,
        now: Instant,
        state: &mut RunState<'_>,
    ) -> io::Result<usize> {
        let Self { socket: Some(socket), session, .. } = self else { return Ok(0) };
        let end = buffer.len().min(socket.kept() + bytes_max);
        let count = socket.receive_once(&mut buffer[..end], |bytes| session.receive(bytes, now, state))?;
        state.metrics.bytes_in += count as u64;
        Ok(count)
    }

    /// Sends a message whose text `write` appends, under its number.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn publish(
        &mut self,
        number: u32,
        write: impl FnOnce(&mut Vec<u8>),
        state: &mut RunState<'_>,
    ) -> io::Result<()> {
        let Self { session, text, .. } = self;
        let mut body = std::mem::take(text);
        body.clear();
        write(&mut body);
        let mut command = session.publish_command(number, &body, state);
        *text = body;
        if session.protocol.is_websocket() {
            frames::append_masked(&mut session.outgoing, frames::TEXT, &command, number.to_ne_bytes());
        } else {
            session.outgoing.append(&mut command);
            session.outgoing.push(b'\n');
        }
        self.flush(state)
    }

    /// Sends what the session has for the server, as far as the kernel takes it.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn flush(&mut self, state: &mut RunState<'_>) -> io::Result<()> {
        let Self { socket: Some(socket), session, .. } = self else { return Ok(()) };
        if socket.has_unsent() {
            socket.flush()?;
        }
        if !session.outgoing.is_empty() {
            state.metrics.bytes_out += session.outgoing.len() as u64;
            socket.send(&session.outgoing)?;
            session.outgoing.clear();
        }
        Ok(())
    }
}
