//! Giving a registered name up, which takes two steps: nobody is put on a list under it, and then it is free.
//!
//! Made by `Names::leave`, on the thread of whoever gives the name up; its end waits for the store. The maps are those of `names.rs`, and no
//! lock is held while it waits.

use super::Names;
use crate::chat::{FoldedName, Refusal, UserName};

/// A name that is being given up. Dropped without [`NameRelease::finish`] it stays registered.
pub struct NameRelease<'a> {
    pub(super) names: &'a Names,
    pub(super) folded: FoldedName,
    pub(super) name: UserName,
}

impl NameRelease<'_> {
    /// The name as its owner spells it.
    #[must_use]
    pub fn name(&self) -> &UserName {
        &self.name
    }

    /// Frees the name. Waits for the store.
    ///
    /// # Errors
    /// `unavailable`: it stays registered.
    pub fn finish(self) -> Result<(), Refusal> {
        self.names.accounts.unregister(&self.name).map_err(super::unavailable)?;
        self.names.subjects.lock().remove(&self.folded);
        self.names.owners.lock().remove(&self.folded);
        Ok(())
    }
}

impl Drop for NameRelease<'_> {
    fn drop(&mut self) {
        if let Some(owner) = self.names.owners.lock().get_mut(&self.folded) {
            owner.leaving = false;
        }
    }
}
