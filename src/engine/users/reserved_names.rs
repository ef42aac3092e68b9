//! Names that are about to be used by one client alone.
//!
//! IRC promises that a nick has one user, but a client is found under its name only when its connection is open. So who
//! is about to take a name reserves it, looks then whether it is in use, and holds it until it is found: of two at the
//! same moment, one is refused. One mutex over a set, a leaf. Called on readers' threads; does not block.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chat::{FoldedName, UserName};
use crate::engine::base::sync::Mutex;

/// See the module. It has an entry a client that is taking a name, so at most one a connection.
#[derive(Default)]
pub struct ReservedNames(Mutex<BTreeSet<FoldedName>>);

/// Holds a name until it is dropped.
pub struct NameReservation {
    names: Arc<ReservedNames>,
    name: FoldedName,
}

impl ReservedNames {
    /// Reserves a name, in any spelling. `None`: somebody else is taking it.
    #[must_use]
    pub fn reserve(self: &Arc<Self>, name: &UserName) -> Option<NameReservation> {
        let name = FoldedName::of(name);
        self.0.lock().insert(name.clone()).then(|| NameReservation { names: Arc::clone(self), name })
    }
}

impl Drop for NameReservation {
    fn drop(&mut self) {
        self.names.0.lock().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_reserved_once_in_any_spelling_and_free_again() {
        let names = Arc::new(ReservedNames::default());
        let [ann, other] = ["Ann", "aNN"].map(|name| UserName::parse(name).unwrap());
        let first = names.reserve(&ann);
        assert!(first.is_some() && names.reserve(&other).is_none());
        drop(first);
        assert!(names.reserve(&other).is_some());
    }
}
