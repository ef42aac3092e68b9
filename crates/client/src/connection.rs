//! One connection: a thread that makes it and reads it to its end, and the half that writes.
//!
//! The thread `client-reader` sends what it finds to the client's inbox, which is bounded: a program
//! that does not receive stops the reading, and so tells the server. It blocks on making the
//! connection, then on its socket, then on the inbox, and ends when the socket is shut down or the
//! inbox is gone; its last word is always `Ended`, unless nobody is left to hear it.
//!
//! Two write to one socket: the reader answers pings, the caller's thread says what the program says.
//! One lock keeps their frames apart. It is held for as long as a write takes, which the socket's
//! write timeout bounds: who waits for it wants nothing but to write, too.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tungstenite::client::client_with_config;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::Uri;
use tungstenite::http::uri::InvalidUri;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{ClientRequestBuilder, Error, Message, WebSocket};

use super::address::Address;
use super::disconnect::Ended;
use roomd_protocol::Secret;
use roomd_tls::{Application, Dialer, Tunnel};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;
/// Bytes of one frame from the server, at most: an answer of 300 messages of 64 KiB fits.
const FRAME_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of what a server says when it gives no WebSocket, of which a person is told.
const REASON_BYTES_MAX: usize = 200;

/// What a connection tells its client.
pub enum Heard {
    /// There is a socket; the handshake begins. It can be shut down from now on.
    Connected(Arc<Wire>),
    /// The handshake is over.
    Opened,
    /// A text frame.
    Frame(String),
    /// Another sign of life.
    Alive,
    /// The last word.
    Ended(Ended),
    /// Not from the connection: somebody wants the caller's thread to look up.
    Woken,
}

/// The socket of a connection.
pub struct Wire {
    stream: TcpStream,
    tunnel: Option<Arc<Tunnel>>,
    writing: Mutex<()>,
}

impl Wire {
    /// Ends the connection: its reader finds the end of the stream.
    pub fn hang_up(&self) {
        if let Some(tunnel) = &self.tunnel {
            tunnel.close(&self.stream);
        }
        // It may have ended already.
        _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// The half of a connection that the caller's thread holds.
pub struct Writer {
    socket: WebSocket<Half>,
}

impl Writer {
    /// The writing half of a connection that is open.
    #[must_use]
    pub fn new(wire: &Arc<Wire>) -> Self {
        let socket = WebSocket::from_raw_socket(Half(Arc::clone(wire)), Role::Client, Some(config()));
        Self { socket }
    }

    /// Sends a text frame. Blocks until the socket has taken it, at most for the write timeout.
    ///
    /// # Errors
    /// Whatever it is, the connection is broken.
    pub fn send(&mut self, text: String) -> Result<(), Error> {
        self.socket.send(Message::text(text))
    }

    /// Says that nothing more will be said, with 1000 (RFC 6455 §7.4.1). Blocks as `send` does.
    pub fn close(&mut self) {
        let frame = CloseFrame { code: 1000.into(), reason: "".into() };
        // If it cannot be said the connection is broken, which ends it as well.
        _ = self.socket.close(Some(frame));
        _ = self.socket.flush();
    }
}

/// What a connection's thread has to know.
pub struct Plan {
    /// Where the server is.
    pub address: Address,
    /// What speaks TLS, if the address is with it.
    pub dialer: Option<Dialer>,
    /// Under which name to come.
    pub user: Option<String>,
    /// What says so.
    pub token: Option<Secret>,
    /// Bounds the making of the connection, and each read of the handshake.
    pub connect_timeout: Duration,
    /// Bounds each write.
    pub write_timeout: Duration,
}

/// Makes a connection on a thread of its own.
///
/// # Errors
/// The machine gives no thread.
pub fn open(plan: Plan, inbox: SyncSender<Heard>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("client-reader".to_owned()).spawn(move || {
        let ended = run(&plan, &inbox);
        // Without a client nobody wants to know.
        _ = inbox.send(Heard::Ended(ended));
    })
}

fn run(plan: &Plan, inbox: &SyncSender<Heard>) -> Ended {
    let wire = match dial(plan) {
        Ok(half) => half.0,
        Err(error) => return Ended::Unreachable(error),
    };
    let gone = || Ended::Broken("the client is gone".to_owned());
    if inbox.send(Heard::Connected(Arc::clone(&wire))).is_err() {
        return gone();
    }
    let request = match request(plan) {
        Ok(request) => request,
        Err(error) => return Ended::Unreachable(format!("no WebSocket: {error}")),
    };
    let mut socket = match client_with_config(request, Half(Arc::clone(&wire)), Some(config())) {
        Ok((socket, _)) => socket,
        Err(HandshakeError::Failure(error)) => return refused(error),
        Err(HandshakeError::Interrupted(_)) => return Ended::Unreachable("the server does not answer".to_owned()),
    };
    // From here on the core watches over silence: it can ask for a sign of life, a timeout cannot.
    if let Err(error) = wire.stream.set_read_timeout(None) {
        return Ended::Broken(error.to_string());
    }
    if inbox.send(Heard::Opened).is_err() {
        return gone();
    }
    let mut closed = None;
    loop {
        let heard = match socket.read() {
            Ok(Message::Text(text)) => Heard::Frame(text.as_str().to_owned()),
            Ok(Message::Close(frame)) => {
                closed =
                    Some(frame.map_or((1005, String::new()), |frame| {
                        (u16::from(frame.code), frame.reason.as_str().to_owned())
                    }));
                continue;
            }
            Ok(_) => Heard::Alive,
            Err(error) => return ended(closed, &error),
        };
        if inbox.send(heard).is_err() {
            return gone();
        }
    }
}

/// The handshake's request. The one whom a token names comes under that name.
fn request(plan: &Plan) -> Result<ClientRequestBuilder, InvalidUri> {
    let user = plan.user.as_deref().filter(|_| plan.token.is_none());
    let request = ClientRequestBuilder::new(plan.address.for_user(user).parse::<Uri>()?);
    Ok(match &plan.token {
        Some(token) => request.with_header("Authorization", format!("Bearer {}", token.reveal())),
        None => request,
    })
}

/// Makes a connection on which nothing was said yet. Blocks, at most for the connect timeout for each
/// address of the server.
///
/// # Errors
/// A sentence.
pub fn dial(plan: &Plan) -> Result<Half, String> {
    let (stream, tunnel) = connect(plan)?;
    Ok(Half(Arc::new(Wire { stream, tunnel, writing: Mutex::new(()) })))
}

fn connect(plan: &Plan) -> Result<(TcpStream, Option<Arc<Tunnel>>), String> {
    let (host, port) = plan.address.host_and_port();
    let sentence = |error: io::Error| format!("cannot connect to {host}:{port}: {error}");
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs().map_err(sentence)? {
        match TcpStream::connect_timeout(&address, plan.connect_timeout) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(sentence)?;
                stream.set_write_timeout(Some(plan.write_timeout)).map_err(sentence)?;
                let tunnel = plan.dialer.as_ref().map(|dialer| seal(dialer, &stream, host, plan.connect_timeout));
                let tunnel = tunnel.transpose().map_err(|why| format!("no TLS with {host}:{port}: {why}"))?;
                stream.set_read_timeout(Some(plan.connect_timeout)).map_err(sentence)?;
                return Ok((stream, tunnel));
            }
            Err(error) => last = error,
        }
    }
    Err(sentence(last))
}

