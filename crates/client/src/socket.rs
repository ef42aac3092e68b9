//! The socket of a connection, plain or through TLS, and the half that writes frames.
//!
//! Two threads write to one socket: the reader answers pings, the caller's thread sends what the program
//! wants. One lock keeps their frames apart. It is held for as long as a write takes, which the socket's
//! write timeout bounds; whoever waits for it only wants to write, too.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::address::Address;
use roomd_tls::{Application, Dialer, Tunnel};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;
/// Bytes of one frame from the server, at most: a history of 300 messages of 64 KiB fits.
const FRAME_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bounds the TLS handshake, whatever the program allows: the clock has an end.
const TLS_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How a socket is connected.
pub struct ConnectOptions {
    /// The server.
    pub address: Address,
    /// Makes the TLS connection, if the address wants one.
    pub dialer: Option<Dialer>,
    /// Bounds the connection to each address, the TLS handshake, and each read after that.
    pub connect_timeout: Duration,
    /// Bounds each write.
    pub write_timeout: Duration,
}

/// A connected socket, shared by its reader and its writer.
pub struct Socket {
    tcp: TcpStream,
    tunnel: Option<Arc<Tunnel>>,
    writing: Mutex<()>,
}

impl Socket {
    /// Ends the connection: its reader finds the end of the stream.
    pub fn shut_down(&self) {
        if let Some(tunnel) = &self.tunnel {
            tunnel.close(&self.tcp);
        }
        // It may have ended already.
        _ = self.tcp.shutdown(Shutdown::Both);
    }

    /// Sets how long a read may block; `None` is forever.
    ///
    /// # Errors
    /// The system refuses.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.tcp.set_read_timeout(timeout)
    }
}

/// A socket as a stream of bytes. tungstenite writes whole frames, and each is written whole.
pub struct SocketStream(pub Arc<Socket>);

impl Read for SocketStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &self.0.tunnel {
                Some(tunnel) => tunnel.read(&self.0.tcp, buffer),
                None => (&self.0.tcp).read(buffer),
            };
            match read {
                // By a signal that the program handles, which says nothing of the connection.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Write for SocketStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _frames_apart = self.0.writing.lock();
        match &self.0.tunnel {
            Some(tunnel) => tunnel.write_all(&self.0.tcp, bytes)?,
            None => (&self.0.tcp).write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The half of a connection that the caller's thread holds.
pub struct Writer {
    socket: WebSocket<SocketStream>,
}

impl Writer {
    /// The writing half of a connection that is open.
    #[must_use]
    pub fn new(socket: &Arc<Socket>) -> Self {
        let stream = SocketStream(Arc::clone(socket));
        Self { socket: WebSocket::from_raw_socket(stream, Role::Client, Some(config())) }
    }

    /// Sends a text frame. Blocks until the socket has taken it, at most for the write timeout.
    ///
    /// # Errors
    /// The connection is lost, whatever the error.
    pub fn send(&mut self, text: String) -> Result<(), Error> {
        self.socket.send(Message::text(text))
    }

    /// Sends a close frame with 1000 (RFC 6455 §7.4.1). Blocks as `send` does.
    pub fn close(&mut self) {
        let frame = CloseFrame { code: 1000.into(), reason: "".into() };
        // If it cannot be sent the connection is lost, which ends it as well.
        _ = self.socket.close(Some(frame));
        _ = self.socket.flush();
    }
}

/// The limits of a WebSocket, for both halves.
pub fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
}

/// Connects to the first address of the server that answers. Blocks, at most for the connect timeout for
/// each of its addresses, and as long for the TLS handshake.
///
/// # Errors
/// A sentence.
pub fn connect(options: &ConnectOptions) -> Result<SocketStream, String> {
    let (host, port) = options.address.host_and_port();
    let sentence = |error: io::Error| format!("cannot connect to {host}:{port}: {error}");
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs().map_err(sentence)? {
        match TcpStream::connect_timeout(&address, options.connect_timeout) {
            Ok(tcp) => {
                tcp.set_nodelay(true).map_err(sentence)?;
                tcp.set_write_timeout(Some(options.write_timeout)).map_err(sentence)?;
                let tunnel =
                    options.dialer.as_ref().map(|dialer| handshake(dialer, &tcp, host, options.connect_timeout));
                let tunnel = tunnel.transpose().map_err(|why| format!("no TLS with {host}:{port}: {why}"))?;
                tcp.set_read_timeout(Some(options.connect_timeout)).map_err(sentence)?;
                return Ok(SocketStream(Arc::new(Socket { tcp, tunnel, writing: Mutex::new(()) })));
            }
            Err(error) => last = error,
        }
    }
    Err(sentence(last))
}

/// The TLS handshake.
fn handshake(dialer: &Dialer, tcp: &TcpStream, host: &str, timeout: Duration) -> Result<Arc<Tunnel>, String> {
    let tunnel = dialer.dial(host, Application::Http)?;
    let deadline = Instant::now() + timeout.min(TLS_TIMEOUT_MAX);
    let done = tunnel.shake_hands(tcp, deadline, || tunnel.compute());
    done.map(|()| tunnel).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => "the server does not answer".to_owned(),
        io::ErrorKind::ConnectionReset => "the server ended the connection".to_owned(),
        _ => error.to_string(),
    })
}
