//! What answers at which address, beside WebSockets.
//!
//! One table of paths and methods: what is not in it is 404, a method that is not in its row is 405
//! with `Allow`, and `HEAD` and `OPTIONS` follow from it.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::callers::House;
use super::head::Request;
use super::origin::Origin;
use super::response::Response;
use super::{bearer, claims, rooms};
use crate::chat::rate::Bucket;
use crate::chat::{Code, Event, Identity, Refusal, RoomName};
use crate::engine::address::Address;
use crate::page;
use crate::wire::json_out;

/// A request with its body, and the connection's allowance.
pub struct Visit<'a> {
    /// Its head.
    pub request: &'a Request<'a>,
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

impl Visit<'_> {
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
    Rooms,
    Messages(&'a str),
    /// Who has got a message.
    Receipts(&'a str, &'a str),
    /// Names that are registered.
    Claims,
    /// Who one is.
    Me,
    /// Only as a WebSocket, which this request is not.
    Socket,
}

/// Answers a request that is no WebSocket's.
pub fn answer(house: &House, visit: &mut Visit<'_>) -> Response {
    let Request { method, path, .. } = *visit.request;
    let Some(route) = route(house, path) else { return Response::error(404, "There is nothing at this address") };
    let allowed = allowed(route);
    if visit.origin == Origin::Foreign && path.starts_with("/api/") {
        return Response::error(403, "This origin may not do that");
    }
    if method == "OPTIONS" {
        let preflight = visit.origin.preflight(visit.request, allowed);
        return preflight.unwrap_or_else(|| Response::empty(204)).with("Allow", allowed);
    }
    if !allowed.split(", ").any(|one| one == method) {
        return Response::error(405, "This method is not for this address").with("Allow", allowed);
    }
    let get = matches!(method, "GET" | "HEAD");
    match route {
        Route::Page => page_file("index.html"),
        Route::Asset(name) => page_file(name),
        Route::Alive => Response::new(200, "text/plain; charset=utf-8", "ok\n"),
        Route::Ready if house.admission.has_room() => Response::new(200, "text/plain; charset=utf-8", "ready\n"),
        Route::Ready => Response::error(503, "No further connection is accepted now").with("Retry-After", "5"),
        Route::Claims => claims::claim(house, visit).unwrap_or_else(|refusal| refused(&refusal)),
        Route::Me => claims::me(house, visit).unwrap_or_else(|refusal| refused(&refusal)),
        Route::Rooms | Route::Messages(_) | Route::Receipts(..) => {
            of_rooms(house, visit, route, get).unwrap_or_else(|refusal| refused(&refusal))
        }
        Route::Socket => Response::error(426, "This address is for WebSockets"),
    }
}

/// What concerns rooms is for those who may come in.
fn of_rooms(house: &House, visit: &mut Visit<'_>, route: Route<'_>, get: bool) -> Result<Response, Refusal> {
    visit.who = bearer::who(house, visit.request)?;
    match route {
        Route::Messages(room) if get => rooms::history(house, visit, room),
        Route::Messages(room) => rooms::publish(house, visit, room),
        Route::Receipts(room, seq) => rooms::receipts(house, visit, room, seq),
        _ if get => Ok(rooms::list(house, visit)),
        _ => rooms::create(house, visit),
    }
}

fn route<'a>(house: &House, path: &'a str) -> Option<Route<'a>> {
    Some(match path {
        "/" => Route::Page,
        "/healthz" => Route::Alive,
        "/readyz" => Route::Ready,
        "/api/v1/rooms" => Route::Rooms,
        "/api/v1/claims" => Route::Claims,
        "/api/v1/me" => Route::Me,
        "/ws" => Route::Socket,
        "/echo" if house.settings.echo_route => Route::Socket,
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
    let mut parts = path.split('/');
    match [parts.next()?, parts.next()?, parts.next().unwrap_or_default(), parts.next().unwrap_or_default()] {
        _ if parts.next().is_some() => None,
        [room, "messages", "", ""] if !path.ends_with('/') => Some(Route::Messages(room)),
        [room, "messages", seq, "receipts"] => Some(Route::Receipts(room, seq)),
        _ => None,
    }
}

fn allowed(route: Route<'_>) -> &'static str {
    match route {
        Route::Page | Route::Asset(_) | Route::Alive | Route::Ready => "GET, HEAD, OPTIONS",
        Route::Rooms | Route::Messages(_) => "GET, HEAD, POST, OPTIONS",
        Route::Receipts(..) | Route::Me => "GET, HEAD, OPTIONS",
        Route::Claims => "POST, OPTIONS",
        Route::Socket => "GET, OPTIONS",
    }
}

fn page_file(name: &str) -> Response {
    match page::file(name) {
        Some(file) => Response::new(200, file.media_type, file.bytes).with("Cache-Control", "no-cache"),
        None => Response::error(404, "There is nothing at this address"),
    }
}

/// The body of a request that changes something.
///
/// # Errors
/// It is not ours to take, or not understood.
pub(super) fn body<T: for<'de> Deserialize<'de>>(visit: &Visit<'_>) -> Result<T, Refusal> {
    let media_type = visit.request.value("Content-Type");
    let json = media_type.and_then(|text| text.split(';').next()).map(str::trim);
    if !json.is_some_and(|text| text.eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::new(Code::UnknownType, "The body must be application/json"));
    }
    serde_json::from_slice(&visit.body).map_err(|error| bad(format!("The body is not understood: {error}")))
}

/// The room that a part of an address names.
///
/// # Errors
/// It is not a room's name.
pub(super) fn room_of(encoded: &str) -> Result<RoomName, Refusal> {
    let name = percent_decode_str(encoded).decode_utf8().map_err(|_| bad("The room's name is not UTF-8"))?;
    RoomName::parse(&name).map_err(|error| bad(format!("The room's name {error}")))
}

/// A request that makes no sense.
pub(super) fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::BadRequest, message)
}

/// An event as a response.
pub(super) fn event(status: u16, event: &Event) -> Response {
    let mut body = Vec::new();
    json_out::print(event, None, "room", &mut body);
    Response::json(status, body)
}

/// The answer to what is refused.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let status = match refusal.code {
        Code::BadRequest => 400,
        Code::Unauthorized => 401,
        Code::UnknownType => 415,
        Code::TooLarge => 413,
        Code::Forbidden | Code::NotMember => 403,
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
