//! The IRC door: a conversation whose state is here, on its reader's thread, and nowhere else.
//!
//! A client registers first (`registration`): that is a loop over its socket, and neither the engine nor anybody else
//! knows of it. Then its conversation begins like any other, with a `Connection` of the engine. What a line asks for is
//! a request to that connection, a question to the engine, or answered from the state of the conversation: its nick, its
//! capabilities. What rooms say is printed by `wire/irc`, which knows of no conversation; so an IRC client costs a room
//! what any other costs it.
//!
//! The answers to a client come in the order of its requests: before the door answers by itself, the rooms have
//! delivered what they accepted from the client.

mod capabilities;
mod client;
mod commands;
mod conversation;
mod labels;
mod monitor;
pub mod reader;
mod registration;
mod welcome;

use std::sync::Arc;
use std::time::Instant;

use super::context::ServerContext;
use super::conversation::{Link, Opened, serve as serve_handler};
use super::lines::when;
use super::remote_address::RemoteAddress;
use super::tcp::Tcp;
use crate::chat::{Refusal, Visibility};
use crate::engine::clients::connection::{Connection, ConnectionOptions};
use crate::engine::clients::outbox::{Outbox, Transport};
use crate::wire::Encoding;
pub use commands::all as command_names;
use conversation::Conversation;
use reader::LineReader;
use registration::Registered;

/// Serves an IRC client to its end; it has to be registered by the deadline.
pub fn serve(context: &Arc<ServerContext>, socket: &Arc<Tcp>, remote: RemoteAddress, deadline: Instant) {
    let mut reader = LineReader::new(Arc::clone(socket));
    let address = remote.address(context);
    match registration::register(context, socket, &mut reader, address.counted, deadline) {
        Some(registered) => converse(context, socket, &remote, reader, registered),
        None => _ = socket.drain(registration::FAREWELL),
    }
    // It counts among the connections of its address until it has ended.
    drop(remote);
}

fn converse(
    context: &Arc<ServerContext>,
    socket: &Arc<Tcp>,
    remote: &RemoteAddress,
    mut reader: LineReader,
    registered: Registered,
) {
    let Registered { mut client, identity, reservation } = registered;
    let settings = context.settings.load();
    let limits = &settings.limits;
    let encoding = Encoding::Irc(client.capabilities.traits());
    let address = remote.address(context);
    let visibility = Visibility::Announced;
    let options = ConnectionOptions { encoding, echo: false, visibility, join_history: 0, address };
    let ping = encoding.keep_alive().map(Into::into);
    let (total, transport) = (&context.engine.metrics.outbox_total, Arc::clone(socket) as Arc<dyn Transport>);
    let outbox = Outbox::new(total, transport, limits, ping);
    welcome::write(context, &mut client);
    // The last line of the welcome comes when the client has been given what waits for it.
    let mut greeting = std::mem::take(&mut client.out);
    let last_line = greeting[..greeting.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    client.out = greeting.split_off(last_line);
    let link = Link { context, socket, limits, read_timeout: Some(limits.pong_timeout), greeting: Vec::new(), refusal };
    let open = |outbox: &Arc<Outbox>| {
        let connection = Connection::open_with(&context.engine, Arc::clone(outbox), options, identity, greeting.into());
        drop(reservation);
        let end = connection.ended();
        let own = connection.as_others_see();
        own.set_real_name(client.real_name.clone());
        client.ident.iter().for_each(|ident| context.engine.directory.set_ident(own, ident));
        let mut handler =
            Conversation::new(Arc::clone(context), Arc::clone(outbox), connection, client, socket.is_sealed());
        handler.send(true);
        Opened { handler: Box::new(handler), end }
    };
    reader.end_deadline();
    serve_handler(link, outbox, open, |_| reader);
}

/// The last line for a client that is refused.
pub fn refusal(refusal: &Refusal) -> Vec<u8> {
    format!("ERROR :Closing link: {refusal}{}\r\n", when(refusal)).into_bytes()
}

/// The last line for a client that does not speak TLS where the server does.
pub fn not_tls() -> Vec<u8> {
    b"ERROR :Closing link: This port speaks TLS\r\n".to_vec()
}

/// The line for a client that waits to be served.
pub fn waiting(ahead: usize) -> String {
    format!("NOTICE * :Waiting to be served: {ahead} ahead of you\r\n")
}
