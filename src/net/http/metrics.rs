//! The port of the figures (`--metrics`): `GET /metrics` for a Prometheus, and nothing else.
//!
//! Runs on that port's accept thread, one connection after the other, so that the figures can be read when every
//! place for a client is taken. Nobody shows a token here: the address is for a network that only operators
//! reach. A connection carries one request.

use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use super::head::{self, HeadError, RequestHead};
use super::response::{Persistence, Response};
use crate::engine::clients::outbox::Transport as _;
use crate::net::context::ServerContext;
use crate::net::tcp::Tcp;

/// Answers one request, whose head is due at the deadline.
pub fn serve(context: &Arc<ServerContext>, socket: &Tcp, deadline: Instant) {
    let mut buffer = Vec::new();
    let response = head::read(socket, &mut buffer, deadline).and_then(|_| {
        let mut fields = head::fields();
        let (request, _) = head::parse(&buffer, &mut fields)?.expect("the head is there whole");
        Ok(respond(context, &request))
    });
    let bytes = match response {
        Ok(bytes) => bytes,
        Err(HeadError::Status(status, message)) => Response::error(status, message).bytes(Persistence::Close, false),
        Err(HeadError::Gone) => return,
    };
    // A Prometheus that went away asks again.
    _ = socket.write_all(&bytes);
    socket.shutdown(Shutdown::Write);
}

fn respond(context: &ServerContext, request: &RequestHead<'_>) -> Vec<u8> {
    match (request.path, request.method) {
        ("/metrics", "GET" | "HEAD") => figures(context).bytes(Persistence::Close, request.method == "HEAD"),
        ("/metrics", _) => Response::error(405, "This method is not for this address")
            .with("Allow", "GET, HEAD")
            .bytes(Persistence::Close, false),
        _ => Response::error(404, "There is nothing here but /metrics").bytes(Persistence::Close, false),
    }
}

/// The figures of the server as a response: Prometheus' text format 0.0.4.
pub fn figures(context: &ServerContext) -> Response {
    Response::new(200, "text/plain; version=0.0.4; charset=utf-8", context.figures())
}
