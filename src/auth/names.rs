//! The registered names, under any spelling.
//!
//! A mutex over each map, a leaf; none is held while waiting for the store. A claim reserves the name first, checks
//! then whether it is in use, and stores it last. A guest connects first and checks then whether the name is
//! registered. So of a claim and a guest at the same moment, at least one sees the other.

mod release;
mod subjects;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

pub use release::NameRelease;

use crate::chat::device::Device;
use crate::chat::{Code, FoldedName, Refusal, StoreFailed, Time, UserName};
use crate::store::accounts::{Account, AccountStore};

/// Registered names, at most: some hundred bytes each. Beyond it none is registered.
const NAMES_MAX: usize = 1_000_000;

/// A use is noted when the last one is so long ago.
const USE_NOTED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// A name that was not used for so long gives its place to a new one when there is no other.
const UNUSED_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// See the module.
pub struct Names {
    accounts: Arc<dyn AccountStore>,
    pub(super) owners: Mutex<HashMap<FoldedName, Owner>>,
    /// The issuer's subject behind each name that has one.
    subjects: Mutex<HashMap<FoldedName, Arc<str>>>,
    /// Registered names, at most.
    names_max: usize,
}

/// A registered name.
pub(super) struct Owner {
    pub(super) account: Account,
    /// When its owner last used it, to a day.
    pub(super) used: Time,
    /// It is about to be given up: nobody is put on a list under it.
    leaving: bool,
    /// Whose it is to be, while it is not bound yet.
    binding: Option<Arc<str>>,
}

impl Owner {
    fn new(account: Account) -> Self {
        Self { used: account.since, account, leaving: false, binding: None }
    }
}

impl Names {
    /// These names; further ones are stored in `accounts`.
    #[must_use]
    pub fn new(accounts: Arc<dyn AccountStore>, known: Vec<Account>) -> Self {
        let owners = known.into_iter().map(|account| (FoldedName::of(&account.name), Owner::new(account)));
        Self { accounts, owners: Mutex::new(owners.collect()), subjects: Mutex::default(), names_max: NAMES_MAX }
    }

    /// With what is known of when the names were used.
    #[must_use]
    pub fn with_uses(mut self, uses: Vec<(UserName, Time)>) -> Self {
        for (name, at) in uses {
            if let Some(owner) = self.owners.get_mut().get_mut(&FoldedName::of(&name)) {
                owner.used = owner.used.max(at);
            }
        }
        self
    }

    /// The account with this name, as its owner spells it; `None`: it is not registered. Does not block.
    #[must_use]
    pub fn owner(&self, name: &UserName) -> Option<Account> {
        self.owners.lock().get(&FoldedName::of(name)).map(|owner| owner.account.clone())
    }

    /// The same for somebody who is to be put on a list: not of a name that is being given up. Does not block.
    #[must_use]
    pub fn lasting_owner(&self, name: &UserName) -> Option<Account> {
        let owners = self.owners.lock();
        owners.get(&FoldedName::of(name)).filter(|owner| !owner.leaving).map(|owner| owner.account.clone())
    }

    /// Notes that a name is used. Once a day this waits for the store; what cannot be stored is noted the next time.
    pub fn note_use(&self, name: &UserName, now: Time) {
        {
            let mut owners = self.owners.lock();
            let Some(owner) = owners.get_mut(&FoldedName::of(name)) else { return };
            if owner.used.after(USE_NOTED_AFTER) > now {
                return;
            }
            owner.used = now;
        }
        if self.accounts.note_use(name, now).is_err() {
            log::warn!(user = name.as_str(); "the use of a name could not be noted");
        }
    }

    /// The name that has to be given up so that this one can be registered: the same, if it was not used for
    /// `retained` (zero: forever); or, where no further name can be registered, the one that was not used for longest.
    /// Where none is to be found this walks over all names.
    #[must_use]
    pub fn obstacle(&self, name: &UserName, retained: Duration, now: Time) -> Option<UserName> {
        let owners = self.owners.lock();
        if let Some(owner) = owners.get(&FoldedName::of(name)) {
            let lapsed = !retained.is_zero() && owner.used.after(retained) <= now;
            return lapsed.then(|| owner.account.name.clone());
        }
        if owners.len() < self.names_max {
            return None;
        }
        let unused = owners.values().filter(|owner| !owner.leaving && owner.used.after(UNUSED_AFTER) <= now);
        unused.min_by_key(|owner| owner.used).map(|owner| owner.account.name.clone())
    }

