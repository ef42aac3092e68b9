//! The commands on the data file in a build without a database: each fails with a sentence.
//!
//! Called by `main` on the main thread, in the place of `archive.rs`.

use std::process::ExitCode;

use super::DataCommand;
use crate::settings::Settings;

/// Says why the command is not carried out.
#[must_use]
pub fn run(_: &Settings, _: &DataCommand) -> ExitCode {
    eprintln!("roomd: this roomd was built without a database, and has no file of messages");
    ExitCode::from(2)
}
