//! `roomd token` and `roomd keys` in a build without tokens: each fails with a sentence.
//!
//! Called by `archive.rs` on the main thread, in the place of `tokens.rs`.

use super::TokenOptions;
use crate::store::sqlite::{DataFile, DataFileError};

pub fn sign(_: &DataFile, _: &TokenOptions) -> Result<(), DataFileError> {
    refuse()
}

pub fn rotate(_: &DataFile) -> Result<(), DataFileError> {
    refuse()
}

pub fn list(_: &DataFile) -> Result<(), DataFileError> {
    refuse()
}

fn refuse() -> Result<(), DataFileError> {
    Err(DataFileError::Refused("this roomd was built without tokens".to_owned()))
}
