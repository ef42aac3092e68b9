//! Publishing over HTTP, to a room or to one user, changing what was said, and reading one's conversation with a user.
//!
//! A body that is JSON is an object; any other is the message, bytes or a text, so that a script can send what it has.
//! Called by the routes on the connection's thread. Publishing and changing ask the room and wait for its answer.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::api_request::{ApiRequest, bad, number_of, user_of};
use super::query;
use super::response::Response;
use crate::auth::names::taken;
use crate::chat::{About, Body, Code, Event, Identity, Key, Mid, Note, Publication, Refusal, RoomRequest, UserName};
use crate::net::context::ServerContext;
use crate::wire::json;

#[derive(Deserialize)]
struct NewMessage {
    message: Option<String>,
    cipher: Option<Box<RawValue>>,
    data: Option<String>,
    /// What a request says that is no JSON.
    #[serde(skip)]
    plain: Option<Body>,
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
    let author = author(context, request, wanted.user)?;
    let idempotency_key = request.head.value("Idempotency-Key");
    let mid = wanted.mid.as_deref().or(idempotency_key).map(Mid::parse).transpose()?;
    let about = About::parse(wanted.reply_to, wanted.react_to)?;
    let (text, cipher, data) = (wanted.message.as_deref(), wanted.cipher.as_deref(), wanted.data.as_deref());
    let is_empty = text.is_none() && cipher.is_none() && data.is_none() && wanted.plain.is_none();
    let body = match (wanted.deleted, wanted.plain) {
        (Some(true), _) if is_empty => Body::Deleted(None),
        (Some(true), _) => return Err(bad("What removes a key has no message")),
        (_, Some(body)) => body,
        (_, None) => json::message_body(text, cipher, data)?,
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
    Ok(NewMessage {
        message: None,
        cipher: None,
        data: None,
        plain: Some(plain_body(request)?),
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

/// What a body says that is no JSON: bytes, or a text.
fn plain_body(request: &ApiRequest<'_>) -> Result<Body, Refusal> {
    Ok(match request.bytes()? {
        Some(bytes) => Body::Data(bytes.into()),
        None => Body::Text(request.text()?.into()),
    })
}

#[derive(Deserialize)]
struct ChangedMessage {
    message: Option<String>,
    cipher: Option<Box<RawValue>>,
    data: Option<String>,
    user: Option<String>,
}

/// Edits a message, or deletes it: `PUT` and `DELETE /api/v1/rooms/R/messages/SEQ`. Blocks on the room.
///
/// # Errors
/// Why it stays as it is.
pub fn change(
    context: &ServerContext,
    request: &mut ApiRequest<'_>,
    room: &str,
    seq: &str,
) -> Result<Response, Refusal> {
    let (room, seq) = (request.room(room)?, number_of("message", seq)?);
    let (author, body) = changed(context, request)?;
    context.engine.change_message(&author, &room, (seq, body), request.address.counted)?;
    Ok(Response::empty(204))
}

/// The same of a message to one user: `PUT` and `DELETE /api/v1/private/USER/messages/SEQ`. Blocks on its room.
///
/// # Errors
/// As above; `unauthorized` for a guest.
pub fn change_privately(
    context: &ServerContext,
    request: &mut ApiRequest<'_>,
    with: &str,
    seq: &str,
) -> Result<Response, Refusal> {
    let (with, seq) = (user_of(with)?, number_of("message", seq)?);
    signed_in(request)?;
    let (author, body) = changed(context, request)?;
    context.engine.change_private_message(&author, &with, (seq, body), request.address.counted)?;
    Ok(Response::empty(204))
}

/// Whose message a request changes, for whom it is counted, and what it says from then on.
fn changed(context: &ServerContext, request: &mut ApiRequest<'_>) -> Result<(Identity, Body), Refusal> {
    let (author, body) = if request.head.method == "DELETE" {
        let note = query::value(request.head.query, "note")?.filter(|note| !note.is_empty());
        let note = note.as_deref().map(Note::parse).transpose()?;
        (author(context, request, None)?, Body::Deleted(note))
    } else if request.is_json() {
        let wanted: ChangedMessage = request.json()?;
        let body = json::message_body(wanted.message.as_deref(), wanted.cipher.as_deref(), wanted.data.as_deref())?;
        (author(context, request, wanted.user)?, body)
    } else {
        let body = plain_body(request)?;
        (author(context, request, None)?, body)
    };
    let most = context.settings.load().limits.message_bytes;
    RoomRequest::Edit { seq: 0, body: body.clone() }.check(most)?;
    request.count_message(context)?;
    Ok((author, body))
}

/// The author of a message: the user of the token, or a guest with a free name, which the body or the query says.
fn author(context: &ServerContext, request: &ApiRequest<'_>, name: Option<String>) -> Result<Identity, Refusal> {
    let name = name.or(query::value(request.head.query, "user")?).map(|name| UserName::parse(&name)).transpose();
    let name = name.map_err(|error| bad(format!("user {error}")))?;
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
    let who = signed_in(request)?;
    let span = request.span()?;
    let history = context.engine.private_history(who, &with, span, request.limit()?)?;
    Ok(Response::json(200, json::history_body(&history, span)))
}

/// Who shows a token.
fn signed_in<'a>(request: &'a ApiRequest<'_>) -> Result<&'a Identity, Refusal> {
    let who = request.authenticated.as_ref();
    who.ok_or_else(|| Refusal::new(Code::Unauthorized, "A conversation is that of its two users: show a token"))
}
