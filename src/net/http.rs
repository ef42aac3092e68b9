//! One connection at the HTTP port, on a thread of the pool: requests until the last, or until one
//! becomes a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use tungstenite::http::{Method, Request, Version, header};

use super::callers::House;
use super::head::{self, HeadError};
use super::response::Response;
use super::routes::{self, Visit};
use super::tcp::Tcp;
use super::upgrade::{self, Upgrade};
use crate::chat::rate::Bucket;
use crate::engine::outbox::Transport;

/// Requests that one connection may make; after the last it is closed.
const REQUESTS_MAX: usize = 100;
/// How long a peer may take to read our last words before its socket is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves a connection to its end. The body of a job of the pool.
pub fn serve(house: &Arc<House>, socket: &Arc<Tcp>) {
    let limits = &house.settings.limits;
    let mut rate = Bucket::new(limits.rate_burst, limits.rate_per_s);
    let mut buffer = Vec::new();
    for turn in 1..=REQUESTS_MAX {
        let answer = match head::read(socket, &mut buffer, limits.head_timeout) {
            Ok(request) => answer(house, socket, &request, &mut buffer, &mut rate),
            Err(HeadError::Gone) => return,
            Err(HeadError::Status(status, message)) => Some(Answer::last(Response::error(status, message))),
        };
        // `None`: the peer is gone, or the connection was a WebSocket and is over.
        let Some(Answer { response, close, head_only }) = answer else { return };
        let close = close || turn == REQUESTS_MAX || house.engine.hub.is_closing();
        if socket.write_all(&response.bytes(close, head_only)).is_err() {
            return;
        }
        if close {
            socket.shutdown(std::net::Shutdown::Write);
            socket.drain(FAREWELL);
            return;
        }
    }
}

struct Answer {
    response: Response,
    close: bool,
    head_only: bool,
}

impl Answer {
    fn last(response: Response) -> Self {
        Self { response, close: true, head_only: false }
    }
}

fn answer(
    house: &Arc<House>,
    socket: &Arc<Tcp>,
    request: &Request<()>,
    buffer: &mut Vec<u8>,
    rate: &mut Bucket,
) -> Option<Answer> {
    let close = asks_to_close(request);
    let head_only = request.method() == Method::HEAD;
    let length = match head::body_length(request.headers()) {
        Ok(length) => length,
        Err(HeadError::Status(status, message)) => return Some(Answer::last(Response::error(status, message))),
        Err(HeadError::Gone) => return None,
    };
    if length > body_max(house) {
        return Some(Answer::last(Response::error(413, "The body is too large")));
    }
    if let Some(wanted) = upgrade::wanted(house, request) {
        return match wanted {
            Ok(upgrade) => {
                Upgrade::serve(upgrade, house, socket, request, std::mem::take(buffer));
                None
            }
            Err(response) => Some(Answer { response, close: close || length > 0, head_only }),
        };
    }
    if let Some(response) = expectation(socket, request, buffer, length)? {
        return Some(Answer::last(response));
    }
    let body = match head::read_body(socket, buffer, length, house.settings.limits.head_timeout) {
        Ok(body) => body,
        Err(HeadError::Status(status, message)) => return Some(Answer::last(Response::error(status, message))),
        Err(HeadError::Gone) => return None,
    };
    let response = routes::answer(house, &mut Visit { request, body, rate });
    Some(Answer { response, close, head_only })
}

/// Answers an `Expect` (RFC 9110 §10.1.1): the outer `None` when the peer is gone.
#[allow(clippy::option_option)]
fn expectation(socket: &Tcp, request: &Request<()>, buffer: &[u8], length: usize) -> Option<Option<Response>> {
    let Some(expected) = request.headers().get(header::EXPECT) else { return Some(None) };
    if !expected.as_bytes().eq_ignore_ascii_case(b"100-continue") {
        return Some(Some(Response::error(417, "Only 100-continue can be expected")));
    }
    if buffer.len() < length {
        socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    Some(None)
}

/// Bytes of a body: a message, with escapes, in its object.
fn body_max(house: &House) -> usize {
    house.settings.limits.frame_bytes()
}

fn asks_to_close(request: &Request<()>) -> bool {
    let connection = request.headers().get_all(header::CONNECTION);
    let says = |word: &str| {
        connection
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|text| text.split(',').any(|t| t.trim().eq_ignore_ascii_case(word)))
    };
    says("close") || (request.version() != Version::HTTP_11 && !says("keep-alive"))
}
