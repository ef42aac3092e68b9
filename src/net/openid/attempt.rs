//! A login that has begun: what binds the provider's answer to the browser that was sent there.
//!
//! All of it comes from one random secret, which stands in a cookie and nowhere else: the server remembers nothing of a login, so none has
//! to be bounded or forgotten, and another server of the same database may finish it. The state, the nonce and the verifier are digests of
//! the secret with the provider's id, so an answer at another provider's address fits none of them (RFC 9700 §4.4).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// How long a browser keeps the cookie, in seconds: as long as a person may take to log in.
pub const LASTS_S: u32 = 600;

/// See the module.
pub struct LoginAttempt {
    secret: [u8; 32],
    provider: String,
    /// The path of the page to which the user wants to return.
    pub to: String,
}

impl LoginAttempt {
    /// A new one, at the provider of this id.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn draw(provider: &str, to: &str) -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self { secret, provider: provider.to_owned(), to: to.to_owned() })
    }

    /// The one in this cookie, at the provider of this id.
    #[must_use]
    pub fn of_cookie(value: &str, provider: &str) -> Option<Self> {
        let (secret, to) = value.split_once('.')?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        let to = String::from_utf8(URL_SAFE_NO_PAD.decode(to).ok()?).ok()?;
        Some(Self { secret, provider: provider.to_owned(), to })
    }

    /// The value of the cookie.
    #[must_use]
    pub fn cookie(&self) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(self.secret), URL_SAFE_NO_PAD.encode(&self.to))
    }

    /// What the provider sends back with the browser (RFC 6749 §10.12).
    #[must_use]
    pub fn state(&self) -> String {
        self.derived("state")
    }

    /// What the ID token has to say (OpenID Connect Core 1.0 §15.5.2).
    #[must_use]
    pub fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// What proves to the provider that the one who has the code has begun the login (RFC 7636 §4.1).
    #[must_use]
    pub fn verifier(&self) -> String {
        self.derived("verifier")
    }

    /// What the provider is told of the verifier before (RFC 7636 §4.2, `S256`).
    #[must_use]
    pub fn challenge(&self) -> String {
        challenge_of(&self.verifier())
    }

    fn derived(&self, what: &str) -> String {
        let mut digest = Sha256::new();
        for part in [what.as_bytes(), &[0], self.provider.as_bytes(), &[0], &self.secret] {
            digest.update(part);
        }
        URL_SAFE_NO_PAD.encode(digest.finalize())
    }
}

fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_found_again_in_its_cookie_and_fits_one_provider() {
        let attempt = LoginAttempt::draw("kc", "/chat/d%C3%A9n?x").unwrap();
        let again = LoginAttempt::of_cookie(&attempt.cookie(), "kc").unwrap();
        let parts =
            |attempt: &LoginAttempt| [attempt.state(), attempt.nonce(), attempt.verifier(), attempt.challenge()];
        assert_eq!((parts(&again), &*again.to), (parts(&attempt), "/chat/d%C3%A9n?x"));
        let other = LoginAttempt::of_cookie(&attempt.cookie(), "other").unwrap();
        for (one, other) in parts(&attempt).iter().zip(parts(&other)) {
            assert_ne!(*one, other);
            assert_eq!(one.len(), 43);
        }
        assert!(!attempt.cookie().contains(&attempt.state()));
        for bad in ["", ".", "x.x", "AAAA.", &attempt.cookie()[1..]] {
            assert!(LoginAttempt::of_cookie(bad, "kc").is_none(), "{bad}");
        }
    }

    /// The example of RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_the_digest_of_the_verifier() {
        let challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