fn seal(dialer: &Dialer, stream: &TcpStream, host: &str, patience: Duration) -> Result<Arc<Tunnel>, String> {
    let tunnel = dialer.dial(host, Application::Http)?;
    let shaken = tunnel.shake_hands(stream, Instant::now() + patience, || tunnel.reckon());
    shaken.map(|()| tunnel).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => "the server does not answer".to_owned(),
        io::ErrorKind::ConnectionReset => "the server ended the connection".to_owned(),
        _ => error.to_string(),
    })
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
}

/// Something answered the handshake with what is no WebSocket, or broke in the middle of it.
fn refused(error: Error) -> Ended {
    let Error::Http(response) = error else {
        return Ended::Unreachable(format!("no WebSocket: {error}"));
    };
    let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = response.body().as_deref().unwrap_or_default();
    let said = serde_json::from_slice::<serde_json::Value>(body).ok();
    let said = said.as_ref().and_then(|body| body["error"]["message"].as_str()).map(str::to_owned);
    let reason = said.unwrap_or_else(|| response.status().canonical_reason().unwrap_or("no WebSocket").to_owned());
    let reason = reason.chars().take(REASON_BYTES_MAX / 4).collect();
    Ended::Refused { status: response.status().as_u16(), retry_after: retry_after.map(Duration::from_secs), reason }
}

fn ended(closed: Option<(u16, String)>, error: &Error) -> Ended {
    match (closed, error) {
        (Some((code, reason)), _) => Ended::Closed { code, reason },
        (None, Error::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
            Ended::Broken(format!("the connection broke: {error}"))
        }
        (None, _) => Ended::Broken("the connection broke".to_owned()),
    }
}

/// The socket as tungstenite wants it. It hands over whole frames, and each is written whole.
pub struct Half(Arc<Wire>);

impl Read for Half {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.0.tunnel {
            Some(tunnel) => tunnel.read(&self.0.stream, buffer),
            None => (&self.0.stream).read(buffer),
        }
    }
}

impl Write for Half {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _frames_apart = self.0.writing.lock();
        match &self.0.tunnel {
            Some(tunnel) => tunnel.write_all(&self.0.stream, bytes)?,
            None => (&self.0.stream).write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
