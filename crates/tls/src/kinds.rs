//! The names of this crate in a build with TLS.
//!
//! `absent.rs` replaces this file in a build without it, so that no other file depends on the feature.

pub use super::certificate::{Certificate, NewCertificate};
pub use super::dialer::Dialer;
pub use super::self_signed::self_signed;
pub use super::tunnel::Tunnel;
