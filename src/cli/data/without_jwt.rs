//! `roomd token` and `roomd keys` in a build without tokens: a sentence.
//!
//! Called by `archive.rs` on the main thread, in the place of `tokens.rs`.

use super::Minting;
use crate::store::sqlite::{Archive, ArchiveError};

/// Says why nothing is done.
pub fn mint(_: &Archive, _: &Minting) -> Result<(), ArchiveError> {
    Err(ArchiveError::Refused("this roomd was built without tokens".to_owned()))
}

/// Likewise.
pub fn rotate(_: &Archive) -> Result<(), ArchiveError> {
    Err(ArchiveError::Refused("this roomd was built without tokens".to_owned()))
}

/// Likewise.
pub fn list(_: &Archive) -> Result<(), ArchiveError> {
    Err(ArchiveError::Refused("this roomd was built without tokens".to_owned()))
}
