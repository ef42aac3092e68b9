//! The sockets: listeners, HTTP, WebSocket, lines.
//!
//! Everything here runs on an accept thread (which only hands over) or on a thread of the pool
//! (which serves one connection to its end). What is said goes to `engine`, in words of `chat`.

pub mod accept;
pub mod bearer;
pub mod capacity;
pub mod claims;
pub mod echo;
pub mod head;
pub mod http;
pub mod incoming;
pub mod line;
pub mod moderation;
pub mod origin;
pub mod proxies;
pub mod query;
pub mod reader;
pub mod remote_address;
pub mod response;
pub mod rooms;
pub mod routes;
pub mod tcp;
pub mod upgrade;
pub mod websocket;
