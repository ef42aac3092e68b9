//! The reading half of a WebSocket: it reads from the socket and "writes" into the outbox.
//!
//! tungstenite answers pings and closes by writing whole frames from inside `read`; pongs go into the
//! outbox with everything else that is for this client, so that one place writes to the socket. The answer to a close
//! frame is kept until the rooms have delivered what they still owe: after it nothing may follow (RFC 6455 §5.5.1).

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, Utf8Bytes, WebSocket};

use super::conversation::Reader;
use super::tcp::Tcp;
use super::utf8_watch::Utf8Watch;
use crate::chat::End;
use crate::engine::clients::outbox::Outbox;
use crate::wire::frame;

/// A message of a client.
#[derive(Debug)]
pub enum Received {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
}

/// Reads the messages of a WebSocket.
pub struct WebSocketReader {
    socket: WebSocket<Stream>,
}

/// The stream that tungstenite reads and writes.
struct Stream {
    socket: Arc<Tcp>,
    outbox: Arc<Outbox>,
    /// The answer to the client's close frame.
    close_reply: Vec<u8>,
    /// Sees what tungstenite is yet to get, and has found it wrong.
    utf8: Utf8Watch,
    is_not_utf8: bool,
}

impl WebSocketReader {
    /// The reader of a connection whose client sent `tail` behind its request. It reads `read_bytes` at
    /// once; a message may have `bytes_max` bytes. In a box, to keep the stack of its thread short.
    #[must_use]
    #[inline(never)]
    pub fn new(socket: Arc<Tcp>, outbox: Arc<Outbox>, tail: Vec<u8>, read_bytes: usize, bytes_max: usize) -> Box<Self> {
        let config = WebSocketConfig::default()
            .read_buffer_size(read_bytes)
            .write_buffer_size(0)
            .max_write_buffer_size(1024)
            .max_message_size(Some(bytes_max))
            .max_frame_size(Some(bytes_max));
        let mut utf8 = Utf8Watch::new(bytes_max);
        let is_not_utf8 = utf8.see(&tail).is_err();
        let stream = Stream { socket, outbox, close_reply: Vec::new(), utf8, is_not_utf8 };
        Box::new(Self { socket: WebSocket::from_partially_read(stream, tail, Role::Server, Some(config)) })
    }
}

impl Reader for WebSocketReader {
    type Item = Received;

    /// Blocks at most for the socket's read timeout; then the client is silent.
    fn receive(&mut self) -> Result<Received, End> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(Received::Text(text)),
                Ok(Message::Binary(bytes)) => return Ok(Received::Binary(bytes)),
                // The answer is on its way; a close is answered, and then `ConnectionClosed` comes.
                Ok(_) => {}
                Err(error) => return Err(end_of(&error)),
            }
        }
    }

    fn reply_to_end(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.socket.get_mut().close_reply)
    }
}

/// Why a connection ends after this error.
fn end_of(error: &Error) -> End {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => End::Closed,
        Error::Io(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => End::Silent,
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => End::BadUtf8,
        Error::Io(_) | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => End::TooLarge,
        Error::Utf8(_) => End::BadUtf8,
        _ => End::Protocol,
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_not_utf8 {
            // The messages before it are read; of this one nothing more needs to arrive.
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = self.socket.read(buffer)?;
        self.is_not_utf8 = self.utf8.see(&buffer[..count]).is_err();
        Ok(count)
    }
}

impl Write for Stream {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        if frame::is_close(frames) {
            self.close_reply = frames.to_vec();
            return Ok(frames.len());
        }
        let sent = self.outbox.control(Bytes::copy_from_slice(frames));
        // An outbox that takes no more is the end of the connection.
        sent.map(|()| frames.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
