//! The secrets that the settings share with OpenID Connect providers.
//!
//! Called on the thread that starts or reloads the server; blocks on their files.

use super::secret_file;
use crate::chat::IdentityProvider;
use crate::net::openid::ProviderSecrets;
use crate::settings::Settings;

/// Reads them.
///
/// # Errors
/// A sentence: one cannot be read, or is none.
pub fn read(settings: &Settings) -> Result<ProviderSecrets, String> {
    let secret = |provider: &IdentityProvider| {
        let secret = secret_file::read(provider.secret_file.as_ref()?);
        Some(secret.map(|secret| (provider.id.clone(), secret)))
    };
    settings.oidc_providers.iter().filter_map(secret).collect()
}
