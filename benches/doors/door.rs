//! The doors: what a client says to be in the room, and how it knows that it is.
//!
//! A message is found in the bytes of every door by its mark, so that nothing here depends on a dialect.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// A door, in the order in which they are listed; the first is what the others are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    WebSocketText,
    WebSocketJson,
    Events,
    JsonLines,
    Lines,
    Irc,
    /// IRC with what a client of today negotiates.
    IrcTagged,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub http: SocketAddr,
    pub lines: SocketAddr,
    pub irc: SocketAddr,
}

/// The room that all clients are in: the one that a client of lines begins with.
const ROOM: &str = "lobby";

impl Door {
    pub const ALL: [Self; 7] = [
        Self::WebSocketText,
        Self::WebSocketJson,
        Self::Events,
        Self::JsonLines,
        Self::Lines,
        Self::Irc,
        Self::IrcTagged,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocketText => "WebSocket, text",
            Self::WebSocketJson => "WebSocket, JSON",
            Self::Events => "Server-Sent Events",
            Self::JsonLines => "NDJSON",
            Self::Lines => "lines",
            Self::Irc => "IRC",
            Self::IrcTagged => "IRC with tags",
        }
    }

    pub fn address(self, addresses: Addresses) -> SocketAddr {
        match self {
            Self::WebSocketText | Self::WebSocketJson | Self::Events | Self::JsonLines => addresses.http,
            Self::Lines => addresses.lines,
            Self::Irc | Self::IrcTagged => addresses.irc,
        }
    }

    /// What the client of this number says first.
    pub fn opening(self, number: usize) -> String {
        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let get = |target: String, headers: &str| format!("GET {target} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n");
        let events = || format!("/api/v1/rooms/{ROOM}/events?user=u{number}");
        match self {
            Self::WebSocketText => get(format!("/ws?room={ROOM}&user=u{number}"), upgrade),
            Self::WebSocketJson => get(format!("/ws?format=json&room={ROOM}&user=u{number}"), upgrade),
            Self::Events => get(events(), "Accept: text/event-stream\r\n"),
            Self::JsonLines => get(events(), "Accept: application/x-ndjson\r\n"),
            Self::Lines => format!("/nick u{number}\n"),
            Self::Irc | Self::IrcTagged => {
                let mut said = String::new();
                if self == Self::IrcTagged {
                    said += "CAP REQ :account-tag message-tags server-time\r\nCAP END\r\n";
                }
                // A string takes every character.
                _ = write!(said, "NICK u{number}\r\nUSER u 0 * :u\r\nJOIN #{ROOM}\r\n");
                said
            }
        }
    }

    /// What it is sent when it is in the room, and nowhere before.
    pub fn joined(self, number: usize) -> String {
        match self {
            Self::WebSocketText | Self::Lines => format!("u{number} joined"),
            Self::WebSocketJson | Self::Events | Self::JsonLines => r#""type":"joined""#.to_owned(),
            Self::Irc | Self::IrcTagged => format!(" 366 u{number} #{ROOM} "),
        }
    }
}
