//! HTTP/1.1: reading requests, the table of routes, the API, and the handshake of a WebSocket.
//!
//! Everything here runs on a connection's thread of the pool. A route parses a path, a query and a body into
//! values of `chat`; what a client may see and do is decided in `engine`.

pub mod admin;
pub mod api_request;
pub mod assets;
pub mod bearer;
pub mod body;
pub mod claims;
pub mod codes;
pub mod connection;
pub mod devices;
pub mod events;
pub mod head;
pub mod hooks;
pub mod invitations;
mod login_pages;
pub mod logins;
pub mod metrics;
pub mod moderation;
pub mod operators;
pub mod origin;
pub mod preconditions;
pub mod preferences;
pub mod publishing;
pub mod qr;
pub mod query;
pub mod response;
pub mod rooms;
pub mod routes;
pub mod search;
pub mod target;
pub mod tickets;
pub mod upgrade;
pub mod webhooks;
