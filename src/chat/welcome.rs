//! What a JSON client is sent first: its identity, its limits and the servers for calls.
//!
//! Made by the engine when a connection opens, and again when a token identifies its user.

use std::sync::Arc;

use serde::Serialize;

use super::identity::Identity;
use super::limits::Limits;

/// A server that helps browsers reach each other in a call: what WebRTC calls an `RTCIceServer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IceServer {
    /// Its address: `stun:…` or `turn:…`.
    pub urls: String,
    /// The name that a TURN server asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What goes with the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What a JSON client is told first.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// Who it is taken for.
    pub who: Identity,
    /// The name of its session, for logs.
    pub session: u64,
    /// What takes the session up again after an interruption; `None` when nothing does.
    pub resume: Option<Arc<str>>,
    /// The bounds it has to live with.
    pub limits: Arc<Limits>,
    /// Servers for calls.
    pub ice_servers: Arc<[IceServer]>,
}
