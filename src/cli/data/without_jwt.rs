//! `roomd token` and `roomd keys` in a build without tokens: each fails with a sentence.
//!
//! Called by `execute.rs` on the main thread, in the place of `tokens.rs`.

use super::TokenOptions;
use crate::store::administration::{Administration, AdministrationError};

pub fn sign(_: &dyn Administration, _: &TokenOptions) -> Result<(), AdministrationError> {
    refuse()
}

pub fn rotate(_: &dyn Administration) -> Result<(), AdministrationError> {
    refuse()
}

pub fn revoke(_: &dyn Administration, _: &str) -> Result<(), AdministrationError> {
    refuse()
}

pub fn list(_: &dyn Administration) -> Result<(), AdministrationError> {
    refuse()
}

fn refuse() -> Result<(), AdministrationError> {
    Err(AdministrationError::Refused("this roomd was built without tokens".to_owned()))
}
