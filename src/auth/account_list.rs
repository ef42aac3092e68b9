//! The registered names as a list, in an order and a part at a time.
//!
//! For admins, on the thread of whoever asks. They are kept in no order, so each part is a walk over all names under their
//! lock, which keeps no more than the part.

use std::collections::BTreeMap;

use super::names::Names;
use crate::chat::{FoldedName, Time, UserName};
use crate::store::accounts::Account;

impl Names {
    /// The accounts behind this name in the order of the folded names, each with its last use, to a day; at most `count`. Does
    /// not block.
    #[must_use]
    pub fn after(&self, name: Option<&UserName>, count: usize) -> Vec<(Account, Time)> {
        let after = name.map(FoldedName::of);
        let owners = self.owners.lock();
        let mut first = BTreeMap::new();
        for (folded, owner) in owners.iter().filter(|(folded, _)| after.as_ref().is_none_or(|after| *folded > after)) {
            first.insert(folded, owner);
            if first.len() > count {
                first.pop_last();
            }
        }
        first.into_values().map(|owner| (owner.account.clone(), owner.used)).collect()
    }
}
