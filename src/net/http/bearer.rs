//! The token of a request, and the identity that it gives.
//!
//! `Authorization: Bearer` (RFC 6750 §2.1), or `?token=`, or, for a WebSocket from a browser, which can
//! set no header, a sub-protocol `bearer.` with the token behind it; or `?ticket=`, for which a ticket was asked with a
//! token before. Or the user whom a proxy has authenticated and names (`--user-header`): a token beside it has to be the same user's, and
//! without one nobody is a guest who comes through such a proxy. Read on the connection's thread
//! before anything is done for the request. A refusal never contains the token.

use super::head::{ProxyUser, RequestHead};
use super::query;
use crate::auth::Vouched;
use crate::auth::names::taken;
use crate::auth::vouched::user_name;
use crate::chat::{Code, FoldedName, Identity, Refusal, RoomName, Secret, UserName};
use crate::engine::guards::address::{Address, ClientAddress};
use crate::net::context::ServerContext;

/// The beginning of a sub-protocol that is a token.
pub const PROTOCOL: &str = "bearer.";

/// Bytes of what a proxy calls a user, at most.
const NAMED_MAX: usize = 255;

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
            let identity = beside_proxy(context, request, Some(identity))?;
            identity.iter().try_for_each(|identity| check(identity, user.as_ref(), room))?;
            Ok(identity)
        }
        None => identify(context, shown(context, request, token, from)?, user, room),
    }
}

/// Refuses a user who asks for another name, or for a room that the token is not for.
fn check(identity: &Identity, user: Option<&UserName>, room: Option<&RoomName>) -> Result<(), Refusal> {
    if user.is_some_and(|user| *user != identity.user) {
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
    match shown(context, request, token(request)?, from)? {
        Some(identity) => Ok(Some(identity)),
        None if context.engine.auth.admits_guests() => Ok(None),
        None => Err(Refusal::new(Code::Unauthorized, "Only those with a token may do that")),
    }
}

/// The user whom this token of the request names, or a proxy.
///
/// # Errors
/// `unauthorized` for a token that is not valid, and as [`beside_proxy`].
pub fn shown(
    context: &ServerContext,
    request: &RequestHead<'_>,
    token: Option<Secret>,
    from: Option<Address>,
) -> Result<Option<Identity>, Refusal> {
    let shown = token.map(|token| context.engine.identify(&token, from)).transpose()?;
    beside_proxy(context, request, shown)
}

/// The user whom a proxy names, if one does, as far as the identity that the request shows besides allows it; otherwise that one. May
/// wait for the store.
///
/// # Errors
/// `unauthorized`: the proxy names nobody, and nothing else says who it is. `bad_request`: it names several, or what can be no name.
/// `forbidden`: the token is another user's, or the user is banned. `name_taken`: the name is another's.
#[inline(never)]
pub fn beside_proxy(
    context: &ServerContext,
    request: &RequestHead<'_>,
    shown: Option<Identity>,
) -> Result<Option<Identity>, Refusal> {
    if matches!((request.proxy_user, &shown), (ProxyUser::None, _) | (ProxyUser::Unnamed, Some(_))) {
        return Ok(shown);
    }
    let who = named_by_proxy(context, request)?;
    match shown {
        Some(shown) if FoldedName::of(&shown.user) == FoldedName::of(&who.user) => Ok(Some(shown)),
        Some(shown) => {
            let message = format!("The proxy says that you are {}, and the token is {}'s", who.user, shown.user);
            Err(Refusal::new(Code::Forbidden, message))
        }
        None => context.engine.identify_vouched(who, context.settings.load().login_for).map(Some),
    }
}

/// The user whom a proxy names.
///
/// # Errors
/// `unauthorized`: it names nobody. `bad_request`: it names several, or what can be no name.
pub fn named_by_proxy(context: &ServerContext, request: &RequestHead<'_>) -> Result<Vouched, Refusal> {
    let settings = context.settings.load();
    let field = settings.user_header.as_deref().unwrap_or_default();
    let bad = |message: String| Err(Refusal::new(Code::BadRequest, message));
    let named = match request.proxy_user {
        ProxyUser::Named(name) => name,
        ProxyUser::Unreadable => return bad(format!("The proxy sends {field} several times, or not as UTF-8")),
        ProxyUser::None | ProxyUser::Unnamed => {
            let message = format!("The proxy names nobody: there is no {field}");
            return Err(Refusal::new(Code::Unauthorized, message));
        }
    };
    let Some(user) = user_name(named).filter(|_| named.len() <= NAMED_MAX) else {
        return bad(format!("The proxy sends a {field} of which no name can be made"));
    };
    Ok(Vouched {
        subject: format!("proxy#{named}").into(),
        user,
        display: None,
        admin: false,
        rooms: None,
        adopts: false,
    })
}

/// The identity of a client that has shown this one, or a guest of this name, for the room that it asks for, if any.
/// `None` for a client with neither, where a token is needed: it shows one in its first frame.
///
/// # Errors
/// `unauthorized`: nobody is shown, and somebody is needed. `forbidden`: it is for
/// another name, or not for this room; or the user is banned. `name_taken`: the name is registered.
#[inline(never)]
fn identify(
    context: &ServerContext,
    shown: Option<Identity>,
    user: Option<UserName>,
    room: Option<&RoomName>,
) -> Result<Option<Identity>, Refusal> {
    let engine = &context.engine;
    let identity = match (shown, user) {
        (Some(identity), user) => {
            check(&identity, user.as_ref(), None)?;
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

/// Whether a request shows a token or a ticket, or a proxy names its user.
///
/// # Errors
/// As [`token`].
pub fn is_shown(request: &RequestHead<'_>) -> Result<bool, Refusal> {
    let is_named = matches!(request.proxy_user, ProxyUser::Named(_));
    Ok(is_named || token(request)?.is_some() || query::value(request.query, "ticket")?.is_some())
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
