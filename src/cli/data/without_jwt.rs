//! `roomd token` and `roomd keys` in a build without tokens: each fails with a sentence.
//!
//! Called by `archive.rs` on the main thread, in the place of `tokens.rs`.

use super::TokenOptions;
use crate::store::sqlite::{Archive, ArchiveError};

pub fn sign(_: &Archive, _: &TokenOptions) -> Result<(), ArchiveError> {
    refuse()
}

pub fn rotate(_: &Archive) -> Result<(), ArchiveError> {
    refuse()
}

pub fn list(_: &Archive) -> Result<(), ArchiveError> {
    refuse()
}

fn refuse() -> Result<(), ArchiveError> {
    Err(ArchiveError::Refused("this roomd was built without tokens".to_owned()))
}
