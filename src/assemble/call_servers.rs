//! The servers for calls that the settings name, with the secret that TURN servers share.
//!
//! Called on the thread that starts or reloads the server; blocks on the secret's file.

use std::fs;

use crate::engine::users::call_servers::{CallServers, TurnSecret, needs_login};
use crate::settings::Settings;

/// Reads them.
///
/// # Errors
/// A sentence: the secret cannot be read, or there is none and a server needs it.
pub fn read(settings: &Settings) -> Result<CallServers, String> {
    let secret = |path: &String| {
        let bytes = fs::read(path).map_err(|error| format!("cannot read {path}: {error}"))?;
        TurnSecret::new(&bytes, settings.turn_for).ok_or_else(|| format!("{path} is empty, and no secret"))
    };
    let secret = settings.turn_secret_file.as_ref().map(secret).transpose()?;
    if let (Some(server), None) = (settings.ice_servers.iter().find(|server| needs_login(server)), &secret) {
        return Err(format!("{} has no login, and there is no secret (turn-secret-file)", server.urls));
    }
    Ok(CallServers::new(&settings.ice_servers, secret))
}
