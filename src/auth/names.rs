//! The names that belong to somebody, under any spelling.
//!
//! One mutex over a map, a leaf. Asked whenever a guest comes in under a name.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::chat::{Likeness, UserName};

/// See the module.
#[derive(Default)]
pub struct Names {
    owners: Mutex<HashMap<Likeness, UserName>>,
}

impl Names {
    /// How the name is spelled by whom it belongs to; `None` when it belongs to nobody.
    #[must_use]
    pub fn owner(&self, name: &UserName) -> Option<UserName> {
        self.owners.lock().get(&Likeness::of(name)).cloned()
    }

    /// From now on the name belongs to somebody. False when it did so already.
    pub fn register(&self, name: &UserName) -> bool {
        let mut owners = self.owners.lock();
        let free = !owners.contains_key(&Likeness::of(name));
        if free {
            owners.insert(Likeness::of(name), name.clone());
        }
        free
    }
}
