//! A request to the API: its head, its body, and whose it is.
//!
//! Made for each request by `connection`; the routes of the API take their parameters out of it, in values of
//! `chat`. Nothing here blocks.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::head::RequestHead;
use super::origin::Origin;
use super::query;
use crate::chat::token_bucket::Bucket;
use crate::chat::{Code, Identity, NameError, Refusal, RoomName, Span, UserName};
use crate::engine::guards::address::Address;
use crate::net::context::ServerContext;

/// A request with its body, and the rate limit of its connection.
pub struct ApiRequest<'a> {
    /// The head.
    pub head: &'a RequestHead<'a>,
    /// The body; empty where the request has none.
    pub body: Vec<u8>,
    /// What the connection may still publish.
    pub rate: &'a mut Bucket,
    /// The page that sent it.
    pub origin: Origin<'a>,
    /// The client's address, for limits; `None` is exempt.
    pub address: Option<Address>,
    /// The user that the token names, once it is read; `None` for a guest.
    pub authenticated: Option<Identity>,
}

impl ApiRequest<'_> {
    /// The user that the token names, or a guest.
    pub(super) fn identity(&self, context: &ServerContext) -> Identity {
        self.authenticated.clone().unwrap_or_else(|| Identity::guest(context.engine.guest()))
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

    /// The parameters `before` and `after`: which part of a history is asked for.
    ///
    /// # Errors
    /// `bad_request`.
    pub(super) fn span(&self) -> Result<Span, Refusal> {
        Span::parse(self.number("before")?, self.number("after")?)
    }

    /// The parameter `limit`: how many items are asked for, within the bounds of a history.
    ///
    /// # Errors
    /// `bad_request`.
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        Ok(Span::limit(self.number("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))))
    }

    /// The body, from JSON.
    ///
    /// # Errors
    /// `unknown_type` for another media type, `bad_request` for a body of another shape.
    pub(super) fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Refusal> {
        let media_type = self.head.value("Content-Type");
        let json = media_type.and_then(|text| text.split(';').next()).map(str::trim);
        if !json.is_some_and(|text| text.eq_ignore_ascii_case("application/json")) {
            return Err(Refusal::new(Code::UnknownType, "The body must be application/json"));
        }
        serde_json::from_slice(&self.body).map_err(|error| bad(format!("The body is not understood: {error}")))
    }
}

/// The room that a part of a path names.
///
/// # Errors
/// `bad_request`: it is not the name of a room.
pub(super) fn room_of(encoded: &str) -> Result<RoomName, Refusal> {
    named("room", encoded, RoomName::parse)
}

/// The user that a part of a path names.
///
/// # Errors
/// `bad_request`: it is not the name of a user.
pub(super) fn user_of(encoded: &str) -> Result<UserName, Refusal> {
    named("user", encoded, UserName::parse)
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
