//! One connection: the thread that makes it and reads it to its end.
//!
//! The thread `client-reader` sends what it finds to the client's inbox, which is bounded: a program
//! that does not receive stops the reading, and with it the server. The thread blocks on making the
//! connection, then on its socket, then on the inbox, and ends when the socket is shut down or the
//! inbox is gone. Its last message is `Disconnected`, unless nobody is left to receive it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tungstenite::client::client_with_config;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::Uri;
use tungstenite::http::uri::InvalidUri;
use tungstenite::{ClientRequestBuilder, Error, Message};

use super::disconnect::Disconnect;
use super::socket::{self, ConnectOptions, Socket, SocketStream};
use roomd_protocol::Secret;

/// Characters of the reason for a refused handshake that a person is told.
const REASON_CHARS_MAX: usize = 50;

/// An item of a client's inbox.
pub enum InboxItem {
    /// There is a socket; the WebSocket handshake begins. It can be shut down from now on.
    Socket(Arc<Socket>),
    /// The handshake is done.
    Connected,
    /// A text frame.
    Frame(String),
    /// Any other frame.
    Alive,
    /// The connection ended, or could not be made. The last item of each connection.
    Disconnected(Disconnect),
    /// Not from a connection: a waker ends the wait of the caller's thread.
    Woken,
}

/// What a connection is made with.
pub struct ConnectionOptions {
    /// Where to connect.
    pub connect: ConnectOptions,
    /// The name to connect under; `None` is a guest.
    pub user: Option<String>,
    /// The token that proves who the user is.
    pub token: Option<Secret>,
}

/// Starts the thread of a connection.
///
/// # Errors
/// The machine gives no thread.
pub fn open(options: ConnectionOptions, inbox: SyncSender<InboxItem>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("client-reader".to_owned()).spawn(move || {
        let end = run(&options, &inbox);
        // Without a client nobody wants to know.
        _ = inbox.send(InboxItem::Disconnected(end));
    })
}

fn run(options: &ConnectionOptions, inbox: &SyncSender<InboxItem>) -> Disconnect {
    let stream = match socket::connect(&options.connect) {
        Ok(stream) => stream,
        Err(error) => return Disconnect::Unreachable(error),
    };
    let socket = Arc::clone(&stream.0);
    let gone = || Disconnect::Lost("the client is gone".to_owned());
    if inbox.send(InboxItem::Socket(Arc::clone(&socket))).is_err() {
        return gone();
    }
    let request = match handshake_request(options) {
        Ok(request) => request,
        Err(error) => return Disconnect::Unreachable(format!("no WebSocket: {error}")),
    };
    let mut frames = match client_with_config(request, SocketStream(Arc::clone(&socket)), Some(socket::config())) {
        Ok((frames, _)) => frames,
        Err(HandshakeError::Failure(error)) => return handshake_failed(error),
        Err(HandshakeError::Interrupted(_)) => return Disconnect::Unreachable("the server does not answer".to_owned()),
    };
    // From here on the state machine watches for silence: unlike a timeout it can send a ping first.
    if let Err(error) = socket.set_read_timeout(None) {
        return Disconnect::Lost(error.to_string());
    }
    if inbox.send(InboxItem::Connected).is_err() {
        return gone();
    }
    let mut close = None;
    loop {
        let item = match frames.read() {
            Ok(Message::Text(text)) => InboxItem::Frame(text.as_str().to_owned()),
            Ok(Message::Close(frame)) => {
                // 1005 stands for a close frame without a code (RFC 6455 §7.4.1).
                let parts = frame.map(|frame| (u16::from(frame.code), frame.reason.as_str().to_owned()));
                close = Some(parts.unwrap_or((1005, String::new())));
                continue;
            }
            Ok(_) => InboxItem::Alive,
            Err(error) => return end_of_stream(close, &error),
        };
        if inbox.send(item).is_err() {
            return gone();
        }
    }
}

/// The request of the WebSocket handshake. The server takes the name from the token, if there is one.
fn handshake_request(options: &ConnectionOptions) -> Result<ClientRequestBuilder, InvalidUri> {
    let user = options.user.as_deref().filter(|_| options.token.is_none());
    let request = ClientRequestBuilder::new(options.connect.address.for_user(user).parse::<Uri>()?);
    Ok(match &options.token {
        Some(token) => request.with_header("Authorization", format!("Bearer {}", token.reveal())),
        None => request,
    })
}

/// The handshake was answered with something else than a WebSocket, or broke off.
fn handshake_failed(error: Error) -> Disconnect {
    let Error::Http(response) = error else {
        return Disconnect::Unreachable(format!("no WebSocket: {error}"));
    };
    let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = response.body().as_deref().unwrap_or_default();
    let body = serde_json::from_slice::<serde_json::Value>(body).ok();
    let message = body.as_ref().and_then(|body| body["error"]["message"].as_str()).map(str::to_owned);
    let reason = message.unwrap_or_else(|| response.status().canonical_reason().unwrap_or("no WebSocket").to_owned());
    Disconnect::HandshakeRefused {
        status: response.status().as_u16(),
        retry_after: retry_after.map(Duration::from_secs),
        reason: reason.chars().take(REASON_CHARS_MAX).collect(),
    }
}

fn end_of_stream(close: Option<(u16, String)>, error: &Error) -> Disconnect {
    match (close, error) {
        (Some((code, reason)), _) => Disconnect::Closed { code, reason },
        (None, Error::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Disconnect::Lost(format!("the connection was lost: {error}"))
        }
        (None, Error::Capacity(_)) => Disconnect::Lost("the server sent a frame that is too large".to_owned()),
        (None, Error::Utf8(_)) => Disconnect::Lost("the server sent a frame that is not UTF-8".to_owned()),
        (None, Error::Protocol(error)) if *error != ProtocolError::ResetWithoutClosingHandshake => {
            Disconnect::Lost(format!("the server broke the WebSocket protocol: {error}"))
        }
        (None, _) => Disconnect::Lost("the connection was lost".to_owned()),
    }
}
