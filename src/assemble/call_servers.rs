//! The servers for calls that the settings name, with the secret that TURN servers share.
//!
//! Called on the thread that starts or reloads the server; blocks on the secret's file.

use super::secret_file;
use crate::engine::users::call_servers::{CallServers, TurnSecret, needs_login};
use crate::settings::Settings;

/// Reads them.
///
/// # Errors
/// A sentence: the secret cannot be read, or there is none and a server needs it.
pub fn read(settings: &Settings) -> Result<CallServers, String> {
    let secret = settings.turn_secret_file.as_deref().map(secret_file::read).transpose()?;
    let secret = secret.map(|secret| TurnSecret::new(secret, settings.turn_for));
    if let (Some(server), None) = (settings.ice_servers.iter().find(|server| needs_login(server)), &secret) {
        return Err(format!("{} has no login, and there is no secret (turn-secret-file)", server.urls));
    }
    Ok(CallServers::new(&settings.ice_servers, secret))
}
