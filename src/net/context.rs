//! What serving a connection needs, shared by the threads that do.
//!
//! Put together once, by `assemble` or by a test. The settings are one value, which is exchanged whole when they are
//! reloaded: who needs several that belong together loads them once. To load them takes no lock.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::engine::Engine;
use crate::engine::guards::admission::Admission;
use crate::settings::Settings;
use roomd_tls::Certificate;

/// What serving a connection needs.
pub struct ServerContext {
    /// The rooms, and what else connections share.
    pub engine: Arc<Engine>,
    /// The pool that serves connections; `/readyz` asks it whether it has room.
    pub admission: Arc<Admission>,
    /// The settings in force.
    pub settings: Arc<ArcSwap<Settings>>,
    /// The certificate of every listener; `None` without TLS.
    pub certificate: Option<Certificate>,
}
