//! The token of a request, and the identity that it gives.
//!
//! `Authorization: Bearer` (RFC 6750 §2.1), or `?token=`, or, for a WebSocket from a browser, which can
//! set no header, a sub-protocol `bearer.` with the token behind it; or `?ticket=`, for which a ticket was asked with a
//! token before. Read on the connection's thread
//! before anything is done for the request. A refusal never contains the token.

use super::head::RequestHead;
use super::query;
use crate::auth::names::taken;
use crate::chat::{Code, Identity, Refusal, RoomName, Secret, UserName};
use crate::engine::guards::address::{Address, ClientAddress};
use crate::net::context::ServerContext;

/// The beginning of a sub-protocol that is a token.
pub const PROTOCOL: &str = "bearer.";

/// The identity of a client that begins a conversation, with its token or its ticket, or a guest of the name that it
/// asks for: see `identify`.
///
/// # Errors
/// As `identify`; and `bad_request` for a token and a ticket.
#[inline(never)]
pub fn client(
    context: &ServerContext,
    request: &RequestHead<'_>,
    user: Option<UserName>,
    room: Option<&RoomName>,
    from: Option<Address>,
) -> Result<Option<Identity>, Refusal> {
    let token = token(request)?;
    match query::value(request.query, "ticket")? {
        Some(_) if token.is_some() => Err(Refusal::new(Code::BadRequest, "A request shows a token or a ticket")),
        Some(ticket) => {
            let identity = context.engine.redeem(&Secret::from(ticket.as_str()), from)?;
            check(&identity, user, room)?;
            Ok(Some(identity))
        }
        None => identify(context, token, user, room, from),
    }
}

/// Refuses a user who asks for another name, or for a room that the token is not for.
fn check(identity: &Identity, user: Option<UserName>, room: Option<&RoomName>) -> Result<(), Refusal> {
    if user.is_some_and(|user| user != identity.user) {
        return Err(Refusal::new(Code::Forbidden, format!("The token is {}'s", identity.user)));
    }
    room.map_or(Ok(()), |room| identity.allows(room))
}

/// The identity that the token of a request gives; `None` without a token, where guests are let in.
///
/// # Errors
/// `unauthorized`: the token is not valid, or there is none and one is needed. `rate_limited`: too many
/// invalid ones came from this address. `bad_request`: there are several.
#[inline(never)]
pub fn authenticate(
    context: &ServerContext,
    request: &RequestHead<'_>,
    from: Option<Address>,
) -> Result<Option<Identity>, Refusal> {
    match token(request)? {
        Some(token) => context.engine.identify(&token, from).map(Some),
        None if context.engine.auth.admits_guests() => Ok(None),
        None => Err(Refusal::new(Code::Unauthorized, "Only those with a token may do that")),
    }
}

/// The identity of a client with this token, or a guest of this name, for the room that it asks for, if any.
/// `None` for a client with neither, where a token is needed: it shows one in its first frame.
///
/// # Errors
/// `unauthorized`: the token is not valid, or there is none and one is needed. `forbidden`: it is for
/// another name, or not for this room; or the user is banned. `name_taken`: the name is registered. `rate_limited`.
#[inline(never)]
fn identify(
    context: &ServerContext,
    token: Option<Secret>,
    user: Option<UserName>,
    room: Option<&RoomName>,
    from: Option<Address>,
) -> Result<Option<Identity>, Refusal> {
    let engine = &context.engine;
    let identity = match (token, user) {
        (Some(token), user) => {
            let identity = engine.identify(&token, from)?;
            check(&identity, user, None)?;
            identity
        }
        (None, user) if !engine.auth.admits_guests() => {
            if user.is_none() && room.is_none() {
                return Ok(None);
            }
            return Err(Refusal::new(Code::Unauthorized, "Only those with a token may come in"));
        }
        (None, Some(user)) if engine.registered(&user) => return Err(taken(&user)),
        (None, Some(user)) => {
            engine.refuse_banned(Some(&user), ClientAddress::IN_PROCESS)?;
            Identity::guest(user)
        }
        (None, None) => Identity::guest(engine.guest()),
    };
    room.map_or(Ok(()), |room| identity.allows(room))?;
    Ok(Some(identity))
}

/// Whether a request shows a token or a ticket.
///
/// # Errors
/// As [`token`].
pub fn is_shown(request: &RequestHead<'_>) -> Result<bool, Refusal> {
    Ok(token(request)?.is_some() || query::value(request.query, "ticket")?.is_some())
}

/// The token of a request, if it has one.
///
/// # Errors
/// `bad_request` for several that differ, `unauthorized` for credentials of another scheme.
pub fn token(request: &RequestHead<'_>) -> Result<Option<Secret>, Refusal> {
    let bad = |message: &'static str| Refusal::new(Code::BadRequest, message);
    let mut all = Vec::new();
    for value in request.values("Authorization") {
        let text = std::str::from_utf8(value).unwrap_or_default();
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::new(Code::Unauthorized, "The credentials must be Bearer and a token"));
        }
        all.push(Secret::from(token.trim()));
    }
    all.extend(request.list("Sec-WebSocket-Protocol").filter_map(|item| item.strip_prefix(PROTOCOL)).map(Secret::from));
    all.extend(query::value(request.query, "token")?.map(|token| Secret::from(token.as_str())));
    let first = all.pop();
    if all.iter().any(|other| Some(other) != first.as_ref()) {
        return Err(bad("A request shows one token"));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http::head::{FIELDS_MAX, parse};

    fn token_of(target: &str, fields: &str) -> Result<Option<String>, Code> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let mut buffer = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let (request, _) = parse(head.as_bytes(), &mut buffer).unwrap().unwrap();
        let token = token(&request).map_err(|refusal| refusal.code)?;
        Ok(token.map(|secret| secret.reveal().to_owned()))
    }

    #[test]
    fn a_token_is_sent_in_one_of_three_ways() {
        let a = Ok(Some("a.b.c".to_owned()));
        assert_eq!(token_of("/", ""), Ok(None));
        assert_eq!(token_of("/", "Authorization: Bearer a.b.c\r\n"), a);
        assert_eq!(token_of("/", "authorization: bEARER  a.b.c\r\n"), a);
        assert_eq!(token_of("/?x=1&token=a.b.c", ""), a);
        assert_eq!(token_of("/", "Sec-WebSocket-Protocol: roomd.v1.json, bearer.a.b.c\r\n"), a);
        assert_eq!(token_of("/?token=a.b.c", "Authorization: Bearer a.b.c\r\n"), a);
    }

    #[test]
    fn two_tokens_or_other_credentials_are_refused() {
        assert_eq!(token_of("/?token=a", "Authorization: Bearer b\r\n"), Err(Code::BadRequest));
        assert_eq!(token_of("/", "Authorization: Bearer b\r\nAuthorization: Bearer c\r\n"), Err(Code::BadRequest));
        assert_eq!(token_of("/", "Authorization: Basic YTpi\r\n"), Err(Code::Unauthorized));
        assert_eq!(token_of("/?token=%ff", ""), Err(Code::BadRequest));
    }
}
