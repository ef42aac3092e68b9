//! The commands on the file of messages, in a build without a database: a sentence.
//!
//! Called by `main` on the main thread, in the place of `archive.rs`.

use std::process::ExitCode;

use super::Task;
use crate::settings::Settings;

/// Says why nothing is done.
#[must_use]
pub fn run(_: &Settings, _: &Task) -> ExitCode {
    eprintln!("roomd: this roomd was built without a database, and has no file of messages");
    ExitCode::from(2)
}
