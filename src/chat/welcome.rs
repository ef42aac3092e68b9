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
    /// The user name for a TURN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password that goes with the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What a JSON client is sent first.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// The identity of the client.
    pub who: Identity,
    /// The number of its session, for logs.
    pub session: u64,
    /// The token that resumes the session; `None` when sessions are not kept.
    pub resume: Option<Arc<str>>,
    /// The limits that the client has to keep to.
    pub limits: Arc<Limits>,
    /// Servers for calls.
    pub ice_servers: Arc<[IceServer]>,
}
