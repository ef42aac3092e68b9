//! The secrets that the settings share with OpenID Connect providers.
//!
//! Called on the thread that starts or reloads the server; blocks on their files.

use std::fs;

use crate::chat::{IdentityProvider, Secret};
use crate::net::openid::ProviderSecrets;
use crate::settings::Settings;

/// Reads them.
///
/// # Errors
/// A sentence: one cannot be read, or is none.
pub fn read(settings: &Settings) -> Result<ProviderSecrets, String> {
    let secret = |provider: &IdentityProvider| {
        let path = provider.secret_file.as_ref()?;
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"));
        Some(text.and_then(|text| match text.trim() {
            "" => Err(format!("{path} is empty, and no secret")),
            secret => Ok((provider.id.clone(), Secret::from(secret))),
        }))
    };
    settings.oidc_providers.iter().filter_map(secret).collect()
}
