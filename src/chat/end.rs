//! Why a session ended, and what the goodbye tells its client.
//!
//! The first reason wins. Each has one close code (RFC 6455 §7.4 below 4000, ours above), so a
//! client can decide from the number alone whether to reconnect.

use std::time::Duration;

/// The reason of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client left.
    Left,
    /// The client closed its WebSocket; the answer to its close frame is on its way.
    Closed,
    /// The connection was lost.
    Gone,
    /// The server stops.
    Closing,
    /// Bytes that are not the WebSocket protocol.
    Protocol,
    /// A binary frame, where only text means anything.
    Binary,
    /// A text that is not UTF-8.
    BadUtf8,
    /// A frame beyond the limit.
    TooLarge,
    /// A defect of the server.
    Internal,
    /// The client sent nothing in time, not even a pong.
    Silent,
    /// The client exceeded the rate limit again and again.
    TooFast,
    /// The outbox was full.
    Slow,
    /// Another connection resumed the session.
    Replaced,
    /// The token has expired.
    Expired,
    /// The client did not authenticate in time, and guests are not admitted.
    Unidentified,
    /// The device of the token was signed out.
    SignedOut,
    /// The guest's name was registered by another user.
    Displaced,
    /// An admin has ended it.
    EndedByAdmin,
    /// Its user, or its client's address, is banned from the server.
    Banned,
    /// A write failed, or made no progress in time.
    WriteFailed,
}

impl End {
    /// The WebSocket close code; `None` when no close frame can reach the client, or may:
    /// after the answer to its own nothing follows (RFC 6455 §5.5.1).
    #[must_use]
    pub fn close_code(self) -> Option<u16> {
        Some(match self {
            Self::Left => 1000,
            Self::Closing => 1001,
            Self::Protocol => 1002,
            Self::Binary => 1003,
            Self::BadUtf8 => 1007,
            Self::TooLarge => 1009,
            Self::Internal => 1011,
            Self::Expired | Self::Unidentified | Self::SignedOut => 4401,
            Self::Displaced | Self::EndedByAdmin | Self::Banned => 4403,
            Self::Silent => 4408,
            Self::Replaced => 4409,
            Self::TooFast => 4429,
            Self::Slow => 4450,
            Self::Closed | Self::Gone | Self::WriteFailed => return None,
        })
    }

    /// Its name in logs and in `goodbye`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Closed => "closed",
            Self::Gone => "gone",
            Self::Closing => "closing",
            Self::Protocol => "protocol",
            Self::Binary => "binary",
            Self::BadUtf8 => "bad_utf8",
            Self::TooLarge => "too_large",
            Self::Internal => "internal",
            Self::Silent => "silent",
            Self::TooFast => "too_fast",
            Self::Slow => "slow",
            Self::Replaced => "replaced",
            Self::Expired => "token_expired",
            Self::Unidentified => "unauthorized",
            Self::SignedOut => "signed_out",
            Self::Displaced => "name_taken",
            Self::EndedByAdmin => "ended_by_admin",
            Self::Banned => "banned",
            Self::WriteFailed => "write_failed",
        }
    }

    /// A sentence for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Left | Self::Closed => "You left",
            Self::Gone | Self::WriteFailed => "The connection broke",
            Self::Closing => "The server is shutting down",
            Self::Protocol => "Not the WebSocket protocol",
            Self::Binary => "Only text frames are understood",
            Self::BadUtf8 => "Text must be UTF-8",
            Self::TooLarge => "A frame was too large",
            Self::Internal => "The server failed",
            Self::Silent => "Nothing was heard in time",
            Self::TooFast => "Rate limit exceeded again and again",
            Self::Slow => "Too slow: messages could not be delivered in time",
            Self::Replaced => "Another connection took this session up",
            Self::Expired => "The token has expired",
            Self::SignedOut => "This device was signed out",
            Self::Unidentified => "Only those with a token may come in",
            Self::Displaced => "The name belongs to somebody now",
            Self::EndedByAdmin => "An admin of the server has ended this connection",
            Self::Banned => "You are banned from this server",
        }
    }

    /// Whether it makes sense to reconnect.
    #[must_use]
    pub fn reconnect(self) -> bool {
        matches!(
            self,
            Self::Gone | Self::Closing | Self::Internal | Self::Silent | Self::TooFast | Self::Slow | Self::WriteFailed
        )
    }

    /// Whether the session is detached, to be resumed: its client did not mean to leave.
    #[must_use]
    pub fn detaches(self) -> bool {
        matches!(self, Self::Gone | Self::Silent | Self::WriteFailed | Self::Slow | Self::Replaced | Self::Internal)
    }

    /// Whether the client is still there to read: then the rooms deliver what they owe it before the goodbye. The other
    /// ends are either none that anybody reads, or come from an outbox that takes nothing more.
    #[must_use]
    pub fn awaits_rooms(self) -> bool {
        matches!(
            self,
            Self::Left
                | Self::Closed
                | Self::Closing
                | Self::Protocol
                | Self::Binary
                | Self::BadUtf8
                | Self::TooLarge
                | Self::TooFast
        )
    }

    /// How long a client should wait before it reconnects. `spread` (any number, one a client)
    /// keeps many clients from reconnecting at the same moment.
    #[must_use]
    pub fn retry_after(self, spread: u64) -> Duration {
        match self {
            Self::TooFast => Duration::from_secs(10),
            _ => Duration::from_millis(1_000 + spread.wrapping_mul(7_919) % 4_000),
        }
    }
}
