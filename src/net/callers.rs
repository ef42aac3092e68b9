//! The two kinds of callers, as the engine's admission sees them.
//!
//! Made by an accept thread for each socket; admission tells a caller its place, turns it away, or
//! has a thread of the pool serve it to its end.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::response::Response;
use super::tcp::Tcp;
use super::{http, line};
use crate::chat::limiter::Limiter;
use crate::chat::{Code, Refusal};
use crate::engine::Engine;
use crate::engine::admission::{Admission, Caller};
use crate::engine::outbox::Transport;
use crate::engine::sync::Mutex;
use crate::settings::Settings;
use crate::wire::text_out;

/// What claims are counted by.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Addresses whose claims are remembered, at most.
const CLAIMANTS_MAX: usize = 10_000;

/// What serving a caller needs.
pub struct House {
    /// The rooms and all that connections share.
    pub engine: Arc<Engine>,
    /// The way in: for `/readyz`.
    pub admission: Arc<Admission>,
    /// The settings in force.
    pub settings: Settings,
    /// How many names each address may still claim.
    pub claims: Mutex<Limiter<IpAddr>>,
}

impl House {
    /// A house in which nobody has claimed a name lately.
    #[must_use]
    pub fn new(engine: Arc<Engine>, admission: Arc<Admission>, settings: Settings) -> Self {
        let claims = Limiter::new(settings.limits.address_claims_per_h, HOUR, CLAIMANTS_MAX);
        Self { engine, admission, settings, claims: Mutex::new(claims) }
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
        last_words(&self.socket, &Response::refusal(503, &refusal).bytes(true, false));
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.socket) as _
    }

    fn serve(self: Box<Self>) {
        http::serve(&self.house, &self.socket);
    }
}

impl Caller for LineCaller {
    fn tell_place(&self, ahead: usize) {
        // A caller that takes no word of it is found out when its turn comes.
        _ = self.socket.try_write(&[io::IoSlice::new(text_out::waiting(ahead).as_bytes())]);
    }

    fn turn_away(&self, retry_after: Duration) {
        let words = format!("Error: The server is full, try again in {} s\n", retry_after.as_secs());
        last_words(&self.socket, words.as_bytes());
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.socket) as _
    }

    fn serve(self: Box<Self>) {
        line::serve(&self.house, &self.socket);
    }
}

fn last_words(socket: &Tcp, words: &[u8]) {
    // To one who is gone already there is nothing to say.
    _ = socket.try_write(&[io::IoSlice::new(words)]);
    socket.shutdown(std::net::Shutdown::Write);
}
