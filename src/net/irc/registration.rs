//! The registration of an IRC client: CAP, PASS, SASL, NICK and USER, in any order, up to the welcome.
//!
//! A loop over the socket, on a thread of the pool, under the deadline of a request's head: nobody else knows of the
//! client until it is registered. A token, as the password of PASS or of SASL PLAIN, says who the client is, and its
//! nick is then its name, whatever it asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::capabilities::{self, CapabilitySet, Negotiation, Offers};
use super::client::Client;
use super::commands::real_name;
use super::reader::{IrcInput, LineReader};
use crate::chat::{Code, FoldedName, Identity, Refusal, Secret, UserName};
use crate::engine::guards::address::{Address, ClientAddress};
use crate::engine::users::reserved_names::NameReservation;
use crate::net::context::ServerContext;
use crate::net::tcp::Tcp;
use crate::wire::irc::{self, Line, clean};

/// How long a client that is not registered may take to read why.
pub const FAREWELL: Duration = Duration::from_secs(1);
/// Lines of a registration, at most.
const LINES_MAX: usize = 128;
/// Bytes of one AUTHENTICATE; a longer response comes in several, of which the last is shorter.
const CHUNK_BYTES: usize = 400;
/// Bytes of a SASL response, at most: two names and a token.
const RESPONSE_BYTES_MAX: usize = 12 * 1024;

/// What is wrong with a nick that somebody has.
const IN_USE: &str = "This nick is in use";

/// A client that is registered.
pub struct Registered {
    /// What it is, with lines that are yet to be sent.
    pub client: Client,
    /// Who it is.
    pub identity: Identity,
    /// Keeps the nick of a guest from others, until the client can be found.
    pub reservation: Option<NameReservation>,
}

/// Registers a client. `None`: it has gone, or was told why it cannot stay.
#[inline(never)]
pub fn register(
    context: &Arc<ServerContext>,
    socket: &Tcp,
    reader: &mut LineReader,
    address: Option<Address>,
    deadline: Instant,
) -> Option<Registered> {
    let _registering = Registering::new(&context.registering);
    let mut registration = Registration {
        context,
        address,
        client: Client::new(context.engine.authors.irc_name()),
        offers: Offers { sasl: context.engine.auth.knows_tokens(), tls: socket.is_sealed() },
        is_negotiating: false,
        has_user: false,
        wanted: None,
        password: None,
        sasl: None,
        identity: None,
    };
    for _ in 0..LINES_MAX {
        let step = match reader.receive_until(deadline) {
            Ok(input) => registration.step(input),
            Err(_) => Step::Close("Registration timed out".to_owned()),
        };
        if let Step::Close(why) = &step {
            registration.client.own("ERROR", &*format!("Closing link: {why}"));
        }
        if let Step::Done(identity, reservation) = step {
            let Registration { mut client, .. } = registration;
            client.nick = irc::nick(&identity.user).into_owned();
            return Some(Registered { client, identity, reservation });
        }
        let sent = socket.write_all(&std::mem::take(&mut registration.client.out));
        if sent.is_err() || matches!(step, Step::Close(_)) {
            return None;
        }
    }
    let goodbye = format!("ERROR :Closing link: {LINES_MAX} lines, and you are not registered\r\n");
    // A client that is gone need not be told.
    _ = socket.write_all(goodbye.as_bytes());
    None
}

/// Counts a client among those that are yet to be registered, until it is dropped.
struct Registering<'a>(&'a AtomicUsize);

impl<'a> Registering<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Registering<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What follows from a line.
enum Step {
    /// The registration goes on.
    Next,
    /// It is done.
    Done(Identity, Option<NameReservation>),
    /// The connection ends.
    Close(String),
}

struct Registration<'a> {
    context: &'a Arc<ServerContext>,
    address: Option<Address>,
    client: Client,
    offers: Offers,
    /// A CAP is yet to be ended.
    is_negotiating: bool,
    has_user: bool,
    /// The name that the client wants.
    wanted: Option<UserName>,
    /// What PASS has said.
    password: Option<Secret>,
    /// The SASL response so far, once PLAIN was chosen.
    sasl: Option<String>,
    /// Who the client has proved to be.
    identity: Option<Identity>,
}

