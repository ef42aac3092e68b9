//! Why a connection ended, and whether another attempt makes sense.
//!
//! Determined by the reader thread, judged by the state machine. The codes are those of docs/protocol.md,
//! "Errors and closes"; after any other code the client reconnects.

use std::time::Duration;

use super::server_event::Goodbye;

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Disconnect {
    /// It could not be made.
    Unreachable(String),
    /// The handshake was answered with another status than 101.
    HandshakeRefused { status: u16, retry_after: Option<Duration>, reason: String },
    /// It was closed with this code, RFC 6455 §7.4.
    Closed { code: u16, reason: String },
    /// It was lost.
    Lost(String),
}

/// Why a client makes no further connection.
#[derive(Clone, Debug, PartialEq)]
pub struct CloseReason {
    /// The close code (RFC 6455 §7.4, or above 4000 the protocol's), if there was one.
    pub code: Option<u16>,
    /// The reason for people: a sentence without its full stop.
    pub message: String,
}

impl Disconnect {
    /// Whether another attempt would end in the same way.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::HandshakeRefused { status, .. } => (400..500).contains(status) && !matches!(status, 408 | 425 | 429),
            Self::Closed { code, .. } => matches!(code, 1002 | 1003 | 1007 | 1009 | 4401 | 4403 | 4409),
            Self::Unreachable(_) | Self::Lost(_) => false,
        }
    }

    /// How long the server wants the client to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::HandshakeRefused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The close code, if there was one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Closed { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// A sentence for people, without its full stop. `goodbye` is what the server sent before.
    #[must_use]
    pub fn reason(&self, goodbye: Option<&Goodbye>) -> String {
        let code = goodbye.and_then(|goodbye| goodbye.code).or(self.code());
        let said = goodbye.map(|goodbye| goodbye.reason.as_str()).unwrap_or_default();
        let known = match code.unwrap_or_default() {
            4403 if said == "banned" => "you are banned from this server",
            4403 if said == "ended_by_admin" => "an admin of the server has ended this connection",
            1001 => "the server is shutting down",
            1002 | 1003 | 1007 => "the server did not understand this client",
            1009 => "a frame was too large",
            1011 => "the server failed",
            4401 => "the token has expired",
            4403 => "this user may not connect",
            4408 => "the connection was silent for too long",
            4409 => "the session was resumed by another connection",
            4429 => "too much was sent",
            4450 => "the connection was too slow",
            4503 => "the server is restarting",
            _ => "",
        };
        match (known, self) {
            ("", Self::Closed { code, .. }) if !said.is_empty() => {
                format!("the connection was closed: {said} ({code})")
            }
            ("", Self::Unreachable(reason) | Self::Lost(reason)) => reason.clone(),
            ("", Self::HandshakeRefused { status, reason, .. }) => format!("the server answered {status}: {reason}"),
            ("", Self::Closed { code, reason }) if reason.is_empty() => format!("the connection was closed ({code})"),
            ("", Self::Closed { code, reason }) => format!("the connection was closed: {reason} ({code})"),
            (known, _) => known.to_owned(),
        }
    }
}
