//! Who may sign in, and with which tokens: as the settings say at start, and again when they are reloaded.
//!
//! Called on the thread that starts or reloads the server; blocks on the files of keys, and on the store at start. In a
//! build without tokens `guests_only.rs` stands in its place.

use std::sync::Arc;

use crate::assemble::StartError;
use crate::auth::jwt::{CurrentIssuer, Issuer, Jwt, KeyError};
use crate::auth::{Auth, Devices, DisplayNames, Names, SignInRules};
use crate::chat::StoreFailed;
use crate::engine::base::clock::Clock;
use crate::settings::{Settings, is_safe_url};
use crate::store::AccountStore;

/// What of signing in can be exchanged while the server runs.
pub struct SignIn {
    auth: Arc<Auth>,
    issuer: CurrentIssuer,
}

/// What the settings say of signing in, with the keys that they name.
pub struct NewSignIn {
    rules: SignInRules,
    issuer: Option<Issuer>,
}

impl SignIn {
    /// Puts other rules and keys in force for whoever signs in from now on.
    pub fn replace(&self, new: NewSignIn) {
        self.auth.set_rules(new.rules);
        self.issuer.store(new.issuer);
    }
}

/// The URL at which the settings say that an issuer's keys are, if it may be asked.
#[must_use]
pub fn key_url(settings: &Settings) -> Option<&str> {
    settings.jwt_key.as_deref().filter(|url| is_safe_url(url))
}

/// Looks whether these are the keys of an issuer.
///
/// # Errors
/// Why they are not.
pub fn check_keys(bytes: &[u8]) -> Result<(), String> {
    Issuer::with_keys(bytes).map(drop).map_err(|error| format!("it {error}"))
}

/// Refuses keys that anybody on the way could replace: without TLS they come from this machine alone.
fn check_url(url: &str) -> Result<(), String> {
    if !url.contains("://") || is_safe_url(url) {
        return Ok(());
    }
    Err(format!("jwt-key {url} has no TLS, so anybody on the way could replace the keys: https://"))
}

/// Reads the keys that the settings name in files, and takes those that were fetched, if a URL is named.
///
/// # Errors
/// A sentence.
pub fn read(settings: &Settings, fetched: Option<&[u8]>) -> Result<NewSignIn, String> {
    let read = |path: &String| std::fs::read(path).map_err(|error| format!("cannot read {path}: {error}"));
    let unfit = |path: &String, error: KeyError| format!("{path} {error}");
    let secret = settings.jwt_secret_file.as_ref();
    let secret =
        secret.map(|path| Issuer::with_secret(&read(path)?).map_err(|error| unfit(path, error))).transpose()?;
    let keys = settings.jwt_key.as_ref();
    keys.map_or(Ok(()), |key| check_url(key))?;
    let keys = match (keys, key_url(settings)) {
        (Some(url), Some(_)) => fetched.map(|bytes| Issuer::with_keys(bytes).map_err(|error| unfit(url, error))),
        (Some(path), None) => {
            Some(read(path).and_then(|bytes| Issuer::with_keys(&bytes).map_err(|error| unfit(path, error))))
        }
        (None, _) => None,
    };
    let keys = keys.transpose()?;
    let issuer = secret.into_iter().chain(keys).reduce(Issuer::and);
    let issuer = issuer.map(|issuer| issuer.named(settings.jwt_issuer.clone(), settings.jwt_audience.clone()));
    let issuer = issuer.map(|issuer| issuer.naming_by(settings.jwt_name_claim.clone()));
    let guests = settings.guests.unwrap_or(true);
    let rules = SignInRules { guests, claims: settings.claims.unwrap_or(guests), claim_for: settings.claim_for };
    Ok(NewSignIn { rules, issuer })
}

/// The authentication of a server, from what the settings say and the store knows.
///
/// # Errors
/// The settings cannot be applied, or the store cannot be read.
pub fn open(
    settings: &Settings,
    accounts: Arc<dyn AccountStore>,
    clock: Clock,
    fetched: Option<&[u8]>,
) -> Result<(Arc<Auth>, Arc<SignIn>), StartError> {
    let NewSignIn { rules, issuer } = read(settings, fetched).map_err(StartError::Tokens)?;
    let failed = |StoreFailed| StartError::Tokens("the names and keys in the history cannot be read".to_owned());
    let names = Names::new(Arc::clone(&accounts), accounts.accounts().map_err(failed)?);
    let names = names.with_subjects(accounts.subjects().map_err(failed)?);
    let names = names.with_uses(accounts.uses().map_err(failed)?);
    let devices = Devices::new(Arc::clone(&accounts), accounts.devices().map_err(failed)?);
    let display_names = DisplayNames::new(Arc::clone(&accounts), accounts.display_names().map_err(failed)?);
    let tokens = Jwt::open(accounts, issuer, clock.now().at).map_err(failed)?;
    let issuer = tokens.issuer();
    let auth = Auth::new(names, (devices, display_names), Box::new(tokens), rules);
    Ok((Arc::clone(&auth), Arc::new(SignIn { auth, issuer })))
}
