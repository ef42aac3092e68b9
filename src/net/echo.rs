//! The route for conformance suites: each message comes back as it came.
//!
//! It reads and writes through the same parts as a conversation, so that what a suite says of it
//! holds for those.

use std::sync::Arc;
use std::time::Duration;

use super::incoming::ServerContext;
use super::reader::{Reader, Received};
use super::tcp::Tcp;
use super::websocket::start;
use crate::chat::{End, Limits, Slow};
use crate::engine::clients::outbox::{Outbox, Transport};
use crate::engine::clients::recipient::{Care, Parcel, Piece, Recipient};
use crate::wire::frame::{self, Opcode};

/// Bytes of a message, at most.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// Serves an echo to its end.
pub fn serve(context: &Arc<ServerContext>, socket: &Arc<Tcp>, head: String, tail: Vec<u8>) {
    // A suite sends faster than it reads: room for some of its largest messages.
    let limits =
        Limits { outbox_bytes: 8 * MESSAGE_BYTES_MAX, outbox_messages: 1_000_000, ..context.settings.limits.clone() };
    let outbox = Outbox::new(Arc::clone(socket) as Arc<dyn Transport>, &limits, None);
    if !start(context, socket, &outbox, head) {
        return;
    }
    let mut reader = Reader::new(Arc::clone(socket), Arc::clone(&outbox), tail, READ_BYTES, MESSAGE_BYTES_MAX);
    let end = echo(&mut reader, &outbox);
    let end = outbox.ended().unwrap_or(context.engine.reason(end));
    let last_words = end.close_code().map_or(Vec::new(), |code| frame::close(code, end.word()));
    outbox.finish(last_words, 0);
    context.engine.metrics.add_deliveries(outbox.wait_done());
    socket.drain(Duration::from_secs(1));
}

fn echo(reader: &mut Reader, outbox: &Outbox) -> End {
    loop {
        let mut buffer = Vec::new();
        match reader.receive() {
            Ok(Received::Text(text)) => frame::append(Opcode::Text, text.as_bytes(), &mut buffer),
            Ok(Received::Binary(bytes)) => frame::append(Opcode::Binary, &bytes, &mut buffer),
            Err(end) => return end,
        }
        let piece = Piece { part: 0..buffer.len(), buffer: buffer.into(), events: 1, messages: 0, reply: true };
        if outbox.take(Parcel::Pieces(&[piece]), Care::Policy(Slow::Disconnect)).is_err() {
            return End::Slow;
        }
    }
}
