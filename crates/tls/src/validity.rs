//! For how long a certificate is valid, read out of it.
//!
//! Called when a certificate is loaded. rustls reads the dates of a certificate and tells them only in its refusal of
//! one that is not valid at some moment; so it is asked for a moment before all of them, and for one after.

use std::time::{Duration, UNIX_EPOCH};

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

use super::Validity;

/// The end of the year 9998, in seconds since 1970: only a certificate that is to be valid forever is valid then
/// (RFC 5280 §4.1.2.5).
const END_S: u64 = 253_370_764_800;

/// When all certificates of a chain are valid. `None`: a date cannot be read, or there is none.
pub fn of_chain(chain: &[CertificateDer<'_>]) -> Option<Validity> {
    let all = chain.iter().map(of).collect::<Option<Vec<_>>>()?;
    all.into_iter()
        .reduce(|one, other| Validity { begins: one.begins.max(other.begins), ends: one.ends.min(other.ends) })
}

fn of(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let refusal_at = |seconds| {
        let moment = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        verify_server_cert_signed_by_trust_anchor(&parsed, &RootCertStore::empty(), &[], moment, &[]).err()
    };
    let begins = match refusal_at(0)? {
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => not_before.as_secs(),
        // It was valid in 1970 already, and something else is wrong with it: nobody vouches for it here.
        _ => 0,
    };
    let ends = match refusal_at(END_S)? {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => not_after.as_secs(),
        Error::InvalidCertificate(CertificateError::BadEncoding) => return None,
        _ => END_S,
    };
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    Some(Validity { begins: at(begins), ends: at(ends) })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use rustls::pki_types::pem::PemObject as _;

    use super::*;
    use crate::self_signed;

    #[test]
    fn a_certificate_of_a_year_ends_in_a_year() {
        let pair = self_signed(&["localhost".to_owned()]).unwrap();
        let der = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
        let validity = of_chain(std::slice::from_ref(&der)).unwrap();
        let now = SystemTime::now();
        assert!(validity.includes(now));
        let left = validity.ends.duration_since(now).unwrap().as_secs() / (24 * 60 * 60);
        assert!((300..400).contains(&left), "{left} days");
        assert!(!validity.includes(validity.ends + Duration::from_secs(1)));
        assert_eq!(of_chain(&[]).map(|validity| validity.ends), None);
        assert!(of_chain(&[CertificateDer::from(vec![1, 2, 3])]).is_none());
    }
}
