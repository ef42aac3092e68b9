//! The reload of the settings: on SIGHUP they are read from their sources once more.
//!
//! Called by `serve` on the main thread. The arguments and the environment of a process stay as they are, so what changes
//! is the file, and the files of keys and certificates that the settings name. The log names the settings that changed,
//! and those that only a start changes; never their values, which may be secrets.

use super::settings::settings;
use super::{log_output, settings_of_server};
use crate::assemble::Server;
use crate::settings::Settings;

/// Reads the settings again, and puts them in force. Blocks on the files.
///
/// # Errors
/// A sentence, which the log has too; nothing has changed.
pub fn reload(server: &Server) -> Result<(), String> {
    apply(server).inspect_err(|sentence| log::error!("the settings stay as they were: {sentence}"))
}

fn apply(server: &Server) -> Result<(), String> {
    let (wanted, warnings) = settings_of_server()?;
    let before = server.settings();
    let capacity = server.reload(wanted.clone())?;
    for warning in warnings {
        log::warn!("{warning}");
    }
    let now = server.settings();
    let changed = differing(&before, &now);
    if changed.contains(&"log-level") && !log_output::set_level(now.log_level) {
        log::warn!("log-level has no effect: RUST_LOG says what is logged");
    }
    if let Some(bound) = capacity.bound {
        log::warn!(connections = capacity.connections, rooms = capacity.rooms; "the machine allows less: {bound}");
    }
    let is_any = !changed.is_empty();
    log::info!(changed = if is_any { changed.join(" ") } else { "none".to_owned() }; "settings loaded anew");
    let remaining = differing(&wanted, &now);
    if !remaining.is_empty() {
        log::warn!(settings = remaining.join(" "); "some settings change only when the server is started again");
    }
    Ok(())
}

/// The names of the settings in which the two differ.
fn differing(one: &Settings, other: &Settings) -> Vec<&'static str> {
    let differ = settings().iter().filter(|setting| setting.value(one) != setting.value(other));
    differ.map(|setting| setting.name).collect()
}
