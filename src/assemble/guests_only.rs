//! Signing in, in a build without tokens: every user is a guest.
//!
//! It has the functions of `sign_in.rs`. Settings that ask for more are refused, at start and when they are reloaded.

use std::sync::Arc;

use crate::assemble::StartError;
use crate::auth::Auth;
use crate::engine::base::clock::Clock;
use crate::settings::Settings;
use crate::store::AccountStore;

/// Nothing of signing in can be exchanged.
pub struct SignIn;

/// What the settings say of signing in, which is nothing.
pub struct NewSignIn;

impl SignIn {
    /// Does nothing.
    pub fn replace(&self, _: NewSignIn) {}
}

/// No keys are fetched.
#[must_use]
pub fn key_url(_: &Settings) -> Option<&str> {
    None
}

/// No keys are fetched.
///
/// # Errors
/// None.
pub fn check_keys(_: &[u8]) -> Result<(), String> {
    Ok(())
}

/// Looks whether the settings ask for tokens.
///
/// # Errors
/// A sentence.
pub fn read(settings: &Settings, _: Option<&[u8]>) -> Result<NewSignIn, String> {
    let Settings { guests, claims, jwt_secret_file, jwt_key, oidc_providers, user_header, .. } = settings;
    let has_issuer = jwt_secret_file.is_some() || jwt_key.is_some();
    let has_others = !oidc_providers.is_empty() || user_header.is_some();
    if *guests == Some(false) || *claims == Some(true) || has_issuer || has_others {
        let sentence = "this roomd was built without tokens: whoever comes is a guest, and no name can be claimed";
        return Err(sentence.to_owned());
    }
    Ok(NewSignIn)
}

/// The authentication of a server whose users are guests.
///
/// # Errors
/// The settings ask for tokens.
pub fn open(
    settings: &Settings,
    _: Arc<dyn AccountStore>,
    _: Clock,
    _: Option<&[u8]>,
) -> Result<(Arc<Auth>, Arc<SignIn>), StartError> {
    read(settings, None).map_err(StartError::Tokens)?;
    log::warn!("built without tokens: whoever comes is a guest");
    Ok((Auth::guests_only(), Arc::new(SignIn)))
}
