//! A stream of the events of rooms: `GET /api/v1/rooms/R/events`, and `GET /api/v1/events?room=…` for several.
//!
//! It is the last response on its connection, and ends with it. The rooms are entered before its head is sent, so
//! whatever refuses the client is an ordinary response; what follows is a conversation like any other, in which the
//! client says nothing. On the connection's thread.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::api_request::{bad, room_of};
use super::head::RequestHead;
use super::origin::Origin;
use super::response::{Response, last_refusal};
use super::{bearer, preferences, query};
use crate::chat::{Code, End, Identity, Refusal, RoomName, UserName, Visibility};
use crate::engine::clients::connection::stream::{EnteredRooms, StreamRoom, enter};
use crate::engine::clients::connection::{Connection, ConnectionOptions};
use crate::engine::clients::outbox::{Outbox, Transport};
use crate::engine::guards::address::ClientAddress;
use crate::net::context::ServerContext;
use crate::net::conversation::{Handler, Link, Opened, Reader, serve};
use crate::net::tcp::Tcp;
use crate::wire::{Encoding, event_stream};

/// The media types of a stream, the first of which is sent to a client that accepts both.
const MEDIA_TYPES: [(&str, Encoding); 2] =
    [("text/event-stream", Encoding::EventStream), ("application/x-ndjson", Encoding::JsonLines)];

/// A stream that is granted: its rooms are entered.
pub struct EventStream {
    /// The head of the response.
    head: Vec<u8>,
    outbox: Arc<Outbox>,
    options: ConnectionOptions,
    identity: Identity,
    rooms: EnteredRooms,
}

/// What a request for a stream asks for.
struct Wanted {
    options: ConnectionOptions,
    identity: Identity,
    rooms: Vec<StreamRoom>,
}

/// The room that the path of a stream names; the inner `None`: the query names the rooms.
#[must_use]
pub fn room_in_path(path: &str) -> Option<Option<&str>> {
    if path == "/api/v1/events" {
        return Some(None);
    }
    let room = path.strip_prefix("/api/v1/rooms/")?.strip_suffix("/events")?;
    (!room.is_empty() && !room.contains('/')).then_some(Some(room))
}

