//! Publishing over HTTP, to a room or to one user, and reading one's conversation with a user.
//!
//! A body that is JSON is an object; any other is the message, bytes or a text, so that a script can send what it has.
//! Called by the routes on the connection's thread. Publishing asks the room and waits for its answer.

use serde::Deserialize;

use super::api_request::{ApiRequest, bad, user_of};
use super::query;
use super::response::Response;
use crate::auth::names::taken;
use crate::chat::{About, Body, Code, Event, Identity, Key, Mid, Publication, Refusal, RoomRequest, UserName};
use crate::net::context::ServerContext;
use crate::wire::json;

#[derive(Deserialize)]
struct NewMessage {
    message: Option<String>,
    data: Option<String>,
    /// The bytes of a request that is them.
    #[serde(skip)]
    bytes: Option<Body>,
    user: Option<String>,
    #[serde(default, deserialize_with = "json::whole::optional")]
    reply_to: Option<u64>,
    #[serde(default, deserialize_with = "json::whole::optional")]
    react_to: Option<u64>,
    mid: Option<String>,
    #[serde(default, deserialize_with = "json::whole::optional")]
    if_seq: Option<u64>,
    key: Option<String>,
    #[serde(default, deserialize_with = "json::whole::optional")]
    if_key_seq: Option<u64>,
    #[serde(default)]
    deleted: Option<bool>,
    #[serde(default)]
    store: Option<bool>,
}

/// Publishes: `POST /api/v1/rooms/R/messages`. Blocks on the room.
///
/// # Errors
/// Why it is not published.
pub fn publish(context: &ServerContext, request: &mut ApiRequest<'_>, room: &str) -> Result<Response, Refusal> {
    let room = request.room(room)?;
    let (author, message) = authored(context, request)?;
    context.engine.count_opening(&room, request.address.counted)?;
    sent(context.engine.hub.ask_from(request.address.counted, &room, author, message)?)
}

/// Publishes to the conversation with one user: `POST /api/v1/private/USER/messages`. Blocks on its room.
///
/// # Errors
/// Why it is not published.
pub fn publish_privately(context: &ServerContext, request: &mut ApiRequest<'_>, to: &str) -> Result<Response, Refusal> {
    let to = user_of(to)?;
    let (author, message) = authored(context, request)?;
    sent(context.engine.send_private(&author, &to, message, request.address.counted)?)
}

fn sent(answer: Event) -> Result<Response, Refusal> {
    match answer {
        Event::Refused(refusal) => Err(refusal),
        sent => Ok(Response::event(201, &sent)),
    }
}

/// The author of a request's message, for whom it is counted, and the message.
fn authored(context: &ServerContext, request: &mut ApiRequest<'_>) -> Result<(Identity, RoomRequest), Refusal> {
    let wanted = if request.is_json() { request.json()? } else { plain(request)? };
    let in_query = query::value(request.head.query, "user")?;
    let name = wanted.user.or(in_query).map(|name| UserName::parse(&name)).transpose();
    let author = author(context, request, name.map_err(|error| bad(format!("user {error}")))?)?;
    let idempotency_key = request.head.value("Idempotency-Key");
    let mid = wanted.mid.as_deref().or(idempotency_key).map(Mid::parse).transpose()?;
    let about = About::parse(wanted.reply_to, wanted.react_to)?;
    let data = wanted.data.as_deref().map(json::parse_data).transpose()?.or(wanted.bytes);
    let body = match (wanted.message, data, wanted.deleted) {
        (None, None, Some(true)) => Body::Deleted(None),
        (_, _, Some(true)) => return Err(bad("What removes a key has no message")),
        (Some(text), None, _) => Body::Text(text.into()),
        (None, Some(data), _) => data,
        (Some(_), Some(_), _) => return Err(bad("A message is one of message and data")),
        (None, None, _) => return Err(bad("message is missing")),
    };
    let key = wanted.key.as_deref().map(Key::parse).transpose()?;
    let (if_seq, if_key_seq) = (wanted.if_seq, wanted.if_key_seq);
    let store = wanted.store.unwrap_or(true);
    let message = RoomRequest::from(Publication { body, about, mid, if_seq, key, if_key_seq, store });
    message.check(context.settings.load().limits.message_bytes)?;
    request.count_message(context)?;
    Ok((author, message))
}

/// The message that a body of text, or of bytes, is, with what its address says of it.
fn plain(request: &ApiRequest<'_>) -> Result<NewMessage, Refusal> {
    let (message, bytes) = match request.bytes()? {
        Some(bytes) => (None, Some(Body::Data(bytes.into()))),
        None => (Some(request.text()?), None),
    };
    Ok(NewMessage {
        message,
        data: None,
        bytes,
        user: None,
        reply_to: request.number("reply_to")?,
        react_to: request.number("react_to")?,
        mid: query::value(request.head.query, "mid")?,
        if_seq: request.number("if_seq")?,
        key: query::value(request.head.query, "key")?,
        if_key_seq: request.number("if_key_seq")?,
        deleted: None,
        store: query::flag(request.head.query, "store")?,
    })
}

/// The author of a message: the user of the token, or a guest with a free name.
fn author(context: &ServerContext, request: &ApiRequest<'_>, name: Option<UserName>) -> Result<Identity, Refusal> {
    match (&request.authenticated, name) {
        (Some(identity), Some(name)) if identity.user != name => {
            Err(Refusal::new(Code::Forbidden, format!("The token is {}'s, not {name}'s", identity.user)))
        }
        (Some(identity), _) => Ok(identity.clone()),
        (None, Some(name)) if context.engine.registered(&name) => Err(taken(&name)),
        (None, Some(name)) => {
            context.engine.refuse_banned(Some(&name), request.address)?;
            Ok(Identity::guest(name))
        }
        (None, None) => Ok(Identity::guest(context.engine.guest())),
    }
}

/// Reads a part of the conversation with one user: `GET /api/v1/private/USER/messages`.
///
/// # Errors
/// `unauthorized` for a guest, whose name may have been another's; `not_found` where nothing was said; `unavailable`.
pub fn private_history(context: &ServerContext, request: &ApiRequest<'_>, with: &str) -> Result<Response, Refusal> {
    let with = user_of(with)?;
    let who = request.authenticated.as_ref();
    let who =
        who.ok_or_else(|| Refusal::new(Code::Unauthorized, "A conversation is read by its two users: show a token"))?;
    let span = request.span()?;
    let history = context.engine.private_history(who, &with, span, request.limit()?)?;
    Ok(Response::json(200, json::history_body(&history, span)))
}
