//! Why a connection is no more, and whether another one makes sense.
//!
//! Found out by the connection's thread, judged by the core. The codes are those of
//! docs/protocol.md, "Errors and closes"; one that is not there is a reason to come back.

use std::time::Duration;

use super::server_event::Goodbye;

/// Why a connection is no more.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// It could not be made.
    Unreachable(String),
    /// Something answered, and did not give a WebSocket.
    Refused { status: u16, retry_after: Option<Duration>, reason: String },
    /// It was closed with this code, RFC 6455 §7.4.
    Closed { code: u16, reason: String },
    /// It broke.
    Broken(String),
}

/// Why there will be no further connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Over {
    /// Why, for people.
    pub reason: String,
    /// The close code (RFC 6455 §7.4, or above 4000 the protocol's), if there was one.
    pub code: Option<u16>,
}

impl Ended {
    /// Whether trying again would end in the same way.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused { status, .. } => (400..500).contains(status) && !matches!(status, 408 | 425 | 429),
            Self::Closed { code, .. } => matches!(code, 1002 | 1003 | 1007 | 1009 | 4401 | 4403 | 4409),
            Self::Unreachable(_) | Self::Broken(_) => false,
        }
    }

    /// How long the server wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
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

    /// A sentence for people, without its full stop. `goodbye` came before.
    #[must_use]
    pub fn reason(&self, goodbye: Option<&Goodbye>) -> String {
        let code = goodbye.and_then(|goodbye| goodbye.code).or(self.code());
        let known = match code.unwrap_or_default() {
            1001 => "the server is shutting down",
            1002 | 1003 | 1007 => "the server did not understand this client",
            1009 => "a frame was too large",
            1011 => "the server failed",
            4401 => "the token has ended",
            4403 => "this user may not connect",
            4408 => "the connection was silent for too long",
            4409 => "the session went on in another place",
            4429 => "too much was sent",
            4450 => "the connection was too slow",
            4503 => "the server is restarting",
            _ => "",
        };
        match (known, self) {
            ("", Self::Unreachable(reason) | Self::Broken(reason)) => reason.clone(),
            ("", Self::Refused { status, reason, .. }) => format!("the server answered {status}: {reason}"),
            ("", Self::Closed { code, reason }) if reason.is_empty() => format!("the connection was closed ({code})"),
            ("", Self::Closed { code, reason }) => format!("the connection was closed: {reason} ({code})"),
            (known, _) => known.to_owned(),
        }
    }
}
