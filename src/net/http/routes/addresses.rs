//! An address of each route, with its methods, for tests that try them all.
//!
//! Beside the table of paths, which goes the other way: a route without an address here does not compile. Not called while the server
//! runs.

use super::{AdminRoute, Route, allowed};

/// An address of each route, with its methods, for a test that tries them all. A part in braces stands
/// for any.
#[must_use]
pub fn addresses() -> Vec<(String, &'static str)> {
    let (room, user, seq, webhook) = ("{room}", "{user}", "{seq}", "{webhook}");
    let all = [
        Route::Page,
        Route::AdminPage,
        Route::Asset("{file}"),
        Route::Login("{provider}"),
        Route::LoginReturn("{provider}"),
        Route::Alive,
        Route::Ready,
        Route::Metrics,
        Route::Rooms,
        Route::Search,
        Route::Messages(room),
        Route::Message(room, seq),
        Route::Private(user),
        Route::PrivateMessage(user, seq),
        Route::Receipts(room, seq),
        Route::Room(room),
        Route::Members(room),
        Route::Member(room, user),
        Route::About(room),
        Route::Pin(room, seq),
        Route::Audit(room),
        Route::Hooks(room),
        Route::Hook(room, seq),
        Route::HookDelivery("{token}"),
        Route::Webhooks(None),
        Route::Webhook(None, webhook),
        Route::WebhookDeliveries(None, webhook),
        Route::WebhookDelivery(None, webhook, "{delivery}"),
        Route::Webhooks(Some(room)),
        Route::Webhook(Some(room), webhook),
        Route::WebhookDeliveries(Some(room), webhook),
        Route::WebhookDelivery(Some(room), webhook, "{delivery}"),
        Route::Events(Some(room)),
        Route::Events(None),
        Route::Tickets,
        Route::Claims,
        Route::Claim(user),
        Route::Invitations(room),
        Route::Invitation(room, seq),
        Route::Memberships,
        Route::Qr,
        Route::Devices,
        Route::DeviceCodes,
        Route::Codes,
        Route::Device("{device}"),
        Route::Me,
        Route::Server,
        Route::Time,
        Route::Socket,
    ];
    let all = all.into_iter().chain(AdminRoute::SAMPLES.map(Route::Admin));
    all.map(|route| (address(route), allowed(route))).collect()
}

fn address(route: Route<'_>) -> String {
    match route {
        Route::Page => "/".to_owned(),
        Route::AdminPage => "/admin".to_owned(),
        Route::Asset(file) => format!("/assets/{file}"),
        Route::Login(provider) => format!("/login/{provider}"),
        Route::LoginReturn(provider) => format!("/login/{provider}/callback"),
        Route::Alive => "/healthz".to_owned(),
        Route::Ready => "/readyz".to_owned(),
        Route::Metrics => "/metrics".to_owned(),
        Route::Rooms => "/api/v1/rooms".to_owned(),
        Route::Search => "/api/v1/search".to_owned(),
        Route::Messages(room) => format!("/api/v1/rooms/{room}/messages"),
        Route::Message(room, seq) => format!("/api/v1/rooms/{room}/messages/{seq}"),
        Route::Private(user) => format!("/api/v1/private/{user}/messages"),
        Route::PrivateMessage(user, seq) => format!("/api/v1/private/{user}/messages/{seq}"),
        Route::Receipts(room, seq) => format!("/api/v1/rooms/{room}/messages/{seq}/receipts"),
        Route::Room(room) => format!("/api/v1/rooms/{room}"),
        Route::Members(room) => format!("/api/v1/rooms/{room}/members"),
        Route::Member(room, user) => format!("/api/v1/rooms/{room}/members/{user}"),
        Route::About(room) => format!("/api/v1/rooms/{room}/about"),
        Route::Pin(room, seq) => format!("/api/v1/rooms/{room}/pins/{seq}"),
        Route::Audit(room) => format!("/api/v1/rooms/{room}/audit"),
        Route::Hooks(room) => format!("/api/v1/rooms/{room}/hooks"),
        Route::Hook(room, hook) => format!("/api/v1/rooms/{room}/hooks/{hook}"),
        Route::HookDelivery(token) => format!("/hooks/{token}"),
        Route::Webhooks(room) => webhooks_address(room),
        Route::Webhook(room, webhook) => format!("{}/{webhook}", webhooks_address(room)),
        Route::WebhookDeliveries(room, webhook) => format!("{}/{webhook}/deliveries", webhooks_address(room)),
        Route::WebhookDelivery(room, webhook, delivery) => {
            format!("{}/{webhook}/deliveries/{delivery}", webhooks_address(room))
        }
        Route::Events(Some(room)) => format!("/api/v1/rooms/{room}/events"),
        Route::Events(None) => "/api/v1/events?room={room}".to_owned(),
        Route::Tickets => "/api/v1/tickets".to_owned(),
        Route::Claims => "/api/v1/claims".to_owned(),
        Route::Invitations(room) => format!("/api/v1/rooms/{room}/invitations"),
        Route::Invitation(room, number) => format!("/api/v1/rooms/{room}/invitations/{number}"),
        Route::Memberships => "/api/v1/memberships".to_owned(),
        Route::Qr => "/api/v1/qr".to_owned(),
        Route::Devices => "/api/v1/devices".to_owned(),
        Route::DeviceCodes => "/api/v1/devices/codes".to_owned(),
        Route::Codes => "/api/v1/codes".to_owned(),
        Route::Device(device) => format!("/api/v1/devices/{device}"),
        Route::Claim(name) => format!("/api/v1/claims/{name}"),
        Route::Me => "/api/v1/me".to_owned(),
        Route::Server => "/api/v1/server".to_owned(),
        Route::Time => "/api/v1/time".to_owned(),
        Route::Socket => "/ws".to_owned(),
        Route::Admin(route) => route.address(),
    }
}

fn webhooks_address(room: Option<&str>) -> String {
    room.map_or_else(|| "/api/v1/webhooks".to_owned(), |room| format!("/api/v1/rooms/{room}/webhooks"))
}
