//! What answers at which address, beside WebSockets.
//!
//! One table of paths and methods: what is not in it is 404, a method that is not in its row is 405
//! with `Allow`, and `HEAD` and `OPTIONS` follow from it.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::head::RequestHead;
use super::incoming::ServerContext;
use super::origin::Origin;
use super::response::Response;
use super::{bearer, claims, moderation, rooms};
use crate::chat::token_bucket::Bucket;
use crate::chat::{AuthLevel, Code, Event, Identity, NameError, Refusal, RoomName};
use crate::engine::guards::address::Address;
use crate::page;
use crate::wire::json;

/// A request with its body, and the connection's allowance.
pub struct ApiRequest<'a> {
    /// Its head.
    pub head: &'a RequestHead<'a>,
    /// Its body, whole.
    pub body: Vec<u8>,
    /// How much the connection may still publish.
    pub rate: &'a mut Bucket,
    /// Whose page is behind it.
    pub origin: Origin<'a>,
    /// For limits by address.
    pub address: Option<Address>,
    /// Whom its token names, once that is asked; a guest has none.
    pub who: Option<Identity>,
}

impl ApiRequest<'_> {
    /// Who comes: whom the token names, or a guest.
    pub(super) fn identity(&self, context: &ServerContext) -> Identity {
        self.who.clone().unwrap_or_else(|| Identity::guest(context.engine.guest()))
    }

    /// Whether its token, if it has one, is for this room.
    pub(super) fn allows(&self, room: &RoomName) -> Result<(), Refusal> {
        self.who.as_ref().map_or(Ok(()), |who| who.allows(room))
    }
}

