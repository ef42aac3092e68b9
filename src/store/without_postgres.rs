//! In the place of the PostgreSQL backend, in a build without it: a sentence that says so.
//!
//! Called by `open.rs`. Nothing else is taken instead: whoever names a database means it.

use super::administration::{Administration, AdministrationError};
use super::open::{Backend, BackendOptions, OpenError};

const SENTENCE: &str =
    "this roomd was built without PostgreSQL: build it with --features postgres, or name a file with --data";

/// # Errors
/// Always: there is no database.
pub fn open(_: &str, _: BackendOptions<'_>) -> Result<Backend, OpenError> {
    Err(SENTENCE.into())
}

/// # Errors
/// Always: there is no database.
pub fn administration(_: &str) -> Result<Box<dyn Administration>, AdministrationError> {
    Err(AdministrationError::Unsupported(SENTENCE.to_owned()))
}
