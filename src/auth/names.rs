//! The registered names, under any spelling.
//!
//! One mutex over a map, a leaf; it is not held while waiting for the store. A claim reserves the name first, checks
//! then whether it is in use, and stores it last. A guest connects first and checks then whether the name is
//! registered. So of a claim and a guest at the same moment, at least one sees the other.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chat::{Code, FoldedName, Refusal, StoreFailed, UserName};
use crate::store::accounts::{Account, AccountStore};

/// Registered names, at most: some hundred bytes each. Beyond it none is registered.
const NAMES_MAX: usize = 1_000_000;

/// See the module.
pub struct Names {
    accounts: Arc<dyn AccountStore>,
    owners: Mutex<HashMap<FoldedName, Account>>,
}

impl Names {
    /// These names; further ones are stored in `accounts`.
    #[must_use]
    pub fn new(accounts: Arc<dyn AccountStore>, known: Vec<Account>) -> Self {
        let owners = known.into_iter().map(|account| (FoldedName::of(&account.name), account));
        Self { accounts, owners: Mutex::new(owners.collect()) }
    }

    /// The account with this name, as its owner spells it; `None`: it is not registered. Does not block.
    #[must_use]
    pub fn owner(&self, name: &UserName) -> Option<Account> {
        self.owners.lock().get(&FoldedName::of(name)).cloned()
    }

    /// Registers a name. `Some`: it was registered already, perhaps in another spelling. Waits for the store.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn register(&self, account: &Account) -> Result<Option<Account>, Refusal> {
        if let Some(known) = self.reserve(account)? {
            return Ok(Some(known));
        }
        self.store(account)
    }

    /// Registers a name that is free and, as `in_use` says, not in use. Waits for the store.
    ///
    /// # Errors
    /// `name_taken`, or `unavailable`.
    pub fn claim(&self, account: &Account, in_use: impl FnOnce() -> bool) -> Result<(), Refusal> {
        let taken = || taken(&account.name);
        if self.reserve(account)?.is_some() {
            return Err(taken());
        }
        if in_use() {
            self.release(account);
            return Err(taken());
        }
        if self.store(account)?.is_some() { Err(taken()) } else { Ok(()) }
    }

    /// Reserves the name, in memory alone. `Some`: it is registered.
    fn reserve(&self, account: &Account) -> Result<Option<Account>, Refusal> {
        let folded = FoldedName::of(&account.name);
        let mut owners = self.owners.lock();
        if let Some(known) = owners.get(&folded) {
            return Ok(Some(known.clone()));
        }
        if owners.len() >= NAMES_MAX {
            let message = format!("{NAMES_MAX} names are registered, which is the limit");
            return Err(Refusal::new(Code::Unavailable, message));
        }
        owners.insert(folded, account.clone());
        Ok(None)
    }

    /// Stores a reserved name. Another program may have registered it in the file meanwhile.
    fn store(&self, account: &Account) -> Result<Option<Account>, Refusal> {
        match self.accounts.register(account) {
            Ok(known) => {
                if let Some(known) = &known {
                    self.owners.lock().insert(FoldedName::of(&account.name), known.clone());
                }
                Ok(known)
            }
            Err(failed) => {
                self.release(account);
                Err(unavailable(failed))
            }
        }
    }

    fn release(&self, account: &Account) {
        self.owners.lock().remove(&FoldedName::of(&account.name));
    }
}

/// The refusal of a name that somebody else has registered or uses.
#[must_use]
pub fn taken(name: &UserName) -> Refusal {
    Refusal::new(Code::NameTaken, format!("The name {name} is taken"))
}

pub(super) fn unavailable(StoreFailed: StoreFailed) -> Refusal {
    Refusal::new(Code::Unavailable, "It could not be stored; try again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Time;
    use crate::store::accounts::{MemoryAccounts, ServerKey};

    /// A store that fails.
    struct Broken;

    impl AccountStore for Broken {
        fn accounts(&self) -> Result<Vec<Account>, StoreFailed> {
            Err(StoreFailed)
        }
        fn register(&self, _: &Account) -> Result<Option<Account>, StoreFailed> {
            Err(StoreFailed)
        }
        fn keys(&self) -> Result<Vec<ServerKey>, StoreFailed> {
            Err(StoreFailed)
        }
        fn add_key(&self, _: &ServerKey) -> Result<(), StoreFailed> {
            Err(StoreFailed)
        }
        fn extend_key(&self, _: &str, _: Time) -> Result<(), StoreFailed> {
            Err(StoreFailed)
        }
    }

    fn account(name: &str) -> Account {
        Account { name: UserName::parse(name).unwrap(), since: Time(1) }
    }

    fn names() -> Names {
        Names::new(Arc::new(MemoryAccounts::default()), vec![account("Alice")])
    }

    fn code<T>(result: Result<T, Refusal>) -> Option<Code> {
        result.err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_name_is_claimed_once_in_whatever_spelling() {
        let names = names();
        assert_eq!(code(names.claim(&account("aLiCe"), || false)), Some(Code::NameTaken));
        assert_eq!(code(names.claim(&account("Bob"), || false)), None);
        assert_eq!(code(names.claim(&account("bob"), || false)), Some(Code::NameTaken));
        assert_eq!(names.owner(&account("BOB").name), Some(account("Bob")));
    }

    #[test]
    fn a_name_in_use_stays_free() {
        let names = names();
        assert_eq!(code(names.claim(&account("Bob"), || true)), Some(Code::NameTaken));
        assert_eq!(names.owner(&account("Bob").name), None);
        assert_eq!(code(names.claim(&account("Bob"), || false)), None);
    }

    #[test]
    fn a_name_that_is_being_claimed_counts_as_registered() {
        let names = names();
        let seen = names.claim(&account("Bob"), || names.owner(&account("bob").name).is_none());
        assert_eq!(code(seen), None);
    }

    #[test]
    fn a_name_that_could_not_be_stored_stays_free() {
        let names = Names::new(Arc::new(Broken), Vec::new());
        assert_eq!(code(names.claim(&account("Bob"), || false)), Some(Code::Unavailable));
        assert_eq!(names.owner(&account("Bob").name), None);
    }

    #[test]
    fn a_name_that_another_program_has_registered_is_learnt() {
        let accounts = Arc::new(MemoryAccounts::default());
        let names = Names::new(Arc::clone(&accounts) as _, Vec::new());
        accounts.register(&account("Bob")).unwrap();
        assert_eq!(code(names.claim(&account("BOB"), || false)), Some(Code::NameTaken));
        assert_eq!(names.owner(&account("BOB").name), Some(account("Bob")));
    }
}
