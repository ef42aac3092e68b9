//! A request to the API: its head, its body, and whose it is.
//!
//! Made for each request by `connection`; the routes of the API take their parameters out of it, in values of
//! `chat`. Nothing here blocks.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::bearer;
use super::head::RequestHead;
use super::origin::Origin;
use super::query;
use crate::chat::{Allowance, Code, Cost, Identity, NameError, Refusal, RoomName, Span, UserName};
use crate::engine::guards::address::ClientAddress;
use crate::net::context::ServerContext;
use crate::wire::json;

/// A request with its body, and what its connection may still send.
pub struct ApiRequest<'a> {
    /// The head.
    pub head: &'a RequestHead<'a>,
    /// The body; empty where the request has none.
    pub body: Vec<u8>,
    /// What the connection may still send.
    pub allowance: &'a mut Allowance,
    /// The page that sent it.
    pub origin: Origin<'a>,
    /// Where the client comes from.
    pub address: ClientAddress,
    /// The path below which the client sees the server; empty for `/`.
    pub base_path: &'a str,
    /// The host, with its port, under which the client sees the server.
    pub host: &'a str,
    /// Whether the client uses TLS, as far as is known.
    pub is_secure: bool,
    /// Who sends it from this machine, as an admin and without a token; see `operators`.
    pub operator: Option<&'a Identity>,
    /// The user that the token names, once it is read; `None` for a guest.
    pub authenticated: Option<Identity>,
}

impl ApiRequest<'_> {
    /// The user that the token names, or a guest.
    pub(super) fn identity(&self, context: &ServerContext) -> Identity {
        self.authenticated.clone().unwrap_or_else(|| Identity::guest(context.engine.guest()))
    }

    /// Authenticates the user, whose rate is in force on the connection from now on: see [`bearer::authenticate`].
    ///
    /// # Errors
    /// As there.
    pub(super) fn authenticate(&mut self, context: &ServerContext) -> Result<(), Refusal> {
        self.authenticated = match self.operator {
            Some(operator) => Some(operator.clone()),
            None => bearer::authenticate(context, self.head, self.address.counted)?,
        };
        self.allowance.set_rate(context.settings.load().limits.rate_of(self.authenticated.as_ref()));
        Ok(())
    }

    /// Counts something that changes what others see against the rate of the connection, as a message.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(super) fn count_message(&mut self, context: &ServerContext) -> Result<(), Refusal> {
        self.count(context, Cost::Message, 1)
    }

    /// Counts a question against the rate of the connection, as so many.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(super) fn count_question(&mut self, context: &ServerContext, price: u32) -> Result<(), Refusal> {
        self.count(context, Cost::Other, price)
    }

    fn count(&mut self, context: &ServerContext, cost: Cost, price: u32) -> Result<(), Refusal> {
        let now = context.engine.clock.now().since_start;
        self.allowance.take(cost, price, now).map_err(Refusal::rate_limited)
    }

    /// Checks that the token, if there is one, is for this room.
    ///
    /// # Errors
    /// `forbidden`.
    pub(super) fn allows(&self, room: &RoomName) -> Result<(), Refusal> {
        self.authenticated.as_ref().map_or(Ok(()), |identity| identity.allows(room))
    }

    /// The room that a part of the path names, if the token is for it.
    ///
    /// # Errors
    /// `bad_request`, or `forbidden`.
    pub(super) fn room(&self, encoded: &str) -> Result<RoomName, Refusal> {
        let room = room_of(encoded)?;
        self.allows(&room)?;
        Ok(room)
    }

    /// The same, of a room or a private conversation.
    ///
    /// # Errors
    /// As above.
    pub(super) fn room_or_conversation(&self, encoded: &str) -> Result<RoomName, Refusal> {
        let room = named("room", encoded, RoomName::parse_known)?;
        self.allows(&room)?;
        Ok(room)
    }

    /// The number that a parameter of the query has.
    ///
    /// # Errors
    /// `bad_request`.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        query::number(self.head.query, name)
    }

    /// The parameters `before`, `after` and `latest`: which part of a history is asked for.
    ///
    /// # Errors
    /// `bad_request`.
    pub(super) fn span(&self) -> Result<Span, Refusal> {
        Span::parse(self.number("before")?, self.number("after")?, query::switch(self.head.query, "latest")?)
    }

    /// The parameter `limit`: how many items are asked for, within the bounds of a history.
    ///
    /// # Errors
    /// `bad_request`.
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        Ok(Span::limit(self.number("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))))
    }

    /// Whether the body is said to be JSON.
    pub(super) fn is_json(&self) -> bool {
        self.media_type().is_some_and(|name| name.eq_ignore_ascii_case("application/json"))
    }

    /// The body, from JSON.
    ///
    /// # Errors
    /// `unknown_type` for another media type, `bad_request` for a body of another shape.
    pub(super) fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Refusal> {
        if !self.is_json() {
            return Err(Refusal::new(Code::UnknownType, "The body must be application/json"));
        }
        json::problem::object(self.decoded()?).map_err(|problem| bad(format!("The body is not understood: {problem}")))
    }

    /// The body, if it is said to be bytes (`application/octet-stream`).
    ///
    /// # Errors
    /// `unknown_type`: it is compressed.
    pub(super) fn bytes(&self) -> Result<Option<&[u8]>, Refusal> {
        let are_bytes = self.media_type().is_some_and(|name| name.eq_ignore_ascii_case("application/octet-stream"));
        if are_bytes { self.as_sent().map(Some) } else { Ok(None) }
    }

    /// The body as text, whatever its media type, without one line break at its end.
    ///
    /// # Errors
    /// `unknown_type` for a form of several parts, or text that is said not to be UTF-8; `bad_request` for what is not.
    pub(super) fn text(&self) -> Result<String, Refusal> {
        let media_type = self.media_type().unwrap_or_default().to_ascii_lowercase();
        if media_type.starts_with("multipart/") {
            return Err(Refusal::new(Code::UnknownType, "The body is the message: not a form of several parts"));
        }
        let mut parameters = self.head.value("Content-Type").unwrap_or_default().split(';').skip(1);
        let charset = parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        });
        if charset.is_some_and(|charset| !["utf-8", "utf8", "us-ascii"].contains(&charset.as_str())) {
            return Err(Refusal::new(Code::UnknownType, "A message is UTF-8"));
        }
        let text = std::str::from_utf8(self.decoded()?);
        let text = text.map_err(|_| bad("The message is not UTF-8: bytes are application/octet-stream"))?;
        let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
        Ok(text.to_owned())
    }

    /// The media type of the body, without its parameters.
    fn media_type(&self) -> Option<&str> {
        self.head.value("Content-Type")?.split(';').next().map(str::trim)
    }

    /// The body without a byte order mark: editors and shells put one there, and a parser of JSON may ignore it (RFC
    /// 8259 §8.1).
    fn decoded(&self) -> Result<&[u8], Refusal> {
        let body = self.as_sent()?;
        Ok(body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body))
    }

    /// The body byte by byte.
    fn as_sent(&self) -> Result<&[u8], Refusal> {
        if let Some(coding) = self.head.list("Content-Encoding").find(|coding| !coding.eq_ignore_ascii_case("identity"))
        {
            let message =
                format!("The body must not be encoded, as with {:?}", coding.chars().take(32).collect::<String>());
            return Err(Refusal::new(Code::UnknownType, message));
        }
        Ok(&self.body)
    }
}

