//! The routes below `/api/v1/admin`: what an admin sees of the server, and does with it.
//!
//! A table of their own beside `routes`, which leads here with a user who has shown a token. Whether that is an admin is
//! checked in the engine. Runs on the connection's thread.

mod accounts;
mod announcements;
mod bans;
mod connections;
mod keys;
mod parameters;
mod rooms;

use super::api_request::ApiRequest;
use super::response::Response;
use crate::chat::Refusal;
use crate::net::context::ServerContext;

/// What a path below `/api/v1/admin/` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRoute<'a> {
    /// Who is connected.
    Connections,
    /// One connection.
    Connection(&'a str),
    /// Who is banned from the server.
    Bans,
    /// One ban.
    Ban(&'a str),
    /// What admins have done.
    Audit,
    /// What is said to all.
    Announcements,
    /// The registered names.
    Accounts,
    /// One registered name.
    Account(&'a str),
    /// What there is of a person.
    Person(&'a str),
    /// The keys that sign the server's tokens.
    Keys,
    /// One of them.
    Key(&'a str),
    /// All rooms.
    Rooms,
    /// One room.
    Room(&'a str),
    /// Who owns a room.
    Owner(&'a str),
    /// How much of a room is kept.
    Retention(&'a str),
}

impl<'a> AdminRoute<'a> {
    /// One of each, with these words in the place of what a path names.
    pub const SAMPLES: [AdminRoute<'static>; 15] = [
        AdminRoute::Connections,
        AdminRoute::Connection("{connection}"),
        AdminRoute::Bans,
        AdminRoute::Ban("{ban}"),
        AdminRoute::Audit,
        AdminRoute::Announcements,
        AdminRoute::Accounts,
        AdminRoute::Account("{account}"),
        AdminRoute::Person("{person}"),
        AdminRoute::Keys,
        AdminRoute::Key("{key}"),
        AdminRoute::Rooms,
        AdminRoute::Room("{room}"),
        AdminRoute::Owner("{room}"),
        AdminRoute::Retention("{room}"),
    ];

    /// The route at a path, without what all of them begin with.
    #[must_use]
    pub fn of(path: &'a str) -> Option<Self> {
        let parts: Vec<_> = path.split('/').collect();
        Some(match *parts {
            ["connections"] => Self::Connections,
            ["connections", connection] => Self::Connection(connection),
            ["bans"] => Self::Bans,
            ["bans", ban] => Self::Ban(ban),
            ["audit"] => Self::Audit,
            ["announcements"] => Self::Announcements,
            ["accounts"] => Self::Accounts,
            ["accounts", account] => Self::Account(account),
            ["people", person] => Self::Person(person),
            ["keys"] => Self::Keys,
            ["keys", key] => Self::Key(key),
            ["rooms"] => Self::Rooms,
            ["rooms", room] => Self::Room(room),
            ["rooms", room, "owner"] => Self::Owner(room),
            ["rooms", room, "retention"] => Self::Retention(room),
            _ => return None,
        })
    }

    /// Its path.
    #[must_use]
    pub fn address(self) -> String {
        let below = match self {
            Self::Connections => "connections".to_owned(),
            Self::Connection(connection) => format!("connections/{connection}"),
            Self::Bans => "bans".to_owned(),
            Self::Ban(ban) => format!("bans/{ban}"),
            Self::Audit => "audit".to_owned(),
            Self::Announcements => "announcements".to_owned(),
            Self::Accounts => "accounts".to_owned(),
            Self::Account(account) => format!("accounts/{account}"),
            Self::Person(person) => format!("people/{person}"),
            Self::Keys => "keys".to_owned(),
            Self::Key(key) => format!("keys/{key}"),
            Self::Rooms => "rooms".to_owned(),
            Self::Room(room) => format!("rooms/{room}"),
            Self::Owner(room) => format!("rooms/{room}/owner"),
            Self::Retention(room) => format!("rooms/{room}/retention"),
        };
        format!("/api/v1/admin/{below}")
    }

    /// Its methods.
    #[must_use]
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Connections | Self::Audit | Self::Accounts => "GET, HEAD, OPTIONS",
            Self::Bans | Self::Rooms | Self::Keys => "GET, HEAD, POST, OPTIONS",
            Self::Owner(_) | Self::Retention(_) => "PUT, OPTIONS",
            Self::Announcements => "POST, OPTIONS",
            Self::Person(_) => "GET, HEAD, DELETE, OPTIONS",
            Self::Connection(_) | Self::Ban(_) | Self::Room(_) | Self::Account(_) | Self::Key(_) => "DELETE, OPTIONS",
        }
    }
}

/// Answers a request.
///
/// # Errors
/// Why it is not carried out.
pub fn answer(context: &ServerContext, request: &ApiRequest<'_>, route: AdminRoute<'_>) -> Result<Response, Refusal> {
    match route {
        AdminRoute::Connections => connections::list(context, request),
        AdminRoute::Connection(number) => connections::end(context, request, number),
        AdminRoute::Bans if request.head.method == "POST" => bans::add(context, request),
        AdminRoute::Bans => bans::list(context, request),
        AdminRoute::Ban(number) => bans::lift(context, request, number),
        AdminRoute::Audit => bans::audit(context, request),
        AdminRoute::Announcements => announcements::announce(context, request),
        AdminRoute::Accounts => accounts::list(context, request),
        AdminRoute::Account(name) => accounts::give_back(context, request, name),
        AdminRoute::Person(name) if request.head.method == "DELETE" => accounts::erase(context, request, name),
        AdminRoute::Person(name) => accounts::describe(context, request, name),
        AdminRoute::Keys if request.head.method == "POST" => keys::rotate(context, request),
        AdminRoute::Keys => keys::list(context, request),
        AdminRoute::Key(key) => keys::revoke(context, request, key),
        AdminRoute::Rooms if request.head.method == "POST" => rooms::create(context, request),
        AdminRoute::Rooms => rooms::list(context, request),
        AdminRoute::Room(room) => rooms::end(context, request, room),
        AdminRoute::Owner(room) => rooms::hand_over(context, request, room),
        AdminRoute::Retention(room) => rooms::retain(context, request, room),
    }
}
