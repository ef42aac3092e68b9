//! The two kinds of callers, as the engine's admission sees them.
//!
//! Made by an accept thread for each socket; admission tells a caller its place, turns it away, or
//! has a thread of the pool serve it to its end. What comes before the first word, a proxy's header and
//! the handshake of TLS, happens on that thread, under the deadline of the first head.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::remote_address::RemoteAddress;
use super::response::Response;
use super::tcp::Tcp;
use super::{http, line, routes};
use crate::chat::Refusal;
use crate::engine::Engine;
use crate::engine::clients::outbox::Transport;
use crate::engine::guards::admission::{Admission, Incoming};
use crate::settings::Settings;
use crate::wire::text;
use roomd_tls::{Application, Certificate, NoTunnel, TURNED_AWAY};

/// How long a caller that is not served may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// What serving a caller needs.
pub struct ServerContext {
    /// The rooms and all that connections share.
    pub engine: Arc<Engine>,
    /// The way in: for `/readyz`.
    pub admission: Arc<Admission>,
    /// The settings in force.
    pub settings: Settings,
    /// What both ports prove themselves with; `None` is no TLS.
    pub certificate: Option<Certificate>,
}

/// A caller at the HTTP port.
pub struct HttpIncoming(Accepted);

/// A caller at the line port.
pub struct LineIncoming(Accepted);

/// What the two have in common.
struct Accepted {
    context: Arc<ServerContext>,
    socket: Arc<Tcp>,
    remote: RemoteAddress,
}

impl HttpIncoming {
    /// Takes a socket that was accepted from this address; and why it is not let in, if it is not.
    ///
    /// # Errors
    /// It is not connected any more.
    pub fn accept(
        context: &Arc<ServerContext>,
        stream: TcpStream,
        ip: IpAddr,
    ) -> io::Result<(Box<dyn Incoming>, Option<Refusal>)> {
        let (arrival, refusal) = Accepted::new(context, stream, ip)?;
        Ok((Box::new(Self(arrival)), refusal))
    }
}

impl LineIncoming {
    /// As [`HttpIncoming::accept`].
    ///
    /// # Errors
    /// It is not connected any more.
    pub fn accept(
        context: &Arc<ServerContext>,
        stream: TcpStream,
        ip: IpAddr,
    ) -> io::Result<(Box<dyn Incoming>, Option<Refusal>)> {
        let (arrival, refusal) = Accepted::new(context, stream, ip)?;
        arrival.socket.set_keepalive(context.settings.limits.ping)?;
        Ok((Box::new(Self(arrival)), refusal))
    }
}

impl Incoming for HttpIncoming {
    fn tell_place(&self, _: usize) {
        // HTTP has no words for it before the answer.
    }

    fn turn_away(&self, refusal: &Refusal) {
        self.0.last_words(&no_to_http(refusal));
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.0.socket) as _
    }

    fn serve(mut self: Box<Self>) {
        let deadline = Instant::now() + self.0.context.settings.limits.head_timeout;
        let plainly = || Response::error(400, "This port speaks TLS: https, wss").bytes(true, false);
        if self.0.begin(Application::Http, deadline, no_to_http, plainly) {
            let Accepted { context, socket, remote } = self.0;
            http::serve(&context, &socket, remote, deadline);
        }
    }
}

impl Incoming for LineIncoming {
    fn tell_place(&self, ahead: usize) {
        if self.0.context.certificate.is_some() {
            return; // It has not shaken hands yet.
        }
        // A caller that takes no word of it is found out when its turn comes.
        _ = self.0.socket.try_write(&[io::IoSlice::new(text::waiting(ahead).as_bytes())]);
    }

    fn turn_away(&self, refusal: &Refusal) {
        self.0.last_words(&no_to_lines(refusal));
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.0.socket) as _
    }

    fn serve(mut self: Box<Self>) {
        let deadline = Instant::now() + self.0.context.settings.limits.head_timeout;
        let plainly = || b"Error: This port speaks TLS\n".to_vec();
        if self.0.begin(Application::Lines, deadline, no_to_lines, plainly) {
            let Accepted { context, socket, remote } = self.0;
            line::serve(&context, &socket, &remote);
        }
    }
}

impl Accepted {
    fn new(context: &Arc<ServerContext>, stream: TcpStream, ip: IpAddr) -> io::Result<(Self, Option<Refusal>)> {
        let socket = Arc::new(Tcp::new(stream, context.settings.limits.write_timeout)?);
        let (remote, refusal) = RemoteAddress::arrive(context, ip);
        Ok((Self { context: Arc::clone(context), socket, remote }, refusal))
    }

    /// What comes before the first word. False: there is nobody to serve. In a frame of its own: the
    /// stack that a handshake takes is not under that of the conversation.
    #[inline(never)]
    fn begin(
        &mut self,
        application: Application,
        deadline: Instant,
        no: fn(&Refusal) -> Vec<u8>,
        plainly: fn() -> Vec<u8>,
    ) -> bool {
        let Self { context, socket, remote } = self;
        match remote.identify(context, socket, deadline) {
            Ok(None) => {}
            Ok(Some(refusal)) => {
                self.last_words(&no(&refusal));
                self.socket.drain(FAREWELL);
                return false;
            }
            Err(error) => {
                // A look whether the port is open sends nothing; something else is a mistake to mend.
                let level =
                    if error.kind() == io::ErrorKind::InvalidData { log::Level::Warn } else { log::Level::Debug };
                log::log!(level, error:% = error; "a trusted proxy sent no PROXY header");
                return false;
            }
        }
        let Some(certificate) = &context.certificate else { return true };
        match socket.seal(certificate, application, deadline) {
            Ok(()) => return true,
            // One who is gone already need not be told.
            Err(NoTunnel::Plain) => _ = socket.write_all(&plainly()),
            Err(NoTunnel::Failed(error)) => log::debug!(error:% = error; "no handshake"),
        }
        socket.shutdown(std::net::Shutdown::Write);
        socket.drain(FAREWELL);
        false
    }

    /// Says the last words to one who was not served, and has not shaken hands.
    fn last_words(&self, words: &[u8]) {
        let words = if self.context.certificate.is_some() { &TURNED_AWAY } else { words };
        // To one who is gone already there is nothing to say.
        _ = self.socket.try_write(&[io::IoSlice::new(words)]);
        self.socket.shutdown(std::net::Shutdown::Write);
    }
}

fn no_to_http(refusal: &Refusal) -> Vec<u8> {
    routes::refused(refusal).bytes(true, false)
}

fn no_to_lines(refusal: &Refusal) -> Vec<u8> {
    let wait = refusal.retry_after.unwrap_or_default().as_millis().div_ceil(1000).max(1);
    format!("Error: {refusal}, try again in {wait} s\n").into_bytes()
}
