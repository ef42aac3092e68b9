//! One client: a conversation, and the socket that carries it.
//!
//! The crowd owns them all, on the generator's thread.

use std::io;
use std::time::Instant;

use super::frames;
use super::socket::Socket;
use super::talk::{Talk, World};

/// Bytes that wait for a server that takes none, at most; then a message is withheld.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// See the module.
pub struct Client {
    /// `None` while it has no connection.
    pub socket: Option<Socket>,
    pub talk: Talk,
    /// What is being published, before it is in a frame.
    text: Vec<u8>,
}

impl Client {
    /// A client that has not begun.
    #[must_use]
    pub fn new(talk: Talk) -> Self {
        Self { socket: None, talk, text: Vec::new() }
    }

    /// Whether a message can be sent now.
    #[must_use]
    pub fn can_publish(&self) -> bool {
        let takes = |socket: &Socket| socket.unsent() < UNSENT_BYTES_MAX;
        self.talk.stage == super::talk::Stage::Present && self.socket.as_ref().is_some_and(takes)
    }

    /// Whether this one of its connections is open.
    #[must_use]
    pub fn lives(&self, life: u32) -> bool {
        self.socket.is_some() && self.talk.life == life
    }

    /// Reads once, at most `bytes_max`, and takes what came. Tells how many bytes came.
    ///
    /// # Errors
    /// If the connection is at its end.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        bytes_max: usize,
        now: Instant,
        world: &mut World<'_>,
    ) -> io::Result<usize> {
        let Self { socket: Some(socket), talk, .. } = self else { return Ok(0) };
        let end = buffer.len().min(socket.kept() + bytes_max);
        let count = socket.receive_once(&mut buffer[..end], |bytes| talk.take(bytes, now, world))?;
        world.meter.bytes_in += count as u64;
        Ok(count)
    }

    /// Sends a message whose text `write` appends, under its number.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn publish(&mut self, number: u32, write: impl FnOnce(&mut Vec<u8>), world: &mut World<'_>) -> io::Result<()> {
        let Self { talk, text, .. } = self;
        let mut body = std::mem::take(text);
        body.clear();
        write(&mut body);
        let mut words = Vec::with_capacity(body.len() + 64);
        talk.door.publish(&talk.room_name, number, &body, &mut words);
        *text = body;
        if talk.door.is_websocket() {
            frames::append_masked(&mut talk.replies, frames::TEXT, &words, number.to_ne_bytes());
        } else {
            talk.replies.append(&mut words);
            talk.replies.push(b'\n');
        }
        self.flush(world)
    }

    /// Sends what the conversation has for the server, as far as the kernel takes it.
    ///
    /// # Errors
    /// If the connection is broken.
    pub fn flush(&mut self, world: &mut World<'_>) -> io::Result<()> {
        let Self { socket: Some(socket), talk, .. } = self else { return Ok(()) };
        if socket.is_behind() {
            socket.flush()?;
        }
        if !talk.replies.is_empty() {
            world.meter.bytes_out += talk.replies.len() as u64;
            socket.send(&talk.replies)?;
            talk.replies.clear();
        }
        Ok(())
    }
}
