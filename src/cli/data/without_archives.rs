//! `roomd import slack` and `mattermost` in a build without a database.
//!
//! There is nowhere to put what they bring, and the command says so.

use std::path::Path;
use std::process::ExitCode;

use crate::store::administration::{Administration, AdministrationError};

/// # Errors
/// Always.
pub fn import(_: &dyn Administration, _: &Path, _: &Path, _: bool) -> Result<ExitCode, AdministrationError> {
    Err(AdministrationError::Unsupported("this build keeps no history (feature sqlite)".to_owned()))
}