    /// Begins to give a name up: from now on nobody is put on a list under it, and it stays taken until the
    /// release is finished. `None`: it is not registered, or being given up already.
    #[must_use]
    pub fn leave(&self, name: &UserName) -> Option<NameRelease<'_>> {
        let folded = FoldedName::of(name);
        let mut owners = self.owners.lock();
        let owner = owners.get_mut(&folded).filter(|owner| !owner.leaving)?;
        owner.leaving = true;
        Some(NameRelease { names: self, folded, name: owner.account.name.clone() })
    }

    /// Takes over what another server has made of a name; what it was before. Does not block.
    pub(super) fn take_over(&self, name: &UserName, account: Option<Account>) -> Option<Account> {
        let folded = FoldedName::of(name);
        let before = match account {
            Some(account) => {
                let mut owners = self.owners.lock();
                match owners.get(&folded) {
                    Some(known) if known.account == account => return Some(account),
                    _ => owners.insert(folded.clone(), Owner::new(account)),
                }
            }
            None => self.owners.lock().remove(&folded),
        };
        if before.is_some() {
            // It was bound for another registration.
            self.subjects.lock().remove(&folded);
        }
        before.map(|owner| owner.account)
    }

    /// Where they are kept.
    #[must_use]
    pub fn accounts(&self) -> &dyn AccountStore {
        &*self.accounts
    }

    /// Registers a name. `Some`: it was registered already, perhaps in another spelling. Waits for the store.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn register(&self, account: &Account) -> Result<Option<Account>, Refusal> {
        if let Some(known) = self.reserve(account, None)? {
            return Ok(Some(known));
        }
        self.store(account, None)
    }

    /// Registers a name that is free and, as `in_use` says, not in use, with its first device. Waits for the store.
    ///
    /// # Errors
    /// `name_taken`, or `unavailable`.
    pub fn claim(&self, account: &Account, first: &Device, in_use: impl FnOnce() -> bool) -> Result<(), Refusal> {
        let taken = || taken(&account.name);
        if self.reserve(account, None)?.is_some() {
            return Err(taken());
        }
        if in_use() {
            self.release(account);
            return Err(taken());
        }
        if self.store(account, Some(first))?.is_some() { Err(taken()) } else { Ok(()) }
    }

    /// Reserves the name, in memory alone, perhaps for a subject. `Some`: it is registered.
    fn reserve(&self, account: &Account, binding: Option<Arc<str>>) -> Result<Option<Account>, Refusal> {
        let folded = FoldedName::of(&account.name);
        let mut owners = self.owners.lock();
        if let Some(known) = owners.get(&folded) {
            return Ok(Some(known.account.clone()));
        }
        if owners.len() >= self.names_max {
            let message = format!("{} names are registered, which is the limit", self.names_max);
            return Err(Refusal::new(Code::Unavailable, message));
        }
        owners.insert(folded, Owner { binding, ..Owner::new(account.clone()) });
        Ok(None)
    }

    /// Stores a reserved name. Another program may have registered it in the file meanwhile.
    fn store(&self, account: &Account, first: Option<&Device>) -> Result<Option<Account>, Refusal> {
        match self.accounts.register(account, first) {
            Ok(known) => {
                if let Some(known) = &known {
                    self.owners.lock().insert(FoldedName::of(&account.name), Owner::new(known.clone()));
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
    use crate::chat::device::DeviceId;
    use crate::chat::{Bookmark, DisplayName, NotificationLevel, RoomName, Time};
    use crate::store::accounts::{MemoryAccounts, ServerKey};

    /// A store that fails.
    struct Broken;

    impl AccountStore for Broken {
        fn accounts(&self) -> Result<Vec<Account>, StoreFailed> {
            Err(StoreFailed)
        }
        fn register(&self, _: &Account, _: Option<&Device>) -> Result<Option<Account>, StoreFailed> {
            Err(StoreFailed)
        }
        fn devices(&self) -> Result<Vec<(UserName, Device)>, StoreFailed> {
            Err(StoreFailed)
        }
        fn put_device(&self, _: &UserName, _: &Device) -> Result<bool, StoreFailed> {
            Err(StoreFailed)
        }
        fn remove_device(&self, _: &UserName, _: DeviceId) -> Result<bool, StoreFailed> {
            Err(StoreFailed)
        }
        fn subjects(&self) -> Result<Vec<(UserName, Arc<str>)>, StoreFailed> {
            Err(StoreFailed)
        }
        fn bind_subject(&self, _: &UserName, _: &Arc<str>) -> Result<Arc<str>, StoreFailed> {
            Err(StoreFailed)
        }
        fn unregister(&self, _: &UserName) -> Result<bool, StoreFailed> {
            Err(StoreFailed)
        }
        fn note_use(&self, _: &UserName, _: Time) -> Result<(), StoreFailed> {
            Err(StoreFailed)
        }
        fn display_names(&self) -> Result<Vec<(UserName, DisplayName)>, StoreFailed> {
            Err(StoreFailed)
        }
        fn set_display_name(&self, _: &UserName, _: Option<&DisplayName>) -> Result<bool, StoreFailed> {
            Err(StoreFailed)
        }
        fn uses(&self) -> Result<Vec<(UserName, Time)>, StoreFailed> {
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
        fn remove_key(&self, _: &str) -> Result<bool, StoreFailed> {
            Err(StoreFailed)
        }
        fn bookmarks(&self, _: &UserName) -> Result<Vec<Bookmark>, StoreFailed> {
            Err(StoreFailed)
        }
        fn set_bookmark(
            &self,
            _: &UserName,
            _: &RoomName,
            _: Option<NotificationLevel>,
        ) -> Result<Option<NotificationLevel>, StoreFailed> {
            Err(StoreFailed)
        }
        fn remove_bookmark(&self, _: &UserName, _: &RoomName) -> Result<bool, StoreFailed> {
            Err(StoreFailed)
        }
    }

    fn account(name: &str) -> Account {
        Account { name: UserName::parse(name).unwrap(), since: Time(1) }
    }

    fn device() -> Device {
        Device { id: DeviceId(7), label: None, created: Time(1), seen: None }
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
        assert_eq!(code(names.claim(&account("aLiCe"), &device(), || false)), Some(Code::NameTaken));
        assert_eq!(code(names.claim(&account("Bob"), &device(), || false)), None);
        assert_eq!(code(names.claim(&account("bob"), &device(), || false)), Some(Code::NameTaken));
        assert_eq!(names.owner(&account("BOB").name), Some(account("Bob")));
    }

    #[test]
    fn a_name_in_use_stays_free() {
        let names = names();
        assert_eq!(code(names.claim(&account("Bob"), &device(), || true)), Some(Code::NameTaken));
        assert_eq!(names.owner(&account("Bob").name), None);
        assert_eq!(code(names.claim(&account("Bob"), &device(), || false)), None);
    }

    #[test]
    fn a_name_that_is_being_claimed_counts_as_registered() {
        let names = names();
        let seen = names.claim(&account("Bob"), &device(), || names.owner(&account("bob").name).is_none());
        assert_eq!(code(seen), None);
    }

    #[test]
    fn a_name_that_could_not_be_stored_stays_free() {
        let names = Names::new(Arc::new(Broken), Vec::new());
        assert_eq!(code(names.claim(&account("Bob"), &device(), || false)), Some(Code::Unavailable));
        assert_eq!(names.owner(&account("Bob").name), None);
    }

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn free(names: &Names, name: &str) {
        names.leave(&account(name).name).unwrap().finish().unwrap();
    }

    #[test]
    fn a_name_that_is_given_up_is_free_when_its_release_is_finished() {
        let names = names();
        let alice = account("Alice").name;
        let release = names.leave(&account("ALICE").name).unwrap();
        assert_eq!(release.name(), &alice);
        assert!(names.owner(&alice).is_some() && names.lasting_owner(&alice).is_none());
        assert_eq!(code(names.claim(&account("alice"), &device(), || false)), Some(Code::NameTaken));
        assert!(names.leave(&alice).is_none());
        drop(release);
        assert!(names.lasting_owner(&alice).is_some(), "a release that is not finished has not happened");
        free(&names, "Alice");
        assert_eq!(names.owner(&alice), None);
        assert_eq!(code(names.claim(&account("aLiCe"), &device(), || false)), None);
        assert_eq!(names.lasting_owner(&alice), Some(account("aLiCe")));
    }

    #[test]
    fn a_name_that_could_not_be_given_up_stays_registered() {
        let names = Names::new(Arc::new(Broken), vec![account("Alice")]);
        let alice = account("Alice").name;
        assert_eq!(code(names.leave(&alice).unwrap().finish()), Some(Code::Unavailable));
        assert_eq!(names.lasting_owner(&alice), Some(account("Alice")));
    }

    #[test]
    fn a_name_that_its_owner_does_not_use_lapses_and_one_that_is_used_does_not() {
        let names = names();
        let (alice, start) = (account("Alice").name, Time(1));
        assert_eq!(names.obstacle(&alice, 10 * DAY, start.after(9 * DAY)), None);
        assert_eq!(names.obstacle(&alice, 10 * DAY, start.after(10 * DAY)), Some(alice.clone()));
        assert_eq!(names.obstacle(&alice, Duration::ZERO, start.after(10_000 * DAY)), None);
        names.note_use(&alice, start.after(9 * DAY));
        assert_eq!(names.obstacle(&alice, 10 * DAY, start.after(18 * DAY)), None);
        assert_eq!(names.obstacle(&alice, 10 * DAY, start.after(19 * DAY)), Some(alice.clone()));
        // It is known also after a restart.
        let again = Names::new(Arc::clone(&names.accounts), vec![account("Alice")]);
        let again = again.with_uses(names.accounts.uses().unwrap());
        assert_eq!(again.obstacle(&alice, 10 * DAY, start.after(18 * DAY)), None);
    }

    #[test]
    fn where_all_names_are_registered_the_longest_unused_gives_its_place() {
        let start = Time(1);
        let mut names = Names::new(Arc::new(MemoryAccounts::default()), ["Ann", "Ben", "Cem"].map(account).to_vec());
        names.names_max = 3;
        names.note_use(&account("Ann").name, start.after(2 * DAY));
        names.note_use(&account("Cem").name, start.after(3 * DAY));
        let new = account("Dora").name;
        assert_eq!(names.obstacle(&new, Duration::ZERO, start.after(29 * DAY)), None);
        assert_eq!(code(names.claim(&account("Dora"), &device(), || false)), Some(Code::Unavailable));
        let ben = names.obstacle(&new, Duration::ZERO, start.after(40 * DAY)).unwrap();
        assert_eq!(ben, account("Ben").name);
        free(&names, "Ben");
        let dora = Account { since: start.after(40 * DAY), ..account("Dora") };
        assert_eq!(code(names.claim(&dora, &device(), || false)), None);
        assert_eq!(names.obstacle(&account("Emil").name, DAY, start.after(40 * DAY)), Some(account("Ann").name));
    }

    #[test]
    fn the_first_subject_that_comes_with_a_name_keeps_it() {
        let accounts = Arc::new(MemoryAccounts::default());
        let names = Names::new(Arc::clone(&accounts) as _, vec![account("Alice"), account("Bob")]);
        let bind = |names: &Names, name: &str, subject: &str| names.bind(&account(name).name, &subject.into());
        assert_eq!(bind(&names, "Alice", "one"), Ok(true));
        assert_eq!(bind(&names, "Alice", "one"), Ok(true));
        assert_eq!(bind(&names, "alice", "two"), Ok(false));
        assert_eq!(bind(&names, "Bob", "two"), Ok(true));
        let again = Names::new(Arc::clone(&accounts) as _, Vec::new()).with_subjects(accounts.subjects().unwrap());
        assert_eq!((bind(&again, "Alice", "one"), bind(&again, "Alice", "two")), (Ok(true), Ok(false)));
        // One that came through another program meanwhile.
        let late = Names::new(accounts as _, Vec::new());
        assert_eq!(bind(&late, "Bob", "three"), Ok(false));
        assert_eq!(
            code(Names::new(Arc::new(Broken), Vec::new()).bind(&account("Bob").name, &"x".into())),
            Some(Code::Unavailable)
        );
    }

    #[test]
    fn a_name_that_another_program_has_registered_is_learnt() {
        let accounts = Arc::new(MemoryAccounts::default());
        let names = Names::new(Arc::clone(&accounts) as _, Vec::new());
        accounts.register(&account("Bob"), None).unwrap();
        assert_eq!(code(names.claim(&account("BOB"), &device(), || false)), Some(Code::NameTaken));
        assert_eq!(names.owner(&account("BOB").name), Some(account("Bob")));
    }
}
