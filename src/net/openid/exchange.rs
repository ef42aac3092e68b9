//! What is asked of a provider when a browser comes back from it: the tokens for its code (RFC 6749 §4.1.3), and further claims of the
//! user (OpenID Connect Core 1.0 §5.3).
//!
//! On a login's thread. Neither a code, nor a token, nor a secret is in an error.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::form::{encoded, form};
use super::metadata::Metadata;
use super::{LoginError, Returned, left};
use crate::auth::IdTokenClaims;
use crate::chat::{IdentityProvider, Secret};
use crate::net::fetch::{Fetcher, OutgoingRequest};

/// Whom is asked, and until when.
pub struct CodeExchange<'a> {
    pub fetcher: &'a Fetcher,
    pub metadata: &'a Metadata,
    pub provider: &'a IdentityProvider,
    pub deadline: Instant,
}

/// What a provider gives for a code.
pub struct ProviderTokens {
    pub id_token: String,
    /// With which further claims are asked for.
    pub access_token: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    id_token: Option<String>,
    access_token: Option<String>,
    error: Option<String>,
}

impl CodeExchange<'_> {
    /// The tokens for a code.
    pub fn redeem(&self, returned: &Returned, secret: Option<&Secret>) -> Result<ProviderTokens, LoginError> {
        let Self { provider, metadata, .. } = self;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", &*returned.code),
            ("redirect_uri", &*returned.redirect_uri),
            ("code_verifier", &*returned.verifier),
        ];
        let authorization = match secret {
            Some(secret) if !metadata.takes_secret_in_body => {
                let pair = format!("{}:{}", encoded(&provider.client), encoded(secret.reveal()));
                Some(format!("Basic {}", STANDARD.encode(pair)))
            }
            secret => {
                fields.push(("client_id", &provider.client));
                fields.extend(secret.map(|secret| ("client_secret", secret.reveal())));
                None
            }
        };
        let (status, body) = self.ask(&metadata.token_endpoint, authorization.as_deref(), Some(&form(&fields)))?;
        let answer = serde_json::from_slice::<Answer>(&body);
        let failed = |why: &str| LoginError::Provider(format!("its token endpoint: {why}"));
        match answer {
            Ok(Answer { id_token: Some(id_token), access_token, .. }) if status == 200 => {
                Ok(ProviderTokens { id_token, access_token })
            }
            Ok(Answer { error: Some(error), .. }) => {
                Err(failed(&format!("{status}, {}", error.escape_debug().take(100).collect::<String>())))
            }
            Ok(_) if status == 200 => Err(failed("there is no ID token in its answer")),
            _ => Err(failed(&format!("the answer is {status}, and not understood"))),
        }
    }

    /// Adds what the provider says of the user elsewhere, as far as the ID token does not say it.
    pub fn complete(&self, claims: &mut IdTokenClaims, access_token: Option<&str>) -> Result<(), LoginError> {
        let (Some(url), Some(token)) = (&self.metadata.userinfo_endpoint, access_token) else { return Ok(()) };
        let failed = |why: String| LoginError::Provider(format!("its userinfo endpoint: {why}"));
        let (status, body) = self.ask(url, Some(&format!("Bearer {token}")), None)?;
        if status != 200 {
            return Err(failed(format!("the answer is {status}")));
        }
        let more: IdTokenClaims = serde_json::from_slice(&body).map_err(|error| failed(format!("{error}")))?;
        // §5.3.2: or somebody else's claims could be put in their place.
        if more.get("sub") != claims.get("sub") {
            return Err(LoginError::NotBelieved("its userinfo endpoint speaks of another user".to_owned()));
        }
        for (name, value) in more {
            claims.entry(name).or_insert(value);
        }
        Ok(())
    }

    fn ask(&self, url: &str, authorization: Option<&str>, form: Option<&str>) -> Result<(u16, Vec<u8>), LoginError> {
        let asked = self.fetcher.ask(OutgoingRequest { url, authorization, form, within: left(self.deadline) });
        asked.map_err(|error| LoginError::Provider(format!("{url}: {error}")))
    }
}
