//! The server's certificate: read from two files at start, and again, or from two others, on the operator's request.
//!
//! A handshake takes the configuration that is in force when it begins; established connections keep theirs.
//! Session tickets are encrypted with keys that exist in memory only, and that stay the same when the
//! certificate is reloaded.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerConfig, ServerConnection};

use super::handshake_pool::HandshakePool;
use super::tunnel::Tunnel;
use super::{Application, NoTunnel, Validity, validity};

/// The first byte of a client that speaks TLS: a record of the handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// See the module.
pub struct Certificate {
    tickets: Arc<dyn ProducesTickets>,
    in_force: Mutex<Configs>,
    handshakes: HandshakePool,
}

/// A certificate that was read and is not in force yet.
pub struct NewCertificate(Configs);

#[derive(Clone)]
struct Configs {
    validity: Option<Validity>,
    http: Arc<ServerConfig>,
    lines: Arc<ServerConfig>,
    irc: Arc<ServerConfig>,
}

impl Certificate {
    /// Reads a certificate with its chain, and its key, from two PEM files.
    ///
    /// # Errors
    /// A sentence.
    pub fn load(certificate: &str, key: &str) -> Result<Self, String> {
        let tickets = aws_lc_rs::Ticketer::new().map_err(|error| format!("no keys for TLS tickets: {error}"))?;
        let configs = configs(certificate, key, &tickets)?;
        Ok(Self { tickets, in_force: Mutex::new(configs), handshakes: HandshakePool::new() })
    }

    /// Reads a certificate and its key, to be put in force in the place of this one.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(&self, certificate: &str, key: &str) -> Result<NewCertificate, String> {
        configs(certificate, key, &self.tickets).map(NewCertificate)
    }

    /// Puts another certificate in force, for connections that begin from now on.
    pub fn replace(&self, NewCertificate(configs): NewCertificate) {
        *self.in_force.lock() = configs;
    }

    /// When the certificate in force is valid; `None` where that cannot be read.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        self.in_force.lock().validity
    }

    /// Completes the handshake with a client. Blocks until the deadline at most; sets the socket's read timeout.
    ///
    /// # Errors
    /// There is no tunnel; a client that speaks TLS has received an alert.
    pub fn accept(
        &self,
        socket: &TcpStream,
        application: Application,
        deadline: Instant,
    ) -> Result<Arc<Tunnel>, NoTunnel> {
        let left = deadline.saturating_duration_since(Instant::now()).max(std::time::Duration::from_millis(1));
        let mut first = [0];
        let peeked = socket.set_read_timeout(Some(left)).and_then(|()| socket.peek(&mut first));
        if peeked.map_err(NoTunnel::Failed)? == 1 && first != [HANDSHAKE] {
            return Err(NoTunnel::Plain);
        }
        let config = {
            let in_force = self.in_force.lock();
            Arc::clone(match application {
                Application::Http => &in_force.http,
                Application::Lines => &in_force.lines,
                Application::Irc => &in_force.irc,
            })
        };
        let failed = |error: rustls::Error| NoTunnel::Failed(io::Error::other(error));
        let tunnel = self.handshakes.run(deadline, || Ok(Tunnel::new(ServerConnection::new(config)?.into())));
        let tunnel = tunnel.map_err(NoTunnel::Failed)?.map_err(failed)?;
        let compute = || {
            let tunnel = Arc::clone(&tunnel);
            self.handshakes.run(deadline, move || tunnel.compute())?
        };
        tunnel.shake_hands(socket, deadline, compute).map_err(NoTunnel::Failed)?;
        Ok(tunnel)
    }

    /// How many threads should run [`Certificate::work`].
    #[must_use]
    pub fn handshake_threads(&self) -> usize {
        HandshakePool::threads()
    }

    /// Computes handshakes until the certificate is closed: the body of a thread. `panicked` is called after each
    /// computation that panicked; its client alone loses its connection.
    pub fn work(&self, panicked: impl Fn()) {
        self.handshakes.work(panicked);
    }

    /// Accepts no further handshake; the threads end.
    pub fn close(&self) {
        self.handshakes.close();
    }
}

fn configs(certificate: &str, key: &str, tickets: &Arc<dyn ProducesTickets>) -> Result<Configs, String> {
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| format!("cannot read the certificate {certificate}: {error}"))?;
    if chain.is_empty() {
        return Err(format!("there is no certificate in {certificate}"));
    }
    let validity = validity::of_chain(&chain);
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("cannot read the key {key}: {error}"))?;
    let config = |secret: PrivateKeyDer<'static>, application: &[u8]| {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(rustls::ALL_VERSIONS)?.with_no_client_auth();
        let mut config = builder.with_single_cert(chain.clone(), secret)?;
        config.alpn_protocols = vec![application.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Arc::clone(tickets);
        Ok::<_, rustls::Error>(Arc::new(config))
    };
    let all = || {
        let (http, lines) = (config(secret.clone_key(), b"http/1.1")?, config(secret.clone_key(), b"roomd-lines")?);
        Ok(Configs { validity, http, lines, irc: config(secret.clone_key(), b"irc")? })
    };
    all().map_err(|error: rustls::Error| match error {
        rustls::Error::InconsistentKeys(_) => format!("{key} is not the key of the certificate {certificate}"),
        error => format!("cannot use the certificate {certificate} with the key {key}: {error}"),
    })
}
