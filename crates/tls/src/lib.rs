//! TLS: what the server and the clients put between a socket and what is said over it.
//!
//! A [`Tunnel`] is one connection of TLS over a socket that somebody else owns; it never blocks while
//! it holds its lock, so a broker can write through it as through the bare socket. A [`Certificate`]
//! makes tunnels for the server and can be loaded anew while it runs; a [`Dialer`] makes them for
//! clients. Everything about rustls stands in this folder; in a build without the feature `tls` the
//! same names exist (`absent.rs`), and there is nothing of their kinds.

#[cfg(feature = "tls")]
mod certificate;
#[cfg(feature = "tls")]
mod dialer;
#[cfg(feature = "tls")]
mod handshake_pool;
#[cfg(not(feature = "tls"))]
#[path = "absent.rs"]
mod kinds;
#[cfg(feature = "tls")]
mod kinds;
#[cfg(feature = "tls")]
mod self_signed;
mod stream;
#[cfg(feature = "tls")]
mod tunnel;

use std::io;
use std::path::PathBuf;

pub use kinds::{Certificate, Dialer, Tunnel, self_signed};
pub use stream::Stream;

/// What can be said to a client of TLS before its handshake: that the server cannot serve it, as the
/// fatal alert `internal_error` (RFC 8446 §6.2).
pub const TURNED_AWAY: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// What is spoken inside of a tunnel. A client that says what it wants to speak (ALPN, RFC 7301) gets
/// no other: a browser that was lured to the line port ends in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// HTTP/1.1 and WebSocket.
    Http,
    /// Plain lines.
    Lines,
}

/// Why there is no tunnel.
#[derive(Debug)]
pub enum NoTunnel {
    /// The peer does not speak TLS.
    Plain,
    /// It went away, took too long, or they could not agree.
    Failed(io::Error),
}

/// Whose certificates a client believes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system trusts.
    #[default]
    System,
    /// Those in this file (PEM), and no others.
    Only(PathBuf),
    /// Anybody's: whoever is between the client and the server can read and change everything.
    Anybody,
}

/// A certificate and its key, as PEM.
#[derive(Debug)]
pub struct Pair {
    /// What everybody may see.
    pub certificate: String,
    /// What nobody may.
    pub key: String,
}
