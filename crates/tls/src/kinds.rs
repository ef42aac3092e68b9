//! The names of this folder in a build with TLS.
//!
//! `absent.rs` stands in this file's place in a build without it: so that nobody else has to ask which
//! build it is.

pub use super::certificate::Certificate;
pub use super::dialer::Dialer;
pub use super::self_signed::self_signed;
pub use super::tunnel::Tunnel;
