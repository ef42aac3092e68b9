//! The routes: which function answers at which path, but for WebSockets.
//!
//! One table of paths and methods: a path that is not in it is 404, a method that is not in its row is 405
//! with `Allow`, and `HEAD` and `OPTIONS` follow from it. Runs on the connection's thread.

mod addresses;

pub use addresses::addresses;

use super::admin::{self, AdminRoute};
use super::api_request::{ApiRequest, room_of};
use super::head::RequestHead;
use super::origin::Origin;
use super::response::Response;
use super::{
    assets, claims, codes, devices, hooks, invitations, logins, moderation, publishing, qr, query, rooms, search,
    tickets, webhooks,
};
use crate::chat::{AuthLevel, Code, Refusal};
use crate::net::context::ServerContext;
use crate::page;
use crate::wire::json;

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Page,
    /// The page of admins.
    AdminPage,
    /// Where a login at a provider begins.
    Login(&'a str),
    /// Where a browser comes back from a provider.
    LoginReturn(&'a str),
    Asset(&'a str),
    Alive,
    Ready,
    Metrics,
    Rooms,
    /// Messages of any room.
    Search,
    Messages(&'a str),
    /// One message of a room.
    Message(&'a str, &'a str),
    /// The conversation with one user.
    Private(&'a str),
    /// One message of it.
    PrivateMessage(&'a str, &'a str),
    /// Which users have received or read a message.
    Receipts(&'a str, &'a str),
    /// One room.
    Room(&'a str),
    /// The users in a room, and on its list.
    Members(&'a str),
    /// One user on the list of a room.
    Member(&'a str, &'a str),
    /// The invitations to a room.
    Invitations(&'a str),
    /// One invitation.
    Invitation(&'a str, &'a str),
    /// What a room is about.
    About(&'a str),
    /// One message that may be pinned.
    Pin(&'a str, &'a str),
    /// The moderation log of a room.
    Audit(&'a str),
    /// The stream of one room, or of several; a request that is for one does not come here.
    Events(Option<&'a str>),
    /// Tickets for streams.
    Tickets,
    /// The hooks of a room.
    Hooks(&'a str),
    /// One hook of a room.
    Hook(&'a str, &'a str),
    /// The webhooks of a room, or of all.
    Webhooks(Option<&'a str>),
    /// One of them.
    Webhook(Option<&'a str>, &'a str),
    /// What was delivered to it, or is to be.
    WebhookDeliveries(Option<&'a str>, &'a str),
    /// One of that.
    WebhookDelivery(Option<&'a str>, &'a str, &'a str),
    /// Where what comes in by a hook goes.
    HookDelivery(&'a str),
    /// Names that are registered.
    Claims,
    /// One registered name.
    Claim(&'a str),
    /// The devices of a registered name.
    Devices,
    /// Codes that sign in further devices.
    DeviceCodes,
    /// What a code is for.
    Codes,
    /// One device.
    Device(&'a str),
    /// The rooms and conversations of a user.
    Memberships,
    /// A text as a QR code.
    Qr,
    /// The client's own identity.
    Me,
    /// Which server this is, and whom it admits.
    Server,
    /// The time at the server.
    Time,
    /// What an admin sees of the server, and does with it.
    Admin(AdminRoute<'a>),
    /// A path for WebSockets, which this request is not.
    Socket,
}

/// Methods of which some path has each.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS";

/// Where a request leads.
pub enum Place<'a> {
    /// To what stands in the table, at the path of this head.
    Here(RequestHead<'a>),
    /// To another address.
    Moved(Response),
}

/// Takes the path below which the client sees the server off the path of a request. A proxy may have taken it off
/// already: what is in the table without it is found without it.
pub fn place<'a>(context: &ServerContext, request: &RequestHead<'a>, base_path: &str) -> Place<'a> {
    let below = request.path.strip_prefix(base_path).filter(|_| !base_path.is_empty());
    match below {
        Some("") => {
            let query = request.query.map(|query| format!("?{query}")).unwrap_or_default();
            Place::Moved(Response::empty(308).with("Location", format!("{base_path}/{query}")))
        }
        Some(path) if route(context, path).is_some() => Place::Here(request.at(path)),
        _ => Place::Here(*request),
    }
}

/// Answers a request that does not become a WebSocket.
#[inline(never)]
pub fn answer(context: &ServerContext, request: &mut ApiRequest<'_>) -> Response {
    let RequestHead { method, path, .. } = *request.head;
    if path == "*" {
        // RFC 9110 §9.3.7: what the server can do as a whole.
        return Response::empty(204).with("Allow", METHODS);
    }
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
    if path.starts_with("/api/")
        && let Err(refusal) = query::check(request.head.query)
    {
        return refused(refusal);
    }
    match route {
        Route::Page => assets::page(request.head, "index.html", request.base_path),
        Route::AdminPage => assets::page(request.head, "admin.html", request.base_path),
        Route::Asset(name) => assets::asset(request.head, name),
        Route::Login(provider) => logins::begin(context, request, provider),
        Route::LoginReturn(provider) => logins::finish(context, request, provider),
        Route::Alive => Response::new(200, "text/plain; charset=utf-8", "ok\n"),
        Route::Ready => ready(context),
        Route::Metrics => metrics(context, request).unwrap_or_else(refused),
        Route::Tickets => tickets::issue(context, request).unwrap_or_else(refused),
        Route::HookDelivery(token) => hooks::deliver(context, request, token).unwrap_or_else(refused),
        Route::Claims => claims::claim(context, request).unwrap_or_else(refused),
        Route::Claim(name) => claims::unclaim(context, request, name).unwrap_or_else(refused),
        Route::Devices if method == "POST" => devices::redeem(context, request).unwrap_or_else(refused),
        Route::Devices => devices::list(context, request).unwrap_or_else(refused),
        Route::DeviceCodes => devices::add(context, request).unwrap_or_else(refused),
        Route::Codes => codes::describe(context, request).unwrap_or_else(refused),
        Route::Device(device) => devices::end(context, request, device).unwrap_or_else(refused),
        Route::Qr => qr::code(context, request).unwrap_or_else(refused),
        Route::Memberships => invitations::memberships(context, request).unwrap_or_else(refused),
        // Whoever is admitted may have no token yet.
        Route::Members(room) if method == "POST" => invitations::enter(context, request, room).unwrap_or_else(refused),
        Route::Me => claims::me(context, request).unwrap_or_else(refused),
        Route::Server => {
            let (settings, auth) = (context.settings.load(), &context.engine.auth);
            let name = settings.name.as_deref().unwrap_or("roomd");
            let names = (auth.admits_guests(), auth.registers_names());
            let logins = logins::offered(&settings, request.head);
            Response::json(200, json::server_body(name, settings.welcome.as_deref(), names, &logins))
        }
        Route::Time => Response::json(200, json::time_body(context.engine.clock.now().at)),
        Route::Socket => Response::error(426, "This address is for WebSockets"),
        Route::Events(_) => Response::error(405, "A stream is read with GET").with("Allow", allowed),
        _ => of_rooms(context, request, route).unwrap_or_else(refused),
    }
}

/// Whether a further client would be served, and its messages stored. May block on a disk, for a second at most.
fn ready(context: &ServerContext) -> Response {
    let why_not = if context.engine.is_ending() {
        "The server is shutting down"
    } else if !context.admission.has_capacity() {
        "No further connection is accepted now"
    } else if !context.engine.store_is_writable() {
        "Messages cannot be stored now"
    } else {
        return Response::new(200, "text/plain; charset=utf-8", "ready\n");
    };
    Response::error(503, why_not).with("Retry-After", "5")
}

/// The figures of the server, for an admin.
fn metrics(context: &ServerContext, request: &mut ApiRequest<'_>) -> Result<Response, Refusal> {
    request.authenticate(context)?;
    match &request.authenticated {
        Some(identity) if identity.auth_level == AuthLevel::Admin => Ok(super::metrics::figures(context)),
        Some(_) => Err(Refusal::new(Code::Forbidden, "Only an admin may read the figures of the server")),
        None => Err(Refusal::new(Code::Unauthorized, "The figures of the server are for an admin: show a token")),
    }
}

/// Answers a request about rooms, which needs a token where guests are not let in.
fn of_rooms(context: &ServerContext, request: &mut ApiRequest<'_>, route: Route<'_>) -> Result<Response, Refusal> {
    request.authenticate(context)?;
    if matches!(request.head.method, "GET" | "HEAD") {
        request.count_question(context, 1)?;
    }
    match (route, request.head.method) {
        (Route::Admin(route), _) => admin::answer(context, request, route),
        (Route::Search, _) => search::search_rooms(context, request),
        (Route::Rooms, "POST") => rooms::create(context, request),
        (Route::Messages(room), "POST") => publishing::publish(context, request, room),
        (Route::Messages(room), _) => rooms::history(context, request, room),
        (Route::Message(room, seq), _) => publishing::change(context, request, room, seq),
        (Route::PrivateMessage(user, seq), _) => publishing::change_privately(context, request, user, seq),
        (Route::Private(user), "POST") => publishing::publish_privately(context, request, user),
        (Route::Private(user), _) => publishing::private_history(context, request, user),
        (Route::Receipts(room, seq), _) => rooms::receipts(context, request, room, seq),
        (Route::Room(room), "DELETE") => moderation::end(context, request, room),
        (Route::Room(room), _) => moderation::room(context, request, room),
        (Route::Members(room), _) => moderation::members(context, request, room),
        (Route::Member(room, user), "PUT") => moderation::invite(context, request, room, user),
        (Route::Member(room, user), _) => moderation::remove(context, request, room, user),
        (Route::Invitations(room), "POST") => invitations::create(context, request, room),
        (Route::Invitations(room), _) => invitations::list(context, request, room),
        (Route::Invitation(room, number), _) => invitations::revoke(context, request, room, number),
        (Route::About(room), _) => moderation::describe(context, request, room),
        (Route::Pin(room, seq), _) => moderation::pin(context, request, room, seq),
        (Route::Audit(room), _) => moderation::audit(context, request, room),
        (Route::Hooks(room), "POST") => hooks::add(context, request, room),
        (Route::Hooks(room), _) => hooks::list(context, request, room),
        (Route::Hook(room, hook), _) => hooks::revoke(context, request, room, hook),
        (Route::Webhooks(room), "POST") => webhooks::add(context, request, room),
        (Route::Webhooks(room), _) => webhooks::list(context, request, room),
        (Route::Webhook(room, webhook), _) => webhooks::remove(context, request, room, webhook),
        (Route::WebhookDeliveries(room, webhook), "POST") => webhooks::resume(context, request, room, webhook),
        (Route::WebhookDeliveries(room, webhook), _) => webhooks::deliveries(context, request, room, webhook),
        (Route::WebhookDelivery(room, webhook, delivery), _) => {
            webhooks::resend(context, request, room, webhook, delivery)
        }
        _ => Ok(rooms::list(context, request)),
    }
}

fn route<'a>(context: &ServerContext, path: &'a str) -> Option<Route<'a>> {
    Some(match path {
        "/" => Route::Page,
        "/admin" => Route::AdminPage,
        "/healthz" => Route::Alive,
        "/readyz" => Route::Ready,
        "/metrics" => Route::Metrics,
        "/api/v1/rooms" => Route::Rooms,
        "/api/v1/search" => Route::Search,
        "/api/v1/claims" => Route::Claims,
        "/api/v1/devices" => Route::Devices,
        "/api/v1/devices/codes" => Route::DeviceCodes,
        "/api/v1/codes" => Route::Codes,
        "/api/v1/tickets" => Route::Tickets,
        "/api/v1/events" => Route::Events(None),
        "/api/v1/memberships" => Route::Memberships,
        "/api/v1/qr" => Route::Qr,
        "/api/v1/me" => Route::Me,
        "/api/v1/server" => Route::Server,
        "/api/v1/time" => Route::Time,
        // Not below `/assets`: a service worker serves the paths below its own.
        "/service-worker.js" => Route::Asset("service-worker.js"),
        "/ws" => Route::Socket,
        "/echo" if context.settings.load().echo_route => Route::Socket,
        _ => {
            if let Some(name) = path.strip_prefix("/assets/") {
                page::file(name)?;
                Route::Asset(name)
            } else if let Some(place) = path.strip_prefix("/chat/") {
                // A room, or a message in it.
                let (room, seq) = place.split_once('/').unwrap_or((place, "1"));
                room_of(room).ok()?;
                seq.parse::<u64>().ok().filter(|seq| *seq > 0)?;
                Route::Page
            } else if let Some(name) = path.strip_prefix("/api/v1/claims/").filter(|name| !name.contains('/')) {
                Route::Claim(name)
            } else if let Some(device) = path.strip_prefix("/api/v1/devices/").filter(|device| !device.contains('/')) {
                Route::Device(device)
            } else if let Some(rest) = path.strip_prefix("/login/") {
                return login_route(rest);
            } else if let Some(token) = path.strip_prefix("/hooks/").filter(|token| !token.contains('/')) {
                Route::HookDelivery(token)
            } else if let Some(rest) = path.strip_prefix("/api/v1/admin/") {
                Route::Admin(AdminRoute::of(rest)?)
            } else if let Some(rest) = path.strip_prefix("/api/v1/private/") {
                return private_route(rest);
            } else if let Some(rest) = path.strip_prefix("/api/v1/webhooks") {
                let parts: Vec<_> = rest.split('/').skip(1).collect();
                return webhook_route(None, &parts).filter(|_| rest.is_empty() || rest.starts_with('/'));
            } else {
                return room_route(path.strip_prefix("/api/v1/rooms/")?);
            }
        }
    })
}

/// Whether a path is that of the page, or of a room in it.
pub(super) fn is_page(context: &ServerContext, path: &str) -> bool {
    route(context, path) == Some(Route::Page)
}

fn login_route(path: &str) -> Option<Route<'_>> {
    Some(match *path.split('/').collect::<Vec<_>>() {
        ["", ..] => return None,
        [provider] => Route::Login(provider),
        [provider, "callback"] => Route::LoginReturn(provider),
        _ => return None,
    })
}

fn private_route(path: &str) -> Option<Route<'_>> {
    Some(match *path.split('/').collect::<Vec<_>>() {
        ["", ..] => return None,
        [user, "messages"] => Route::Private(user),
        [user, "messages", seq] => Route::PrivateMessage(user, seq),
        _ => return None,
    })
}

fn room_route(path: &str) -> Option<Route<'_>> {
    let parts: Vec<_> = path.split('/').collect();
    Some(match *parts {
        ["", ..] => return None,
        [room] => Route::Room(room),
        [room, "messages"] => Route::Messages(room),
        [room, "messages", seq] => Route::Message(room, seq),
        [room, "events"] => Route::Events(Some(room)),
        [room, "messages", seq, "receipts"] => Route::Receipts(room, seq),
        [room, "members"] => Route::Members(room),
        [room, "members", user] => Route::Member(room, user),
        [room, "invitations"] => Route::Invitations(room),
        [room, "invitations", number] => Route::Invitation(room, number),
        [room, "about"] => Route::About(room),
        [room, "pins", seq] => Route::Pin(room, seq),
        [room, "audit"] => Route::Audit(room),
        [room, "hooks"] => Route::Hooks(room),
        [room, "hooks", hook] => Route::Hook(room, hook),
        [room, "webhooks", ref rest @ ..] => return webhook_route(Some(room), rest),
        _ => return None,
    })
}

/// What stands below the webhooks of a room, or of all.
fn webhook_route<'a>(room: Option<&'a str>, parts: &[&'a str]) -> Option<Route<'a>> {
    Some(match *parts {
        [] => Route::Webhooks(room),
        [webhook] => Route::Webhook(room, webhook),
        [webhook, "deliveries"] => Route::WebhookDeliveries(room, webhook),
        [webhook, "deliveries", delivery] => Route::WebhookDelivery(room, webhook, delivery),
        _ => return None,
    })
}

fn allowed(route: Route<'_>) -> &'static str {
    match route {
        Route::Page | Route::AdminPage | Route::Asset(_) => "GET, HEAD, OPTIONS",
        Route::Alive | Route::Ready | Route::Metrics => "GET, HEAD, OPTIONS",
        Route::Rooms
        | Route::Messages(_)
        | Route::Private(_)
        | Route::Hooks(_)
        | Route::Webhooks(_)
        | Route::WebhookDeliveries(..)
        | Route::Devices
        | Route::Members(_)
        | Route::Invitations(_) => "GET, HEAD, POST, OPTIONS",
        Route::Search
        | Route::Receipts(..)
        | Route::Memberships
        | Route::Audit(_)
        | Route::Me
        | Route::Server
        | Route::Time => "GET, HEAD, OPTIONS",
        Route::Room(_) => "GET, HEAD, DELETE, OPTIONS",
        Route::Member(..) | Route::Pin(..) | Route::Message(..) | Route::PrivateMessage(..) => "PUT, DELETE, OPTIONS",
        Route::About(_) => "PUT, OPTIONS",
        Route::Claims | Route::Tickets | Route::DeviceCodes | Route::Codes | Route::Qr => "POST, OPTIONS",
        Route::HookDelivery(_) | Route::WebhookDelivery(..) => "POST, OPTIONS",
        Route::Claim(_) | Route::Device(_) | Route::Invitation(..) => "DELETE, OPTIONS",
        Route::Hook(..) | Route::Webhook(..) => "DELETE, OPTIONS",
        // Not for the head alone: each begins or ends something.
        Route::Login(_) | Route::LoginReturn(_) | Route::Socket | Route::Events(_) => "GET, OPTIONS",
        Route::Admin(route) => route.allowed(),
    }
}
