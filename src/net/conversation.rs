//! A conversation over any transport, on a thread of the pool: the client's reader.
//!
//! It attaches the outbox, sends the greeting, handles one item of input after the other, and ends the session
//! in the one way in which sessions end; then it waits a moment for the client's last bytes. A protocol
//! brings a [`Reader`] of its own, and has its encoding in `wire`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::context::ServerContext;
use super::tcp::Tcp;
use crate::chat::{Code, End, Identity, JoinOptions, Limits, Refusal, Request, RoomName};
use crate::engine::clients::connection::{Connection, ConnectionOptions};
use crate::engine::clients::outbox::{Outbox, Transport};
use crate::engine::clients::writer;
use crate::wire::Unparsed;

/// How long a client may take to close its side before its socket is closed.
const FAREWELL: Duration = Duration::from_secs(1);
/// When a client for which there was no thread may try again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Reads what a client sends, an item at a time.
pub trait Reader {
    /// What is read at once: a message, or a request.
    type Item;

    /// Blocks until the next item has arrived.
    ///
    /// # Errors
    /// Why there is no further item.
    fn receive(&mut self) -> Result<Self::Item, End>;

    /// What the client's own end is answered with, behind everything else; may be empty.
    fn reply_to_end(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

impl<R: Reader> Reader for Box<R> {
    type Item = R::Item;

    fn receive(&mut self) -> Result<R::Item, End> {
        (**self).receive()
    }

    fn reply_to_end(&mut self) -> Vec<u8> {
        (**self).reply_to_end()
    }
}

/// Handles what a client sends.
pub trait Handler {
    /// What is handled at once.
    type Item;

    /// Why the conversation has to end, if another thread has ended it.
    fn ended(&self) -> Option<End>;

    /// Handles one item. `Some` is the end of the conversation.
    fn handle(&mut self, item: Self::Item) -> Option<End>;

    /// Ends the conversation, and waits for the writer. `reply` is sent last, unless something else has to be.
    fn close(self: Box<Self>, end: End, reply: Vec<u8>);
}

/// A client's socket, and what its protocol asks of it.
pub struct Link<'a> {
    /// The server.
    pub context: &'a Arc<ServerContext>,
    /// The socket, past every handshake below the protocol.
    pub socket: &'a Arc<Tcp>,
    /// The limits that were in force when the conversation began, by which it goes on.
    pub limits: &'a Limits,
    /// How long a client may be silent; `None` where the kernel's keep-alive finds out that it is gone.
    pub read_timeout: Option<Duration>,
    /// What is sent first; may be empty.
    pub greeting: Vec<u8>,
    /// The last bytes for a client that is refused.
    pub refusal: fn(&Refusal) -> Vec<u8>,
}

/// How a session begins.
#[derive(Debug)]
pub struct ConversationStart {
    /// The encoding, and what the client chose.
    pub options: ConnectionOptions,
    /// Who the client is; `None` for one that has yet to show a token.
    pub identity: Option<Identity>,
    /// The room to enter.
    pub room: Option<FirstRoom>,
}

/// The room in which a conversation begins.
#[derive(Debug)]
pub enum FirstRoom {
    /// Entered at once: the client has asked for it.
    Now(RoomName),
    /// Entered with the first request that makes sense: the client has only connected.
    WithFirstRequest(RoomName),
}

/// Serves a client of the rooms to its end, over whatever `reader` reads from.
pub fn serve_conversation<R>(link: Link<'_>, start: ConversationStart, reader: impl FnOnce(&Arc<Outbox>) -> R)
where
    R: Reader<Item = Result<Request, Unparsed>>,
{
    let context = link.context;
    let ping = start.options.encoding.keep_alive().map(Bytes::from);
    let (total, transport) = (&context.engine.metrics.outbox_total, Arc::clone(link.socket) as Arc<dyn Transport>);
    let outbox = Outbox::new(total, transport, link.limits, ping);
    serve(link, outbox, |outbox| open(context, outbox, start), reader);
}

/// Opens the session and enters its first room. In a frame of its own, which is gone when the first request
/// is read.
#[inline(never)]
fn open(context: &ServerContext, outbox: &Arc<Outbox>, start: ConversationStart) -> Opened<Connection> {
    let ConversationStart { options, identity, room } = start;
    let needs_auth = identity.is_none();
    let identity = identity.unwrap_or_else(|| Identity::guest(context.engine.guest()));
    let mut connection = Connection::open(&context.engine, Arc::clone(outbox), options, identity);
    if needs_auth {
        connection.require_auth();
    }
    let begun = match room.filter(|_| connection.ended().is_none()) {
        Some(FirstRoom::Now(room)) => connection.begin(room, JoinOptions::default()),
        Some(FirstRoom::WithFirstRequest(room)) => {
            connection.begin_unheard(room);
            None
        }
        None => None,
    };
    let end = connection.ended().or(begun);
    Opened { handler: connection, end }
}

/// A handler, and the end of its conversation if that ended as it began.
pub struct Opened<H: ?Sized> {
    /// Handles what the client sends.
    pub handler: Box<H>,
    /// `Some`: nothing is read.
    pub end: Option<End>,
}

/// Serves any handler to its end. `open` is called when the greeting is sent, and `reader` after it.
pub fn serve<H, R>(
    link: Link<'_>,
    outbox: Arc<Outbox>,
    open: impl FnOnce(&Arc<Outbox>) -> Opened<H>,
    reader: impl FnOnce(&Arc<Outbox>) -> R,
) where
    H: Handler,
    R: Reader<Item = H::Item>,
{
    let Link { context, socket, .. } = link;
    if !begin(link, &outbox) {
        return;
    }
    let Opened { mut handler, end } = open(&outbox);
    let mut reader = reader(&outbox);
    drop(outbox);
    let end = end.unwrap_or_else(|| converse(&mut *handler, &mut reader));
    let reply = reader.reply_to_end();
    drop(reader);
    handler.close(context.engine.reason(end, socket.is_read_shut()), reply);
    if end == End::Closed {
        // Behind its own close frame a client sends nothing that could reset the connection.
        socket.discard();
    } else {
        socket.drain(FAREWELL);
    }
}

/// Gives the outbox its writer, now or when it needs one, and sends the greeting. False: the client is gone, or there is no thread for it.
#[inline(never)]
fn begin(link: Link<'_>, outbox: &Arc<Outbox>) -> bool {
    let Link { context, socket, read_timeout, greeting, refusal, .. } = link;
    if let Err(error) = context.engine.writers.attach(outbox) {
        log::warn!(error:% = error; "no thread for a connection");
        let full = Refusal::new(Code::Unavailable, "The server cannot serve a further connection now");
        // A client that is gone need not be told.
        _ = socket.write_all(&refusal(&Refusal { retry_after: Some(RETRY_AFTER), ..full }));
        return false;
    }
    let ready = socket.set_read_timeout(read_timeout).and_then(|()| socket.write_all(&greeting));
    if ready.is_err() {
        writer::finish(outbox, Vec::new(), 0);
    }
    ready.is_ok()
}

fn converse<H: Handler>(handler: &mut H, reader: &mut impl Reader<Item = H::Item>) -> End {
    loop {
        let item = match reader.receive() {
            Ok(item) => item,
            Err(end) => return end,
        };
        // What arrives after the end is not handled.
        if let Some(end) = handler.ended().or_else(|| handler.handle(item)) {
            return end;
        }
    }
}

impl Handler for Connection {
    type Item = Result<Request, Unparsed>;

    fn ended(&self) -> Option<End> {
        Self::ended(self)
    }

    fn handle(&mut self, request: Self::Item) -> Option<End> {
        Self::handle(self, request)
    }

    fn close(self: Box<Self>, end: End, reply: Vec<u8>) {
        Self::close_with(self, end, reply);
    }
}
