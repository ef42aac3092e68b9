//! TLS between a socket and the protocol over it, for the server and for clients.
//!
//! A [`Tunnel`] is one TLS connection over a socket that its caller owns; it never blocks while it holds its
//! lock, so a broker can write through it as through a plain socket. A [`Certificate`] makes tunnels for the
//! server and can be replaced while it runs; a [`Dialer`] makes them for clients. No other crate uses rustls. In a
//! build without the feature `tls` the same names exist (`absent.rs`), and types without values stand behind them.

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
#[cfg(feature = "tls")]
mod validity;

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

pub use kinds::{Certificate, Dialer, NewCertificate, Tunnel, self_signed};
pub use stream::Stream;

/// What a client can be sent before its handshake when the server cannot serve it: the fatal alert
/// `internal_error` (RFC 8446 §6.2).
pub const TURNED_AWAY: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// The protocol inside a tunnel. A client that names its protocol (ALPN, RFC 7301) gets no other, so a browser
/// that was lured to the line port fails in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// HTTP/1.1 and WebSocket.
    Http,
    /// Plain lines.
    Lines,
    /// IRC.
    Irc,
}

/// Why there is no tunnel.
#[derive(Debug)]
pub enum NoTunnel {
    /// The peer does not speak TLS.
    Plain,
    /// The handshake failed: the peer went away, took too long, or did not agree on parameters.
    Failed(io::Error),
}

/// The certificates that a client trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system trusts.
    #[default]
    System,
    /// Only those in this file (PEM).
    Only(PathBuf),
    /// Any certificate: whoever is between the client and the server can read and change everything.
    Anybody,
}

/// When a certificate is valid, together with its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From this second on.
    pub begins: SystemTime,
    /// Up to this second.
    pub ends: SystemTime,
}

impl Validity {
    /// Whether the certificate is valid at this moment.
    #[must_use]
    pub fn includes(&self, moment: SystemTime) -> bool {
        (self.begins..=self.ends).contains(&moment)
    }
}

/// A certificate and its key, as PEM.
#[derive(Debug)]
pub struct Pair {
    /// The certificate, which is public.
    pub certificate: String,
    /// The private key.
    pub key: String,
}
