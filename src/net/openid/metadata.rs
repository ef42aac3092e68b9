//! What a provider says of itself: OpenID Connect Discovery 1.0 §3.
//!
//! Parsed on a login's thread. It names the addresses that are asked next, so each has to be one that nobody on the way can change, and a
//! provider elsewhere names none on this machine.

use serde::Deserialize;

use crate::settings::is_safe_url;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Where a browser is sent to log in.
    pub authorization_endpoint: String,
    /// Where a code is exchanged for tokens.
    pub token_endpoint: String,
    /// Where further claims of a user are.
    pub userinfo_endpoint: Option<String>,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Whether the client's secret is sent in the body: the provider does not take it as a password (RFC 6749 §2.3.1).
    pub takes_secret_in_body: bool,
    /// Whether its answers name it, as RFC 9207 says.
    pub names_itself: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Where the metadata of an issuer are (§4.1).
#[must_use]
pub fn url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

impl Metadata {
    /// Parses the metadata of this issuer.
    ///
    /// # Errors
    /// Why they cannot be used: the second half of a sentence.
    pub fn parse(bytes: &[u8], issuer: &str) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(bytes).map_err(|error| format!("are not understood: {error}"))?;
        // §4.3: or anybody's metadata could be put in their place.
        if document.issuer != issuer {
            let other: String = document.issuer.escape_debug().take(200).collect();
            return Err(format!("are of another issuer: {other}"));
        }
        let is_local = issuer.starts_with("http://");
        let is_good = |url: &String| is_safe_url(url) && (is_local || url.starts_with("https://"));
        let userinfo = document.userinfo_endpoint;
        let asked = [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri];
        if !asked.into_iter().chain(&userinfo).all(is_good) {
            return Err("name an address without TLS".to_owned());
        }
        // The default is §3's.
        let methods = document.token_endpoint_auth_methods_supported.unwrap_or_else(|| vec![BASIC.to_owned()]);
        let takes = |method: &str| methods.iter().any(|known| known == method);
        Ok(Self {
            authorization_endpoint: document.authorization_endpoint,
            token_endpoint: document.token_endpoint,
            userinfo_endpoint: userinfo,
            jwks_uri: document.jwks_uri,
            takes_secret_in_body: !takes(BASIC) && takes("client_secret_post"),
            names_itself: document.authorization_response_iss_parameter_supported,
        })
    }
}

const BASIC: &str = "client_secret_basic";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut document = json!({
            "issuer": "https://a.org/b/",
            "authorization_endpoint": "https://a.org/auth",
            "token_endpoint": "https://a.org/token",
            "jwks_uri": "https://keys.org/jwks",
        });
        change(&mut document);
        document.to_string().into_bytes()
    }

    fn refused(change: impl FnOnce(&mut Value)) -> String {
        Metadata::parse(&document(change), "https://a.org/b/").unwrap_err()
    }

    #[test]
    fn metadata_are_the_issuers_own_and_name_only_addresses_with_tls() {
        let metadata = Metadata::parse(&document(|_| ()), "https://a.org/b/").unwrap();
        assert_eq!((&*metadata.jwks_uri, metadata.takes_secret_in_body), ("https://keys.org/jwks", false));
        assert_eq!(url("https://a.org/b/"), "https://a.org/b/.well-known/openid-configuration");
        assert_eq!(url("https://a.org"), "https://a.org/.well-known/openid-configuration");
        assert_eq!(refused(|it| it["issuer"] = json!("https://a.org/b")), "are of another issuer: https://a.org/b");
        for key in ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"] {
            for url in ["http://a.org/x", "http://127.0.0.1/x", "javascript:alert(1)"] {
                assert_eq!(refused(|it| it[key] = json!(url)), "name an address without TLS", "{key} {url}");
            }
        }
        assert!(refused(|it| it["jwks_uri"] = Value::Null).starts_with("are not understood"));
        let posts = json!(["client_secret_post", "none"]);
        let metadata = document(|it| it["token_endpoint_auth_methods_supported"] = posts);
        assert!(Metadata::parse(&metadata, "https://a.org/b/").unwrap().takes_secret_in_body);
    }
}
