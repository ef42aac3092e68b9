//! The display names of registered users.
//!
//! A mutex over a map, a leaf; it is not held while waiting for the store. All are in memory, read from the store at the
//! start; a change is stored first.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chat::{DisplayName, FoldedName, StoreFailed, UserName};
use crate::store::accounts::AccountStore;

/// See the module.
pub struct DisplayNames {
    accounts: Arc<dyn AccountStore>,
    by_name: Mutex<HashMap<FoldedName, DisplayName>>,
}

impl DisplayNames {
    /// These display names; changes are stored in `accounts`.
    #[must_use]
    pub fn new(accounts: Arc<dyn AccountStore>, known: Vec<(UserName, DisplayName)>) -> Self {
        let by_name = known.into_iter().map(|(user, name)| (FoldedName::of(&user), name)).collect();
        Self { accounts, by_name: Mutex::new(by_name) }
    }

    /// The user's display name, if it has one. Does not block.
    #[must_use]
    pub fn of(&self, user: &UserName) -> Option<DisplayName> {
        self.by_name.lock().get(&FoldedName::of(user)).cloned()
    }

    /// Sets the display name of a registered user, or removes it. Waits for the store. False: the user is not registered.
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn set(&self, user: &UserName, name: Option<DisplayName>) -> Result<bool, StoreFailed> {
        if !self.accounts.set_display_name(user, name.as_ref())? {
            return Ok(false);
        }
        self.stored(user, name);
        Ok(true)
    }

    /// Takes over what the store has.
    pub fn stored(&self, user: &UserName, name: Option<DisplayName>) {
        let mut by_name = self.by_name.lock();
        match name {
            Some(name) => by_name.insert(FoldedName::of(user), name),
            None => by_name.remove(&FoldedName::of(user)),
        };
    }

    /// Forgets that of a name which is registered no more.
    pub fn forget(&self, user: &UserName) {
        self.by_name.lock().remove(&FoldedName::of(user));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Time;
    use crate::store::accounts::{Account, MemoryAccounts};

    #[test]
    fn a_display_name_is_stored_until_it_is_removed_or_its_name_given_up() {
        let accounts = Arc::new(MemoryAccounts::default());
        let (alice, nobody) = (UserName::parse("Alice").unwrap(), UserName::parse("Nobody").unwrap());
        accounts.register(&Account { name: alice.clone(), since: Time(1) }, None).unwrap();
        let names = DisplayNames::new(Arc::clone(&accounts) as _, Vec::new());
        let called = DisplayName::parse("Alice B.").unwrap();
        assert_eq!(names.set(&nobody, Some(called.clone())), Ok(false));
        assert_eq!(names.of(&nobody), None);
        assert_eq!(names.set(&alice, Some(called.clone())), Ok(true));
        assert_eq!(names.of(&UserName::parse("aLICE").unwrap()), Some(called.clone()));
        let again = DisplayNames::new(Arc::clone(&accounts) as _, accounts.display_names().unwrap());
        assert_eq!(again.of(&alice), Some(called));
        names.forget(&alice);
        assert_eq!(names.of(&alice), None);
        assert_eq!((again.set(&alice, None), again.of(&alice)), (Ok(true), None));
    }
}
