//! A certificate that no authority has signed: for a trial, or for clients that are given it.
//!
//! Created on the main thread for `roomd tls self-signed`. ECDSA on P-256, which every client knows.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

use super::Pair;

/// Browsers take no certificate that is valid for much more than a year.
const VALID: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How far a client's clock may be behind.
const EARLIER: Duration = Duration::from_secs(60 * 60);

/// A new key and a certificate for these hosts, names or IP addresses, valid for a year.
///
/// # Errors
/// A sentence: one of them cannot be in a certificate.
pub fn self_signed(hosts: &[String]) -> Result<Pair, String> {
    let problem = |error: rcgen::Error| format!("cannot make a certificate for {}: {error}", hosts.join(", "));
    let mut params = CertificateParams::new(hosts).map_err(problem)?;
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = rcgen::date_time_ymd(1970, 1, 1) + since_1970;
    (params.not_before, params.not_after) = (now - EARLIER, now + VALID);
    params.distinguished_name.push(DnType::CommonName, "roomd, for a trial");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(problem)?;
    let certificate = params.self_signed(&key).map_err(problem)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}
