//! What serving a connection needs, shared by the threads that do.
//!
//! Put together once, by `assemble` or by a test. The settings are one value, which is exchanged whole when they are
//! reloaded: who needs several that belong together loads them once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::UNIX_EPOCH;

use super::openid::Logins;
use crate::engine::Engine;
use crate::engine::base::process::ProcessUsage;
use crate::engine::guards::admission::Admission;
use crate::engine::metrics::Now;
use crate::settings::Settings;
use crate::sync::ArcCell;
use roomd_tls::Certificate;

/// What serving a connection needs.
pub struct ServerContext {
    /// The rooms, and what else connections share.
    pub engine: Arc<Engine>,
    /// The pool that serves connections; `/readyz` asks it whether it has room.
    pub admission: Arc<Admission>,
    /// The settings in force.
    pub settings: Arc<ArcCell<Settings>>,
    /// IRC clients that are yet to be registered.
    pub registering: AtomicUsize,
    /// The certificate of every listener; `None` without TLS.
    pub certificate: Option<Certificate>,
    /// Logins at OpenID Connect providers.
    pub logins: Arc<Logins>,
    /// Whether the log says already that somebody who is no such proxy has named a user (`--user-header`).
    pub has_ignored_user: AtomicBool,
}

impl ServerContext {
    /// The figures of the server in Prometheus' text format: see [`Metrics::render`](crate::engine::metrics::Metrics::render).
    #[must_use]
    pub fn figures(&self) -> Vec<u8> {
        let Self { engine, admission, certificate, .. } = self;
        let limits = engine.limits.load();
        let ends =
            certificate.as_ref().and_then(|certificate| certificate.validity()?.ends.duration_since(UNIX_EPOCH).ok());
        engine.metrics.render(&Now {
            served: (admission.served(), admission.served_max()),
            waiting: admission.waiting(),
            rooms: (engine.hub.len(), limits.rooms_max),
            outbox_total_max: limits.outbox_total,
            detached: engine.sessions.detached(),
            threads: engine.threads.by_role(),
            panics: engine.threads.panics(),
            certificate_ends_s: ends.map(|ends| ends.as_secs()),
            cluster: engine.store.cluster_figures(),
            process: ProcessUsage::now(),
        })
    }
}
