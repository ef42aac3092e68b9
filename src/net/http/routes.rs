//! The routes: which function answers at which path, but for WebSockets.
//!
//! One table of paths and methods: a path that is not in it is 404, a method that is not in its row is 405
//! with `Allow`, and `HEAD` and `OPTIONS` follow from it. Runs on the connection's thread.

use super::api_request::{ApiRequest, room_of};
use super::head::RequestHead;
use super::origin::Origin;
use super::response::Response;
use super::{bearer, claims, moderation, rooms};
use crate::chat::{AuthLevel, Code, Refusal};
use crate::net::context::ServerContext;
use crate::page;
use crate::wire::json;

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Page,
    Asset(&'a str),
    Alive,
    Ready,
    Metrics,
    Rooms,
    Messages(&'a str),
    /// Which users have received or read a message.
    Receipts(&'a str, &'a str),
    /// One room.
    Room(&'a str),
    /// The users in a room, and on its list.
    Members(&'a str),
    /// One user on the list of a room.
    Member(&'a str, &'a str),
    /// The moderation log of a room.
    Audit(&'a str),
    /// Names that are registered.
    Claims,
    /// The client's own identity.
    Me,
    /// The time at the server.
    Time,
    /// A path for WebSockets, which this request is not.
    Socket,
}

/// Answers a request that does not become a WebSocket.
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
        Response::refusal(&refusal)
    };
    match route {
        Route::Page => page_file(request.head, "index.html"),
        Route::Asset(name) => page_file(request.head, name),
        Route::Alive => Response::new(200, "text/plain; charset=utf-8", "ok\n"),
        Route::Ready if context.admission.has_capacity() => Response::new(200, "text/plain; charset=utf-8", "ready\n"),
        Route::Ready => Response::error(503, "No further connection is accepted now").with("Retry-After", "5"),
        Route::Metrics => metrics(context, request).unwrap_or_else(refused),
        Route::Claims => claims::claim(context, request).unwrap_or_else(refused),
        Route::Me => claims::me(context, request).unwrap_or_else(refused),
        Route::Time => Response::json(200, json::time_body(context.engine.clock.now().at)),
        Route::Socket => Response::error(426, "This address is for WebSockets"),
        _ => of_rooms(context, request, route).unwrap_or_else(refused),
    }
}

/// The figures of the server, for an admin.
fn metrics(context: &ServerContext, request: &ApiRequest<'_>) -> Result<Response, Refusal> {
    match bearer::authenticate(context, request.head, request.address)? {
        Some(identity) if identity.auth_level == AuthLevel::Admin => Ok(super::metrics::figures(context)),
        Some(_) => Err(Refusal::new(Code::Forbidden, "Only an admin may read the figures of the server")),
        None => Err(Refusal::new(Code::Unauthorized, "The figures of the server are for an admin: show a token")),
    }
}

/// Answers a request about rooms, which needs a token where guests are not let in.
fn of_rooms(context: &ServerContext, request: &mut ApiRequest<'_>, route: Route<'_>) -> Result<Response, Refusal> {
    request.authenticated = bearer::authenticate(context, request.head, request.address)?;
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
        "/api/v1/time" => Route::Time,
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
        Route::Receipts(..) | Route::Members(_) | Route::Audit(_) | Route::Me | Route::Time => "GET, HEAD, OPTIONS",
        Route::Room(_) => "GET, HEAD, DELETE, OPTIONS",
        Route::Member(..) => "PUT, DELETE, OPTIONS",
        Route::Claims => "POST, OPTIONS",
        Route::Socket => "GET, OPTIONS",
    }
}

/// An address of each route, with its methods, for a test that tries them all. A part in braces stands
/// for any.
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
        Route::Time,
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
        Route::Time => "/api/v1/time".to_owned(),
        Route::Socket => "/ws".to_owned(),
    }
}

/// A file of the page, compressed for a client that accepts it so (RFC 9110 §12.5.3), or the answer that the
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
