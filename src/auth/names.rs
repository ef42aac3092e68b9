//! The names that belong to somebody, under any spelling.
//!
//! One mutex over a map, a leaf; nobody waits for the store under it. A claim takes the name first, looks
//! then whether somebody uses it, and has it stored last. A guest comes in first and looks then whether
//! the name is taken. So of a claim and a guest at the same moment, at least one sees the other.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chat::record::StoreFailed;
use crate::chat::{Code, Likeness, Refusal, UserName};
use crate::store::registry::{Owned, Registry};

/// Names that belong to somebody, at most: some hundred bytes each. Beyond it none is registered.
const NAMES_MAX: usize = 1_000_000;

/// See the module.
pub struct Names {
    registry: Arc<dyn Registry>,
    owners: Mutex<HashMap<Likeness, Owned>>,
}

impl Names {
    /// These names; further ones are kept in `registry`.
    #[must_use]
    pub fn new(registry: Arc<dyn Registry>, known: Vec<Owned>) -> Self {
        let owners = known.into_iter().map(|owned| (Likeness::of(&owned.name), owned));
        Self { registry, owners: Mutex::new(owners.collect()) }
    }

    /// Whose name it is, as its owner spells it; `None` when it belongs to nobody. Does not block.
    #[must_use]
    pub fn owner(&self, name: &UserName) -> Option<Owned> {
        self.owners.lock().get(&Likeness::of(name)).cloned()
    }

    /// Registers a name. `Some`: it belongs to somebody already, perhaps in another spelling. Waits for
    /// the store.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn register(&self, owned: &Owned) -> Result<Option<Owned>, Refusal> {
        if let Some(known) = self.take(owned)? {
            return Ok(Some(known));
        }
        self.store(owned)
    }

    /// Registers a name that nobody has and nobody uses, as `in_use` says. Waits for the store.
    ///
    /// # Errors
    /// `name_taken`, or `unavailable`.
    pub fn claim(&self, owned: &Owned, in_use: impl FnOnce() -> bool) -> Result<(), Refusal> {
        let taken = || taken(&owned.name);
        if self.take(owned)?.is_some() {
            return Err(taken());
        }
        if in_use() {
            self.give_back(owned);
            return Err(taken());
        }
        if self.store(owned)?.is_some() { Err(taken()) } else { Ok(()) }
    }

    /// Takes the name, in memory alone. `Some`: it is taken.
    fn take(&self, owned: &Owned) -> Result<Option<Owned>, Refusal> {
        let likeness = Likeness::of(&owned.name);
        let mut owners = self.owners.lock();
        if let Some(known) = owners.get(&likeness) {
            return Ok(Some(known.clone()));
        }
        if owners.len() >= NAMES_MAX {
            let message = format!("{NAMES_MAX} names are registered, which is the limit");
            return Err(Refusal::new(Code::Unavailable, message));
        }
        owners.insert(likeness, owned.clone());
        Ok(None)
    }

    /// Keeps a name that was taken. Another program may have registered it in the file meanwhile.
    fn store(&self, owned: &Owned) -> Result<Option<Owned>, Refusal> {
        match self.registry.register(owned) {
            Ok(known) => {
                if let Some(known) = &known {
                    self.owners.lock().insert(Likeness::of(&owned.name), known.clone());
                }
                Ok(known)
            }
            Err(failed) => {
                self.give_back(owned);
                Err(unavailable(failed))
            }
        }
    }

    fn give_back(&self, owned: &Owned) {
        self.owners.lock().remove(&Likeness::of(&owned.name));
    }
}

/// The name belongs to, or is used by, somebody else.
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
    use crate::store::registry::{Forgetful, ServerKey};

    /// A store that fails.
    struct Broken;

    impl Registry for Broken {
        fn names(&self) -> Result<Vec<Owned>, StoreFailed> {
            Err(StoreFailed)
        }
        fn register(&self, _: &Owned) -> Result<Option<Owned>, StoreFailed> {
            Err(StoreFailed)
        }
        fn keys(&self) -> Result<Vec<ServerKey>, StoreFailed> {
            Err(StoreFailed)
        }
        fn add_key(&self, _: &ServerKey) -> Result<(), StoreFailed> {
            Err(StoreFailed)
        }
        fn signs(&self, _: &str, _: Time) -> Result<(), StoreFailed> {
            Err(StoreFailed)
        }
    }

    fn owned(name: &str) -> Owned {
        Owned { name: UserName::parse(name).unwrap(), since: Time(1) }
    }

    fn names() -> Names {
        Names::new(Arc::new(Forgetful::default()), vec![owned("Alice")])
    }

    fn code<T>(result: Result<T, Refusal>) -> Option<Code> {
        result.err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_name_is_claimed_once_in_whatever_spelling() {
        let names = names();
        assert_eq!(code(names.claim(&owned("aLiCe"), || false)), Some(Code::NameTaken));
        assert_eq!(code(names.claim(&owned("Bob"), || false)), None);
        assert_eq!(code(names.claim(&owned("bob"), || false)), Some(Code::NameTaken));
        assert_eq!(names.owner(&owned("BOB").name), Some(owned("Bob")));
    }

    #[test]
    fn a_name_that_somebody_uses_stays_free() {
        let names = names();
        assert_eq!(code(names.claim(&owned("Bob"), || true)), Some(Code::NameTaken));
        assert_eq!(names.owner(&owned("Bob").name), None);
        assert_eq!(code(names.claim(&owned("Bob"), || false)), None);
    }

    #[test]
    fn a_name_that_is_being_claimed_is_taken_for_those_who_look() {
        let names = names();
        let seen = names.claim(&owned("Bob"), || names.owner(&owned("bob").name).is_none());
        assert_eq!(code(seen), None);
    }

    #[test]
    fn a_name_that_could_not_be_stored_stays_free() {
        let names = Names::new(Arc::new(Broken), Vec::new());
        assert_eq!(code(names.claim(&owned("Bob"), || false)), Some(Code::Unavailable));
        assert_eq!(names.owner(&owned("Bob").name), None);
    }

    #[test]
    fn a_name_that_another_program_has_stored_is_learnt() {
        let registry = Arc::new(Forgetful::default());
        let names = Names::new(Arc::clone(&registry) as _, Vec::new());
        registry.register(&owned("Bob")).unwrap();
        assert_eq!(code(names.claim(&owned("BOB"), || false)), Some(Code::NameTaken));
        assert_eq!(names.owner(&owned("BOB").name), Some(owned("Bob")));
    }
}