/// The room that a part of a path names.
///
/// # Errors
/// `bad_request`: it is not the name of a room. `not_found`: it is that of a conversation, which answers give.
pub(super) fn room_of(encoded: &str) -> Result<RoomName, Refusal> {
    if named("room", encoded, RoomName::parse_known).is_ok_and(|room| room.is_conversation()) {
        let message = "A conversation is no room: its messages are at /api/v1/private/USER/messages";
        return Err(Refusal::new(Code::NotFound, message));
    }
    named("room", encoded, RoomName::parse)
}

/// The user that a part of a path names.
///
/// # Errors
/// `bad_request`: it is not the name of a user.
pub(super) fn user_of(encoded: &str) -> Result<UserName, Refusal> {
    named("user", encoded, UserName::parse)
}

/// The number of something that a part of a path names.
///
/// # Errors
/// `bad_request`: it is no number.
pub(super) fn number_of(what: &str, text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| bad(format!("The number of a {what} must be a number")))
}

fn named<T>(what: &str, encoded: &str, parse: impl FnOnce(&str) -> Result<T, NameError>) -> Result<T, Refusal> {
    let name = percent_decode_str(encoded).decode_utf8();
    let name = name.map_err(|_| bad(format!("The {what}'s name is not UTF-8")))?;
    parse(&name).map_err(|error| bad(format!("The {what}'s name {error}")))
}

/// The refusal of a request that makes no sense.
pub(super) fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::BadRequest, message)
}
