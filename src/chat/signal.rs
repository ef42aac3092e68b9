//! Call signalling between two users, forwarded without being read.
//!
//! The types of the protocol that browsers use to set up a call; nothing of it is kept.

use std::sync::Arc;

use roomd_protocol::UserName;
use serde::{Deserialize, Serialize};

/// Call signalling between two users, carried without being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// A session description that begins a call.
    Offer,
    /// A session description that accepts one.
    Answer,
    /// A way to reach the sender.
    IceCandidate,
    /// The end of the call.
    Hangup,
}

/// A signal on its way from one user to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSignal {
    /// What it is.
    pub kind: Signal,
    /// Who sends it.
    pub from: UserName,
    /// To whom.
    pub to: UserName,
    /// JSON, which only the two clients read.
    pub payload: Arc<str>,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Offer, Self::Answer, Self::IceCandidate, Self::Hangup];

    /// Its name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::IceCandidate => "ice-candidate",
            Self::Hangup => "hangup",
        }
    }
}
