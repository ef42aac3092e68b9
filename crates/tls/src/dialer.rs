//! The client's side: the certificates that it trusts, and the tunnels that it opens.
//!
//! Created once for a client or a load, before its first connection; used on the thread that connects.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::tunnel::Tunnel;
use super::{Application, Trust};

/// See the module.
#[derive(Clone)]
pub struct Dialer {
    http: Arc<ClientConfig>,
    lines: Arc<ClientConfig>,
    irc: Arc<ClientConfig>,
}

impl Dialer {
    /// A dialer that trusts the certificates that `trust` names; reads their files.
    ///
    /// # Errors
    /// A sentence.
    pub fn new(trust: &Trust) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(rustls::ALL_VERSIONS).map_err(|error| error.to_string())?;
        let mut config = match trust {
            Trust::System => builder.with_root_certificates(of_the_system()?).with_no_client_auth(),
            Trust::Only(path) => builder.with_root_certificates(in_file(path)?).with_no_client_auth(),
            Trust::Anybody => {
                let verifier = Arc::new(Anybody(provider));
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
        };
        let (mut lines, mut irc) = (config.clone(), config.clone());
        irc.alpn_protocols = vec![b"irc".to_vec()];
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        lines.alpn_protocols = vec![b"roomd-lines".to_vec()];
        Ok(Self { http: Arc::new(config), lines: Arc::new(lines), irc: Arc::new(irc) })
    }

    /// A tunnel to `host`, a name or an IP address without brackets. It begins with its first write,
    /// read or handshake.
    ///
    /// # Errors
    /// A sentence: this cannot be the name of a server.
    pub fn dial(&self, host: &str, application: Application) -> Result<Arc<Tunnel>, String> {
        let config = match application {
            Application::Http => &self.http,
            Application::Lines => &self.lines,
            Application::Irc => &self.irc,
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("{host} cannot be in a certificate"))?;
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(|error| error.to_string())?;
        Ok(Tunnel::new(connection.into()))
    }
}

fn of_the_system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    match (added, found.errors.first()) {
        (0, Some(error)) => Err(format!("no certificate that the system trusts can be read: {error}")),
        (0, None) => Err("the system trusts no certificates: install ca-certificates, or name a --ca".to_owned()),
        _ => Ok(roots),
    }
}

fn in_file(path: &Path) -> Result<RootCertStore, String> {
    let name = path.display();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| format!("cannot read {name}: {error}"))? {
        let certificate = certificate.map_err(|error| format!("cannot read {name}: {error}"))?;
        roots.add(certificate).map_err(|error| format!("{name} cannot be trusted: {error}"))?;
    }
    if roots.is_empty() { Err(format!("there is no certificate in {name}")) } else { Ok(roots) }
}

/// Accepts every certificate; the peer still has to prove that it has the key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}
