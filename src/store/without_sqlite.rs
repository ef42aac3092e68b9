//! In the place of the SQLite backend, in a build without it: a server keeps nothing, and no command has a file.
//!
//! Called by `open.rs`. The server starts all the same, because its default is a file; it logs that it keeps nothing.

use super::administration::{Administration, AdministrationError};
use super::open::{Backend, BackendOptions, OpenError};

/// A backend that keeps nothing, whatever the path.
///
/// # Errors
/// None.
pub fn open(_: &str, _: BackendOptions<'_>) -> Result<Backend, OpenError> {
    log::warn!("built without a database: what a room has kept goes with its last member");
    Ok(Backend::transient())
}

/// # Errors
/// Always: there is no file.
pub fn administration(_: &str) -> Result<Box<dyn Administration>, AdministrationError> {
    let sentence = "this roomd was built without a database, and has no file of messages";
    Err(AdministrationError::Unsupported(sentence.to_owned()))
}
