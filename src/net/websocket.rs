//! A conversation over a WebSocket, on a thread of the pool: the client's reader.
//!
//! It starts the writer, hears the client out, and ends the session in the one way in which
//! sessions end; then it waits a moment for the client's answer to the close.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::incoming::ServerContext;
use super::reader::{Reader, Received};
use super::response::Response;
use super::tcp::Tcp;
use super::upgrade::Chat;
use crate::chat::{End, Identity};
use crate::engine::clients::connection::Connection;
use crate::engine::clients::outbox::{Outbox, Transport};
use crate::engine::clients::writer;
use crate::wire::Encoding;
use crate::wire::frame::{self, Opcode};

/// How long a client may take to answer our close before its socket is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes that are read at once. tungstenite keeps a buffer of this size for each client, and fills
/// it with zeros before each read: a larger one costs memory and time.
const READ_BYTES: usize = 1024;

/// Serves a conversation to its end. `head` is the answer to the handshake.
pub fn serve(context: &Arc<ServerContext>, socket: &Arc<Tcp>, chat: Chat, head: String, tail: Vec<u8>) {
    let limits = &context.settings.limits;
    let mut ping = Vec::new();
    frame::append(Opcode::Ping, b"", &mut ping);
    let outbox = Outbox::new(Arc::clone(socket) as Arc<dyn Transport>, limits, Some(Bytes::from(ping)));
    if !start(context, socket, &outbox, head) {
        return;
    }
    let needs_auth = chat.who.is_none();
    let who = chat.who.unwrap_or_else(|| Identity::guest(context.engine.guest()));
    let mut connection = Connection::open(&context.engine, Arc::clone(&outbox), chat.door, who);
    if needs_auth {
        connection.require_auth();
    }
    let mut reader = Reader::new(Arc::clone(socket), outbox, tail, READ_BYTES, limits.frame_bytes());
    let begun = connection.ended().or_else(|| chat.room.and_then(|(room, options)| connection.begin(room, options)));
    let end = begun.unwrap_or_else(|| converse(&mut connection, &mut reader, chat.door.encoding));
    drop(reader);
    connection.close(context.engine.reason(end));
    socket.drain(FAREWELL);
}

/// Starts the writer and answers the handshake; or says that there is no thread for it.
pub fn start(context: &ServerContext, socket: &Tcp, outbox: &Arc<Outbox>, head: String) -> bool {
    let writing = Arc::clone(outbox);
    if let Err(error) = context.engine.threads.spawn("writer", move || writer::run(writing)) {
        log::warn!(error:% = error; "no thread for a connection");
        let full = Response::error(503, "The server cannot serve a further connection now").with("Retry-After", "5");
        // The client may be gone; then nobody needs the answer.
        _ = socket.write_all(&full.bytes(true, false));
        return false;
    }
    let ready =
        socket.set_read_timeout(context.settings.limits.pong_timeout).and_then(|()| socket.write_all(head.as_bytes()));
    if ready.is_err() {
        outbox.finish(Vec::new(), 0);
        outbox.wait_done();
    }
    ready.is_ok()
}

fn converse(connection: &mut Connection, reader: &mut Reader, encoding: Encoding) -> End {
    loop {
        let text = match reader.receive() {
            Ok(Received::Text(text)) => text,
            Ok(Received::Binary(_)) => return End::Binary,
            Err(end) => return end,
        };
        let request = encoding.parse(&text);
        // What comes after the end is not heard.
        if let Some(end) = connection.ended() {
            return end;
        }
        // An empty line says nothing.
        if let Some(request) = request.transpose()
            && let Some(end) = connection.handle(request)
        {
            return end;
        }
    }
}