/// A place that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Page,
    Asset(&'a str),
    Alive,
    Ready,
    Metrics,
    Rooms,
    Messages(&'a str),
    /// Who has got a message.
    Receipts(&'a str, &'a str),
    /// One room.
    Room(&'a str),
    /// Who is in it, and on its list.
    Members(&'a str),
    /// One user on its list.
    Member(&'a str, &'a str),
    /// What was decided in it.
    Audit(&'a str),
    /// Names that are registered.
    Claims,
    /// Who one is.
    Me,
    /// Only as a WebSocket, which this request is not.
    Socket,
}

/// Answers a request that is no WebSocket's.
pub fn answer(context: &ServerContext, request: &mut ApiRequest<'_>) -> Response {
    let RequestHead { method, path, .. } = *request.head;
    let Some(route) = route(context, path) else { return Response::error(404, "There is nothing at this address") };
    let allowed = allowed(route);
    if request.origin == Origin::Foreign && path.starts_with("/api/") {
        return Response::error(403, "This origin may not do that");
    }
    if method == "OPTIONS" {
        let preflight = request.origin.preflight(request.head, allowed);
        return preflight.unwrap_or_else(|| Response::empty(204)).with("Allow", allowed);
    }
    if !allowed.split(", ").any(|one| one == method) {
        return Response::error(405, "This method is not for this address").with("Allow", allowed);
    }
    let refused = |refusal: Refusal| {
        context.engine.metrics.refused(refusal.code.as_str());
        refused(&refusal)
    };
    match route {
        Route::Page => page_file(request.head, "index.html"),
        Route::Asset(name) => page_file(request.head, name),
        Route::Alive => Response::new(200, "text/plain; charset=utf-8", "ok\n"),
        Route::Ready if context.admission.has_room() => Response::new(200, "text/plain; charset=utf-8", "ready\n"),
        Route::Ready => Response::error(503, "No further connection is accepted now").with("Retry-After", "5"),
        Route::Metrics => metrics(context, request).unwrap_or_else(refused),
        Route::Claims => claims::claim(context, request).unwrap_or_else(refused),
        Route::Me => claims::me(context, request).unwrap_or_else(refused),
        Route::Socket => Response::error(426, "This address is for WebSockets"),
        _ => of_rooms(context, request, route).unwrap_or_else(refused),
    }
}

/// The figures of the server, for an admin.
fn metrics(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    match bearer::who(context, request.head, request.address)? {
        Some(identity) if identity.auth_level == AuthLevel::Admin => Ok(figures(context)),
        Some(_) => Err(Refusal::new(Code::Forbidden, "Only an admin may read the figures of the server")),
        None => Err(Refusal::new(Code::Unauthorized, "The figures of the server are for an admin: show a token")),
    }
}

/// The figures of the server as a response: Prometheus' text format 0.0.4.
pub(super) fn figures(context: &ServerContext) -> Response {
    Response::new(200, "text/plain; version=0.0.4; charset=utf-8", context.engine.metrics.render(&context.engine))
}

/// What concerns rooms is for those who may come in.
fn of_rooms(context: &ServerContext, request: &mut ApiRequest<'_>, route: Route<'_>) -> Result<Response, Refusal> {
    request.who = bearer::who(context, request.head, request.address)?;
    match (route, request.head.method) {
        (Route::Rooms, "POST") => rooms::create(context, request),
        (Route::Messages(room), "POST") => rooms::publish(context, request, room),
        (Route::Messages(room), _) => rooms::history(context, request, room),
        (Route::Receipts(room, seq), _) => rooms::receipts(context, request, room, seq),
        (Route::Room(room), "DELETE") => moderation::end(context, request, room),
        (Route::Room(room), _) => moderation::room(context, request, room),
        (Route::Members(room), _) => moderation::members(context, request, room),
        (Route::Member(room, user), "PUT") => moderation::invite(context, request, room, user),
        (Route::Member(room, user), _) => moderation::remove(context, request, room, user),
        (Route::Audit(room), _) => moderation::audit(context, request, room),
        _ => Ok(rooms::list(context, request)),
    }
}

fn route<'a>(context: &ServerContext, path: &'a str) -> Option<Route<'a>> {
    Some(match path {
        "/" => Route::Page,
        "/healthz" => Route::Alive,
        "/readyz" => Route::Ready,
        "/metrics" => Route::Metrics,
        "/api/v1/rooms" => Route::Rooms,
        "/api/v1/claims" => Route::Claims,
        "/api/v1/me" => Route::Me,
        "/ws" => Route::Socket,
        "/echo" if context.settings.echo_route => Route::Socket,
        _ => {
            if let Some(name) = path.strip_prefix("/assets/") {
                page::file(name)?;
                Route::Asset(name)
            } else if let Some(room) = path.strip_prefix("/chat/") {
                room_of(room).ok()?;
                Route::Page
            } else {
                return room_route(path.strip_prefix("/api/v1/rooms/")?);
            }
        }
    })
}

fn room_route(path: &str) -> Option<Route<'_>> {
    let parts: Vec<_> = path.split('/').collect();
    Some(match *parts {
        ["", ..] => return None,
        [room] => Route::Room(room),
        [room, "messages"] => Route::Messages(room),
        [room, "messages", seq, "receipts"] => Route::Receipts(room, seq),
        [room, "members"] => Route::Members(room),
        [room, "members", user] => Route::Member(room, user),
        [room, "audit"] => Route::Audit(room),
        _ => return None,
    })
}

fn allowed(route: Route<'_>) -> &'static str {
    match route {
        Route::Page | Route::Asset(_) | Route::Alive | Route::Ready | Route::Metrics => "GET, HEAD, OPTIONS",
        Route::Rooms | Route::Messages(_) => "GET, HEAD, POST, OPTIONS",
        Route::Receipts(..) | Route::Members(_) | Route::Audit(_) | Route::Me => "GET, HEAD, OPTIONS",
        Route::Room(_) => "GET, HEAD, DELETE, OPTIONS",
        Route::Member(..) => "PUT, DELETE, OPTIONS",
        Route::Claims => "POST, OPTIONS",
        Route::Socket => "GET, OPTIONS",
    }
}

/// An address of each kind, with the methods that it takes: what there is for a test to try. A part
/// in braces stands for any.
#[must_use]
pub fn addresses() -> Vec<(String, &'static str)> {
    let (room, user, seq) = ("{room}", "{user}", "{seq}");
    let all = [
        Route::Page,
        Route::Asset("{file}"),
        Route::Alive,
        Route::Ready,
        Route::Metrics,
        Route::Rooms,
        Route::Messages(room),
        Route::Receipts(room, seq),
        Route::Room(room),
        Route::Members(room),
        Route::Member(room, user),
        Route::Audit(room),
        Route::Claims,
        Route::Me,
        Route::Socket,
    ];
    all.into_iter().map(|route| (address(route), allowed(route))).collect()
}

fn address(route: Route<'_>) -> String {
    match route {
        Route::Page => "/".to_owned(),
        Route::Asset(file) => format!("/assets/{file}"),
        Route::Alive => "/healthz".to_owned(),
        Route::Ready => "/readyz".to_owned(),
        Route::Metrics => "/metrics".to_owned(),
        Route::Rooms => "/api/v1/rooms".to_owned(),
        Route::Messages(room) => format!("/api/v1/rooms/{room}/messages"),
        Route::Receipts(room, seq) => format!("/api/v1/rooms/{room}/messages/{seq}/receipts"),
        Route::Room(room) => format!("/api/v1/rooms/{room}"),
        Route::Members(room) => format!("/api/v1/rooms/{room}/members"),
        Route::Member(room, user) => format!("/api/v1/rooms/{room}/members/{user}"),
        Route::Audit(room) => format!("/api/v1/rooms/{room}/audit"),
        Route::Claims => "/api/v1/claims".to_owned(),
        Route::Me => "/api/v1/me".to_owned(),
        Route::Socket => "/ws".to_owned(),
    }
}

/// A file of the page, compressed for whoever takes it so (RFC 9110 §12.5.3), or the word that the
/// browser's own copy is still good (§13.1.2).
fn page_file(request: &RequestHead<'_>, name: &str) -> Response {
    let Some(file) = page::file(name) else { return Response::error(404, "There is nothing at this address") };
    let listed = |field, wanted: &str| {
        let values = request.value(field).unwrap_or_default().split(',').map(str::trim);
        values.into_iter().any(|value| value.split(';').next().is_some_and(|value| value.trim_end() == wanted))
    };
    let compressed = listed("Accept-Encoding", "gzip");
    let tag = format!("\"{}{}\"", file.checksum, if compressed { "-gzip" } else { "" });
    let response = match compressed {
        _ if listed("If-None-Match", &tag) => Response::empty(304),
        true => Response::new(200, file.media_type, file.gzip).with("Content-Encoding", "gzip"),
        false => Response::new(200, file.media_type, file.bytes),
    };
    response.with("ETag", tag).with("Vary", "Accept-Encoding").with("Cache-Control", "no-cache")
}

/// The body of a request that changes something.
///
/// # Errors
/// It is not ours to take, or not understood.
pub(super) fn body<T: for<'de> Deserialize<'de>>(request: &ApiRequest<'_>) -> Result<T, Refusal> {
    let media_type = request.head.value("Content-Type");
    let json = media_type.and_then(|text| text.split(';').next()).map(str::trim);
    if !json.is_some_and(|text| text.eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::new(Code::UnknownType, "The body must be application/json"));
    }
    serde_json::from_slice(&request.body).map_err(|error| bad(format!("The body is not understood: {error}")))
}

/// The room that a part of an address names.
///
/// # Errors
/// It is not a room's name.
pub(super) fn room_of(encoded: &str) -> Result<RoomName, Refusal> {
    named(encoded, RoomName::parse)
}

/// The same, or a private conversation.
pub(super) fn any_room_of(encoded: &str) -> Result<RoomName, Refusal> {
    named(encoded, RoomName::parse_known)
}

fn named(encoded: &str, parse: impl FnOnce(&str) -> Result<RoomName, NameError>) -> Result<RoomName, Refusal> {
    let name = percent_decode_str(encoded).decode_utf8().map_err(|_| bad("The room's name is not UTF-8"))?;
    parse(&name).map_err(|error| bad(format!("The room's name {error}")))
}

/// A request that makes no sense.
pub(super) fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::BadRequest, message)
}

/// An event as a response.
pub(super) fn event(status: u16, event: &Event) -> Response {
    let mut body = Vec::new();
    json::print(event, None, "room", &mut body);
    Response::json(status, body)
}

/// The answer to what is refused.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let status = match refusal.code {
        Code::BadRequest => 400,
        Code::Unauthorized => 401,
        Code::UnknownType => 415,
        Code::TooLarge => 413,
        Code::Forbidden | Code::NotMember | Code::Muted => 403,
        Code::NotFound | Code::UserOffline | Code::SessionExpired => 404,
        Code::NameTaken => 409,
        Code::RateLimited => 429,
        Code::RoomFull | Code::TooManyRooms | Code::Unavailable | Code::Draining => 503,
        Code::Internal => 500,
    };
    let mut refusal = refusal.clone();
    if status == 503 {
        refusal.retry_after.get_or_insert(std::time::Duration::from_secs(5));
    }
    Response::refusal(status, &refusal)
}