impl Registration<'_> {
    fn step(&mut self, input: IrcInput) -> Step {
        let line = match input {
            IrcInput::Line(text) => Line::parse(&text),
            IrcInput::TooLong => {
                self.client.numeric("417", "", "A line may have 512 bytes");
                return Step::Next;
            }
            IrcInput::NotText => {
                self.client.not_text();
                return Step::Next;
            }
        };
        let Some(line) = line else { return Step::Next };
        match line.command.as_str() {
            "CAP" => match capabilities::answer(&mut self.client, &line, self.offers, |_| true) {
                Negotiation::Open => self.is_negotiating = true,
                Negotiation::Ended => self.is_negotiating = false,
                Negotiation::Same => {}
            },
            "PASS" => match line.param(0) {
                // Some clients write a name before it.
                Some(password) => {
                    let token = password.rsplit_once(':').map_or(password, |(_, token)| token);
                    self.password = Some(Secret::from(token));
                }
                None => self.client.numeric("461", "PASS", "It needs a token"),
            },
            "NICK" => self.nick(line.param(0)),
            "USER" if line.param(0).is_none() || line.param(3).is_none() => {
                self.client.numeric("461", "USER", "It needs four parameters");
            }
            "USER" => {
                self.has_user = true;
                self.client.ident = line.param(0).and_then(irc::parse_ident).map(Into::into);
                self.client.real_name = line.param(3).and_then(real_name);
            }
            "AUTHENTICATE" => self.authenticate(line.param(0)),
            "PING" => match line.params.first() {
                Some(token) => self.client.pong(token),
                None => self.client.numeric("409", "", "No origin specified"),
            },
            "PONG" => {}
            "QUIT" => return Step::Close("You left".to_owned()),
            // What is not IRC at all, such as a browser's request that another server's page sends here.
            "GET" | "POST" | "PUT" | "HEAD" | "OPTIONS" => return Step::Close("This port speaks IRC".to_owned()),
            _ => self.client.numeric("451", "", "You have not registered"),
        }
        if self.is_negotiating || !self.has_user { Step::Next } else { self.finish() }
    }

    fn nick(&mut self, nick: Option<&str>) {
        let Some(nick) = nick else { return self.client.numeric("431", "", "No nickname given") };
        let Ok(user) = irc::guest_nick(nick).or_else(|problem| irc::user(nick).map_err(|_| problem)) else {
            return self.client.numeric("432", &clean(nick), "This cannot be a nick");
        };
        // A registered name may hold more than a guest chooses, and is shown by the token that may follow.
        let may_follow = self.is_negotiating || self.password.is_some() || self.identity.is_some();
        if !may_follow && let Err((number, why)) = self.may_have(&user, nick) {
            return self.client.numeric(number, &clean(nick), &*why);
        }
        self.client.nick = irc::nick(&user).into_owned();
        self.wanted = Some(user);
    }

    /// Whether a guest may have this name.
    fn may_have(&self, user: &UserName, nick: &str) -> Result<(), (&'static str, String)> {
        if irc::guest_nick(nick).is_err() {
            return Err(("432", "This cannot be a nick".to_owned()));
        }
        let engine = &self.context.engine;
        if engine.registered(user) {
            return Err((
                "433",
                "This nick is registered: show its token, with SASL PLAIN or as the password".to_owned(),
            ));
        }
        if let Err(refusal) = engine.refuse_banned(Some(user), ClientAddress::IN_PROCESS) {
            return Err(("465", refusal.to_string()));
        }
        if engine.directory.is_used(user) {
            return Err(("433", IN_USE.to_owned()));
        }
        Ok(())
    }

    fn finish(&mut self) -> Step {
        let Some(wanted) = self.wanted.clone() else { return Step::Next };
        if let (None, Some(token)) = (&self.identity, self.password.take()) {
            match self.context.engine.identify(&token, self.address) {
                Ok(identity) => self.identity = Some(identity),
                Err(refusal) => {
                    self.client.numeric("464", "", &*refusal.to_string());
                    return Step::Close(refusal.to_string());
                }
            }
        }
        if let Some(identity) = &self.identity {
            return Step::Done(identity.clone(), None);
        }
        if !self.context.engine.auth.admits_guests() {
            let why = "Only those with a token may come in";
            self.client.fail("*", "ACCOUNT_REQUIRED", "", why);
            return Step::Close(why.to_owned());
        }
        let nick = self.client.nick.clone();
        // It is reserved before it is looked whether it is in use.
        let reservation = self.context.engine.directory.reserved.reserve(&wanted);
        let free = self.may_have(&wanted, &nick);
        let free = free.and_then(|()| reservation.ok_or_else(|| ("433", IN_USE.to_owned())));
        match free {
            Ok(reservation) => Step::Done(Identity::guest(wanted), Some(reservation)),
            Err((number, why)) => {
                self.client.nick = "*".to_owned();
                self.client.numeric(number, &clean(&nick), &*why);
                self.wanted = None;
                Step::Next
            }
        }
    }

    /// SASL PLAIN (RFC 4616): the password is a token.
    fn authenticate(&mut self, param: Option<&str>) {
        let Some(param) = param else { return self.client.numeric("461", "AUTHENTICATE", "It needs a parameter") };
        if !self.client.capabilities.has(CapabilitySet::SASL) {
            return self.client.numeric("904", "", "Ask for the capability sasl first");
        }
        if self.identity.is_some() {
            return self.client.numeric("907", "", "You have authenticated already");
        }
        if param == "*" {
            self.sasl = None;
            return self.client.numeric("906", "", "SASL authentication aborted");
        }
        let Some(response) = &mut self.sasl else {
            if param.eq_ignore_ascii_case("PLAIN") {
                self.sasl = Some(String::new());
                self.client.out.extend_from_slice(b"AUTHENTICATE +\r\n");
            } else {
                self.client.numeric("908", "PLAIN", "are available SASL mechanisms");
                self.client.numeric("904", "", "There is no such mechanism");
            }
            return;
        };
        if param.len() > CHUNK_BYTES || response.len() + param.len() > RESPONSE_BYTES_MAX {
            self.sasl = None;
            return self.client.numeric("905", "", "The SASL message is too long");
        }
        if param != "+" {
            response.push_str(param);
        }
        if param.len() == CHUNK_BYTES {
            return;
        }
        let response = self.sasl.take().unwrap_or_default();
        match self.identify(&response) {
            Ok(identity) => {
                let user = irc::nick(&identity.user).into_owned();
                let source = irc::source(&identity.user, &self.context.engine.authors);
                self.identity = Some(identity);
                self.client.numeric("900", &format!("{source} {user}"), &*format!("You are now logged in as {user}"));
                self.client.numeric("903", "", "SASL authentication successful");
            }
            Err(refusal) => self.client.numeric("904", "", &*refusal.to_string()),
        }
    }

    /// The identity of a response: `authzid NUL authcid NUL token`.
    fn identify(&self, response: &str) -> Result<Identity, Refusal> {
        let wrong = || Refusal::new(Code::Unauthorized, "SASL authentication failed: this is no PLAIN response");
        let bytes = BASE64_STANDARD.decode(response).map_err(|_| wrong())?;
        let text = String::from_utf8(bytes).map_err(|_| wrong())?;
        let mut parts = text.split('\0');
        let (Some(authorized), Some(name), Some(token), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let identity = self.context.engine.identify(&Secret::from(token), self.address)?;
        let is_own = |name: &str| {
            UserName::parse(name).is_ok_and(|name| FoldedName::of(&name) == FoldedName::of(&identity.user))
        };
        if [authorized, name].into_iter().all(|name| name.is_empty() || is_own(name)) {
            Ok(identity)
        } else {
            Err(Refusal::new(Code::Unauthorized, "SASL authentication failed: the token is another user's"))
        }
    }
}
