//! The two kinds of callers, as the engine's admission sees them.
//!
//! Made by an accept thread for each socket; admission tells a caller its place, turns it away, or
//! has a thread of the pool serve it to its end.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::response::Response;
use super::tcp::Tcp;
use super::{http, line};
use crate::chat::{Code, Refusal};
use crate::engine::Engine;
use crate::engine::admission::{Admission, Caller};
use crate::engine::outbox::Transport;
use crate::settings::Settings;
use crate::tls::{Application, Certificate, NoTunnel, TURNED_AWAY};
use crate::wire::text_out;

/// How long a caller may take to read that it should have spoken TLS, or why it speaks it badly.
const FAREWELL: Duration = Duration::from_secs(1);

/// What serving a caller needs.
pub struct House {
    /// The rooms and all that connections share.
    pub engine: Arc<Engine>,
    /// The way in: for `/readyz`.
    pub admission: Arc<Admission>,
    /// The settings in force.
    pub settings: Settings,
    /// What both ports prove themselves with; `None` is no TLS.
    pub certificate: Option<Certificate>,
}

impl House {
    /// Shakes hands, where TLS is spoken. False: there is nobody to serve; who spoke plainly is told
    /// `plainly`.
    fn seal(&self, socket: &Tcp, application: Application, deadline: Instant, plainly: &[u8]) -> bool {
        let Some(certificate) = &self.certificate else { return true };
        match socket.seal(certificate, application, deadline) {
            Ok(()) => return true,
            // One who is gone already need not be told.
            Err(NoTunnel::Plain) => _ = socket.write_all(plainly),
            Err(NoTunnel::Failed(error)) => log::debug!(error:% = error; "no handshake"),
        }
        socket.shutdown(std::net::Shutdown::Write);
        socket.drain(FAREWELL);
        false
    }

    /// Says the last words to one who was not served, and has not shaken hands.
    fn last_words(&self, socket: &Tcp, words: &[u8]) {
        let words = if self.certificate.is_some() { &TURNED_AWAY } else { words };
        // To one who is gone already there is nothing to say.
        _ = socket.try_write(&[io::IoSlice::new(words)]);
        socket.shutdown(std::net::Shutdown::Write);
    }
}

/// A caller at the HTTP port.
pub struct HttpCaller {
    house: Arc<House>,
    socket: Arc<Tcp>,
}

/// A caller at the line port.
pub struct LineCaller {
    house: Arc<House>,
    socket: Arc<Tcp>,
}

impl HttpCaller {
    /// Takes a socket that was accepted.
    ///
    /// # Errors
    /// It is not connected any more.
    pub fn accept(house: &Arc<House>, stream: TcpStream) -> io::Result<Box<dyn Caller>> {
        let socket = Tcp::new(stream, house.settings.limits.write_timeout)?;
        Ok(Box::new(Self { house: Arc::clone(house), socket: Arc::new(socket) }))
    }
}

impl LineCaller {
    /// Takes a socket that was accepted.
    ///
    /// # Errors
    /// It is not connected any more.
    pub fn accept(house: &Arc<House>, stream: TcpStream) -> io::Result<Box<dyn Caller>> {
        let limits = &house.settings.limits;
        let socket = Tcp::new(stream, limits.write_timeout)?;
        socket.set_keepalive(limits.ping)?;
        Ok(Box::new(Self { house: Arc::clone(house), socket: Arc::new(socket) }))
    }
}

impl Caller for HttpCaller {
    fn tell_place(&self, _: usize) {
        // HTTP has no words for it before the answer.
    }

    fn turn_away(&self, retry_after: Duration) {
        let refusal =
            Refusal { retry_after: Some(retry_after), ..Refusal::new(Code::Unavailable, "The server is full") };
        self.house.last_words(&self.socket, &Response::refusal(503, &refusal).bytes(true, false));
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.socket) as _
    }

    fn serve(self: Box<Self>) {
        let deadline = Instant::now() + self.house.settings.limits.head_timeout;
        let plainly = Response::error(400, "This port speaks TLS: https, wss").bytes(true, false);
        if self.house.seal(&self.socket, Application::Http, deadline, &plainly) {
            http::serve(&self.house, &self.socket, deadline);
        }
    }
}

impl Caller for LineCaller {
    fn tell_place(&self, ahead: usize) {
        if self.house.certificate.is_some() {
            return; // It has not shaken hands yet.
        }
        // A caller that takes no word of it is found out when its turn comes.
        _ = self.socket.try_write(&[io::IoSlice::new(text_out::waiting(ahead).as_bytes())]);
    }

    fn turn_away(&self, retry_after: Duration) {
        let words = format!("Error: The server is full, try again in {} s\n", retry_after.as_secs());
        self.house.last_words(&self.socket, words.as_bytes());
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.socket) as _
    }

    fn serve(self: Box<Self>) {
        let deadline = Instant::now() + self.house.settings.limits.head_timeout;
        if self.house.seal(&self.socket, Application::Lines, deadline, b"Error: This port speaks TLS\n") {
            line::serve(&self.house, &self.socket);
        }
    }
}
