//! A connection that was accepted, as the engine's admission sees it.
//!
//! Made by an accept thread for each socket; admission tells it its place in the queue, turns it away, or has
//! a thread of the pool serve it to its end. What precedes the protocol, a proxy's header and the handshake
//! of TLS, is read on that thread, under the deadline of the first head.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::ServerContext;
use super::listeners::Listener;
use super::remote_address::RemoteAddress;
use super::tcp::Tcp;
use crate::chat::Refusal;
use crate::engine::clients::outbox::Transport;
use crate::engine::guards::admission::Incoming;
use roomd_tls::{NoTunnel, TURNED_AWAY};

/// How long a client that is not served may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection that was accepted.
pub struct IncomingConnection {
    listener: &'static Listener,
    context: Arc<ServerContext>,
    socket: Arc<Tcp>,
    remote: RemoteAddress,
}

impl IncomingConnection {
    /// Takes over a socket that `listener` accepted from the address `ip`.
    ///
    /// # Errors
    /// It is not connected any more.
    pub fn new(
        listener: &'static Listener,
        context: &Arc<ServerContext>,
        stream: TcpStream,
        ip: IpAddr,
    ) -> io::Result<Box<Self>> {
        let settings = context.settings.load();
        let limits = &settings.limits;
        let socket = Arc::new(Tcp::new(stream, limits.write_timeout, limits.pong_timeout)?);
        if listener.tcp_keep_alive {
            socket.set_keepalive(limits.ping)?;
        }
        if listener.telnet {
            socket.read_urgent_inline()?;
        }
        Ok(Box::new(Self { listener, context: Arc::clone(context), socket, remote: RemoteAddress::new(ip) }))
    }

    /// Counts it among the connections of its address. Does not block.
    ///
    /// # Errors
    /// Its address has too many.
    pub fn count(&mut self) -> Result<(), Refusal> {
        self.remote.count_client(&self.context)
    }

    fn speaks_tls(&self) -> bool {
        self.context.certificate.is_some() && (self.listener.tls)(&self.context.settings.load())
    }

    /// Serves it to its end; what it sends first is due at the deadline. Blocks.
    pub fn serve_by(mut self, deadline: Instant) {
        if self.prepare(deadline) {
            let Self { listener, context, socket, remote } = self;
            (listener.serve)(&context, &socket, remote, deadline);
        }
    }

    /// Reads what precedes the protocol. False: there is no client to serve. In a frame of its own: the stack
    /// that a handshake takes is not under that of the conversation.
    #[inline(never)]
    fn prepare(&mut self, deadline: Instant) -> bool {
        let Self { listener, context, socket, remote } = self;
        match remote.read_proxy_header(context, socket, deadline) {
            Ok(Ok(())) => {}
            Ok(Err(refusal)) => {
                self.reject(&refusal);
                self.socket.drain(FAREWELL);
                return false;
            }
            Err(error) => {
                // A probe of the port sends nothing; anything else is a mistake in a configuration.
                let level =
                    if error.kind() == io::ErrorKind::InvalidData { log::Level::Warn } else { log::Level::Debug };
                log::log!(level, error:% = error; "a trusted proxy sent no PROXY header");
                return false;
            }
        }
        let certificate = context.certificate.as_ref().filter(|_| (listener.tls)(&context.settings.load()));
        let Some(certificate) = certificate else { return true };
        match socket.seal(certificate, listener.application, deadline) {
            Ok(()) => return true,
            // A client that is gone need not be told.
            Err(NoTunnel::Plain) => _ = socket.write_all(&(listener.not_tls)()),
            Err(NoTunnel::Failed(error)) => log::debug!(error:% = error; "no handshake"),
        }
        socket.shutdown(Shutdown::Write);
        socket.drain(FAREWELL);
        false
    }
}

impl Incoming for IncomingConnection {
    fn notify_position(&self, ahead: usize) {
        // With TLS nothing can be sent before the handshake.
        if let (Some(waiting), false) = (self.listener.waiting, self.speaks_tls()) {
            // A client that cannot be written to is noticed when its turn comes.
            _ = self.socket.try_write(&[IoSlice::new(waiting(ahead).as_bytes())]);
        }
    }

    /// Before the handshake: with TLS the client gets an alert.
    fn reject(&self, refusal: &Refusal) {
        let sentence;
        let last_bytes = if self.speaks_tls() {
            &TURNED_AWAY[..]
        } else {
            sentence = (self.listener.refusal)(refusal);
            &sentence
        };
        // A client that is gone need not be told.
        _ = self.socket.try_write(&[IoSlice::new(last_bytes)]);
        self.socket.shutdown(Shutdown::Write);
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.socket) as _
    }

    fn serve(self: Box<Self>) {
        let deadline = Instant::now() + self.context.settings.load().limits.head_timeout;
        (*self).serve_by(deadline);
    }
}
