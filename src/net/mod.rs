//! The sockets: listeners, HTTP, WebSocket, lines.
//!
//! Everything here runs on an accept thread, which only hands connections over, or on a thread of the pool,
//! which serves one connection to its end. `listeners` is the table of ports, `http` what comes before a
//! WebSocket, and `conversation` what all protocols have in common once a client is connected.

pub mod accept;
pub mod capacity;
mod connector;
pub mod context;
pub mod conversation;
pub mod echo;
pub mod fetch;
pub mod http;
pub mod incoming;
pub mod irc;
pub mod lines;
pub mod listeners;
pub mod listening_socket;
pub mod openid;
pub mod passed;
pub mod proxies;
pub mod reader;
pub mod remote_address;
pub mod tcp;
pub mod telnet;
pub mod utf8_watch;
pub mod webhooks;
pub mod websocket;
