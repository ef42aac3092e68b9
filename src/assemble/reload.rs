//! Other settings for a server that runs.
//!
//! What may fail comes first: keys and certificates are read, and it is computed what the machine allows. Then all of it
//! is put in force. So a mistake changes nothing. Called on the thread that owns the server.

use std::sync::Arc;

use super::{Server, call_servers, certificate, decided, key_renewal, provider_secrets, sign_in};
use crate::net::capacity::Capacity;
use crate::settings::Settings;

/// Looks whether a server could start with these settings, as far as their files tell: keys and certificates. Blocks on
/// the files.
///
/// # Errors
/// A sentence.
pub fn check(settings: &Settings) -> Result<(), String> {
    certificate(settings)?;
    call_servers::read(settings).map(drop)?;
    provider_secrets::read(settings).map(drop)?;
    sign_in::read(settings, None).map(drop)
}

impl Server {
    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.context.settings.load()
    }

    /// Puts these settings in force, but for those that only a start can change ([`Settings::in_place_of`]), and reads
    /// the files of keys and certificates again. What connections were told when they began, and what rooms were opened
    /// with, holds for those. Returns how many connections the machine allows. Blocks on the files.
    ///
    /// # Errors
    /// A sentence; nothing has changed.
    pub fn reload(&self, settings: Settings) -> Result<Capacity, String> {
        let settings = settings.in_place_of(&self.settings());
        decided(&self.listeners, &settings).map_err(|error| error.to_string())?;
        let capacity = self.machine.capacity(&settings.limits).map_err(|error| error.to_string())?;
        sign_in::read(&settings, None)?;
        // An issuer that is away is no mistake in the settings.
        self.issuer_keys.fetch(&settings);
        let sign_in = sign_in::read(&settings, self.issuer_keys.fetched(&settings).as_deref())?;
        let call_servers = call_servers::read(&settings)?;
        let secrets = provider_secrets::read(&settings)?;
        let certificate = match (&self.context.certificate, &settings.tls_cert, &settings.tls_key) {
            (Some(certificate), Some(file), Some(key)) => Some((certificate, certificate.read(file, key)?)),
            (None, None, None) => None,
            _ => return Err("a certificate (tls-cert) and its key (tls-key) need each other".to_owned()),
        };

        let (engine, fitted) = (&self.context.engine, capacity.fit(&settings.limits));
        if let Some((certificate, new)) = certificate {
            certificate.replace(new);
        }
        self.sign_in.replace(sign_in);
        self.webhook_sender.allow(settings.webhook_allow.clone());
        engine.set_call_servers(call_servers);
        self.context.logins.set_secrets(secrets);
        engine.writers.set_threads_max(capacity.writers);
        engine.set_limits(fitted.clone());
        self.context.settings.store(settings);
        self.renew_keys().map_err(|error| format!("cannot start a thread: {error}"))?;
        // Last: connections that waited are served by the new settings.
        self.context.admission.set_limits(&fitted, fitted.connections_max);
        Ok(capacity)
    }

    /// Starts the thread that renews an issuer's keys, if they are at a URL and it does not run yet.
    pub(super) fn renew_keys(&self) -> std::io::Result<()> {
        if !self.issuer_keys.wants_thread(&self.context.settings.load()) {
            return Ok(());
        }
        let (context, renewal) = (Arc::clone(&self.context), Arc::clone(&self.issuer_keys));
        let sign_in = Arc::clone(&self.sign_in);
        self.context.engine.threads.spawn(key_renewal::ROLE, move || renewal.run(&context.settings, &sign_in))
    }
}
