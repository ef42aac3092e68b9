//! A conversation over a WebSocket: its requests are its frames.
//!
//! Called on a thread of the pool, once the handshake is granted; the rest of the conversation is
//! `conversation`'s.

use std::sync::Arc;

use super::conversation::{ConversationStart, Link, Reader, serve_conversation};
use super::reader::{Received, WebSocketReader};
use crate::chat::{End, Request};
use crate::wire::{Encoding, Unparsed};

/// Bytes that are read at once. tungstenite keeps a buffer of this size for each client, and fills
/// it with zeros before each read: a larger one costs memory and time.
const READ_BYTES: usize = 1024;

/// Serves a conversation to its end. `tail` is what the client sent behind its request.
pub fn serve(link: Link<'_>, start: ConversationStart, tail: Vec<u8>) {
    let (socket, encoding) = (link.socket, start.options.encoding);
    let bytes_max = link.limits.frame_bytes();
    serve_conversation(link, start, |outbox| RequestReader {
        messages: WebSocketReader::new(Arc::clone(socket), Arc::clone(outbox), tail, READ_BYTES, bytes_max),
        encoding,
    });
}

/// Parses the frames of a WebSocket.
struct RequestReader {
    messages: Box<WebSocketReader>,
    encoding: Encoding,
}

impl Reader for RequestReader {
    type Item = Result<Request, Unparsed>;

    fn receive(&mut self) -> Result<Self::Item, End> {
        loop {
            match self.messages.receive()? {
                Received::Text(text) => {
                    // An empty text asks for nothing.
                    if let Some(request) = self.encoding.parse(&text).transpose() {
                        return Ok(request);
                    }
                }
                Received::Binary(frame) => return self.encoding.parse_binary(&frame).ok_or(End::Binary),
            }
        }
    }
    fn reply_to_end(&mut self) -> Vec<u8> {
        self.messages.reply_to_end()
    }
}
