//! The route for conformance suites: each message comes back as it came.
//!
//! It reads and writes through the same parts as a conversation, so that what a suite finds of it
//! holds for those. On a thread of the pool.

use std::sync::Arc;

use super::conversation::{Handler, Link, Opened, serve as serve_handler};
use super::reader::{Received, WebSocketReader};
use crate::chat::{End, Limits, Slow};
use crate::engine::Engine;
use crate::engine::clients::outbox::{Outbox, Transport};
use crate::engine::clients::recipient::{Delivery, DeliveryMode, Recipient, Segment};
use crate::engine::clients::writer;
use crate::wire::Encoding;
use crate::wire::frame::{self, Opcode};

/// Bytes of a message, at most.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// Sends each message back.
struct Echo {
    engine: Arc<Engine>,
    outbox: Arc<Outbox>,
}

/// Serves an echo to its end. `tail` is what the client sent behind its request.
pub fn serve(link: Link<'_>, tail: Vec<u8>) {
    let engine = &link.context.engine;
    // A suite sends faster than it reads: the outbox holds some of its largest messages.
    let limits = Limits {
        outbox_bytes: 8 * MESSAGE_BYTES_MAX,
        outbox_total: usize::MAX,
        outbox_messages: 1_000_000,
        ..link.limits.clone()
    };
    let socket = link.socket;
    let outbox = Outbox::new(&Arc::default(), Arc::clone(socket) as Arc<dyn Transport>, &limits, None);
    let open = |outbox: &Arc<Outbox>| Opened {
        handler: Box::new(Echo { engine: Arc::clone(engine), outbox: Arc::clone(outbox) }),
        end: None,
    };
    let reader = |outbox: &Arc<Outbox>| {
        WebSocketReader::new(Arc::clone(socket), Arc::clone(outbox), tail, READ_BYTES, MESSAGE_BYTES_MAX)
    };
    serve_handler(link, outbox, open, reader);
}

impl Handler for Echo {
    type Item = Received;

    fn ended(&self) -> Option<End> {
        self.outbox.ended()
    }

    fn handle(&mut self, message: Received) -> Option<End> {
        let mut buffer = Vec::new();
        match message {
            Received::Text(text) => frame::append(Opcode::Text, text.as_bytes(), &mut buffer),
            Received::Binary(bytes) => frame::append(Opcode::Binary, &bytes, &mut buffer),
        }
        let segment = Segment::new(buffer.into(), (1, 0), true);
        self.outbox
            .deliver(Delivery::Segments(&[segment]), DeliveryMode::Policy(Slow::Disconnect))
            .err()
            .map(|_| End::Slow)
    }

    fn close(self: Box<Self>, end: End, reply: Vec<u8>) {
        let end = self.outbox.ended().unwrap_or(end);
        let close = Encoding::TextFrames.close(end);
        let deliveries = writer::finish(&self.outbox, if close.is_empty() { reply } else { close }, 0);
        self.engine.metrics.add_deliveries(deliveries);
    }
}