/// Grants a stream to a request at one of their paths, which names this room or leaves that to the query. Blocks on the
/// rooms, which are entered.
///
/// # Errors
/// The response to a request that is refused.
#[inline(never)]
pub fn grant(
    context: &ServerContext,
    socket: &Arc<Tcp>,
    request: &RequestHead<'_>,
    (origin, address): (Origin<'_>, ClientAddress),
    room: Option<&str>,
) -> Result<EventStream, Response> {
    if origin == Origin::Foreign {
        return Err(Response::error(403, "This origin may not do that"));
    }
    let granted = enter_rooms(context, socket, request, (origin, address), room);
    granted.map_err(|response| origin.share(response))
}

fn enter_rooms(
    context: &ServerContext,
    socket: &Arc<Tcp>,
    request: &RequestHead<'_>,
    (origin, address): (Origin<'_>, ClientAddress),
    room: Option<&str>,
) -> Result<EventStream, Response> {
    let Some(choice) = preferences::media_type(request, &MEDIA_TYPES.map(|(name, _)| name)) else {
        return Err(Response::error(406, "A stream is text/event-stream or application/x-ndjson"));
    };
    let (media_type, encoding) = MEDIA_TYPES[choice];
    let engine = &context.engine;
    let refused = |refusal: Refusal| {
        engine.metrics.refused(refusal.code.as_str());
        Response::refusal(&refusal)
    };
    let Wanted { options, identity, rooms } = wanted(context, request, address, (room, encoding)).map_err(refused)?;
    let ping = encoding.keep_alive().map(Bytes::from);
    let transport = Arc::clone(socket) as Arc<dyn Transport>;
    let outbox = Outbox::new(&engine.metrics.outbox_total, transport, &context.settings.load().limits, ping);
    let rooms = enter(engine, &outbox, options, &identity, rooms).map_err(refused)?;
    // A proxy that gathers a response before it passes it on would hold the events back.
    let response = Response::new(200, media_type, Vec::new()).with("X-Accel-Buffering", "no");
    engine.metrics.responded(200);
    let mut head = origin.share(response.secured(socket)).head_of_stream();
    if encoding == Encoding::EventStream {
        head.extend(event_stream::beginning(End::Gone.retry_after(rooms.number())));
    }
    Ok(EventStream { head, outbox, options, identity, rooms })
}

/// What the path and the query of a request ask for.
fn wanted(
    context: &ServerContext,
    request: &RequestHead<'_>,
    address: ClientAddress,
    (room, encoding): (Option<&str>, Encoding),
) -> Result<Wanted, Refusal> {
    query::check(request.query)?;
    let value = |name| query::value(request.query, name);
    let rooms = match room {
        Some(room) => vec![room_of(room)?],
        None if value("pattern")?.is_some() => {
            return Err(bad("A stream names its rooms: a pattern is subscribed to over a WebSocket"));
        }
        None => {
            let names = query::values(request.query, "room")?;
            let rooms = names.iter().map(|name| RoomName::parse(name).map_err(|error| bad(format!("room {error}"))));
            rooms.collect::<Result<Vec<_>, _>>()?
        }
    };
    let most = context.settings.load().limits.rooms_per_connection;
    if rooms.is_empty() || rooms.len() > most {
        return Err(bad(format!("A stream has 1 to {most} rooms, each a parameter room")));
    }
    if rooms.iter().collect::<BTreeSet<_>>().len() < rooms.len() {
        return Err(bad("A stream has each room once"));
    }
    let user = value("user")?.map(|user| UserName::parse(&user)).transpose();
    let user = user.map_err(|error| bad(format!("user {error}")))?;
    let identity = bearer::client(context, request, user, rooms.first(), address.counted)?;
    let identity = identity.ok_or_else(|| Refusal::new(Code::Unauthorized, "Only those with a token may do that"))?;
    rooms.iter().try_for_each(|room| identity.allows(room))?;
    // A browser that connects again sends the field, and its address is still the first.
    let position = match request.value("Last-Event-ID") {
        Some(id) if !id.is_empty() => Some(id.to_owned()),
        _ => value("since")?,
    };
    let since = match position {
        Some(text) => event_stream::parse_positions(&text, rooms.len())?,
        None => vec![None; rooms.len()],
    };
    let latest = query::switch(request.query, "latest")?;
    let is_announced = query::flag(request.query, "announce")?.unwrap_or(false);
    let options = ConnectionOptions {
        encoding,
        echo: true,
        visibility: if is_announced { Visibility::Announced } else { Visibility::Hidden },
        join_history: query::join_history(request.query)?,
        address,
    };
    let rooms = rooms.into_iter().zip(since).map(|(room, since)| StreamRoom { room, since, latest }).collect();
    Ok(Wanted { options, identity, rooms })
}

impl EventStream {
    /// Serves the stream to its end. `tail` is what the client sent behind its request.
    pub fn serve(self, context: &Arc<ServerContext>, socket: &Arc<Tcp>, tail: &[u8]) {
        let Self { head, outbox, options, identity, rooms } = self;
        // With each ping it is looked whether something can still come.
        let settings = context.settings.load();
        let (limits, every) = (&settings.limits, Some(settings.limits.ping));
        let link = Link { context, socket, limits, read_timeout: every, greeting: head, refusal: last_refusal };
        let open = |outbox: &Arc<Outbox>| {
            let outbox = Arc::clone(outbox);
            let (connection, end) = Connection::open_stream(&context.engine, outbox, options, identity, rooms);
            Opened { handler: Box::new(Listener { connection }), end }
        };
        serve(link, outbox, open, |_| Silence { socket: Arc::clone(socket), is_broken: !tail.is_empty() });
    }
}

/// A connection whose client only listens.
struct Listener {
    connection: Box<Connection>,
}

impl Handler for Listener {
    type Item = ();

    fn ended(&self) -> Option<End> {
        self.connection.ended()
    }

    fn handle(&mut self, (): ()) -> Option<End> {
        self.connection.end_without_rooms()
    }

    fn close(self: Box<Self>, end: End, reply: Vec<u8>) {
        self.connection.close_with(end, reply);
    }
}

/// Reads what a client sends that has nothing more to say: its end. An item is a time in which nothing came.
struct Silence {
    socket: Arc<Tcp>,
    /// It has said something already.
    is_broken: bool,
}

impl Reader for Silence {
    type Item = ();

    fn receive(&mut self) -> Result<(), End> {
        if self.is_broken {
            return Err(End::Protocol);
        }
        match self.socket.read(&mut [0; 64]) {
            Ok(0) => Err(End::Left),
            // Nothing may follow the last request of a connection.
            Ok(_) => Err(End::Protocol),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(()),
            Err(_) => Err(End::Gone),
        }
    }
}
