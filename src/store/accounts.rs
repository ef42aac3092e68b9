//! Accounts and keys: the names that belong to a user, what is kept for them, and the keys with which the server signs
//! tokens.
//!
//! `auth` reads all of it at start and keeps it in memory; what outlives the process is here. Written on the thread of
//! the connection that registers a name, which waits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chat::bookmark::{BOOKMARKS_MAX, Bookmark, NotificationLevel};
use crate::chat::device::{Device, DeviceId};
use crate::chat::{DisplayName, FoldedName, RoomName, StoreFailed, Time, UserName};

/// A registered name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// As its owner spells it.
    pub name: UserName,
    /// Since when: earlier messages to the name were for somebody else.
    pub since: Time,
}

/// A key that signs tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// The key's id in tokens: hexadecimal digits.
    pub kid: Arc<str>,
    /// The key itself, which is never shown.
    pub secret: [u8; 32],
    /// When it was created.
    pub made: Time,
    /// When the last token that it has signed expires.
    pub until: Time,
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {}", self.kid)
    }
}

impl ServerKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn draw(now: Time) -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self { kid: format!("{:016x}", getrandom::u64()?).into(), secret, made: now, until: Time(0) })
    }
}

/// Keeps accounts and keys. Each call may block on a disk.
pub trait AccountStore: Send + Sync {
    /// The accounts, in any order.
    ///
    /// # Errors
    /// They cannot be read now.
    fn accounts(&self) -> Result<Vec<Account>, StoreFailed>;

    /// Registers a name, with its first device if it is claimed. `Some`: it was registered already, in this or another
    /// spelling, and nothing has changed.
    ///
    /// # Errors
    /// It is not registered.
    fn register(&self, account: &Account, first: Option<&Device>) -> Result<Option<Account>, StoreFailed>;

    /// The subjects of an issuer that are bound to names, in any order.
    ///
    /// # Errors
    /// They cannot be read now.
    fn subjects(&self) -> Result<Vec<(UserName, Arc<str>)>, StoreFailed>;

    /// Binds the name, in any spelling, to a subject of an issuer, unless it is bound already; returns the subject to
    /// which it is bound then.
    ///
    /// # Errors
    /// It is not bound.
    fn bind_subject(&self, name: &UserName, subject: &Arc<str>) -> Result<Arc<str>, StoreFailed>;

    /// Removes a name, and what belongs to it alone: its devices, its bookmarks, and which messages wait for it. False:
    /// it was not registered.
    /// Removes a name, and what belongs to it alone: its bookmarks, its display name, and which messages wait for it. False: it was not
    /// registered.
    ///
    /// # Errors
    /// It is still registered.
    fn unregister(&self, name: &UserName) -> Result<bool, StoreFailed>;

    /// Notes that the owner of a name has used it.
    ///
    /// # Errors
    /// It is not noted.
    fn note_use(&self, name: &UserName, at: Time) -> Result<(), StoreFailed>;

    /// The noted uses of names, in any order.
    ///
    /// # Errors
    /// They cannot be read now.
    fn uses(&self) -> Result<Vec<(UserName, Time)>, StoreFailed>;

    /// The devices of all names, in any order.
    ///
    /// # Errors
    /// They cannot be read now.
    fn devices(&self) -> Result<Vec<(UserName, Device)>, StoreFailed>;

    /// Adds a device of a registered name, in any spelling, or replaces the one of its id. False: the name is not
    /// registered.
    ///
    /// # Errors
    /// Nothing has changed.
    fn put_device(&self, name: &UserName, device: &Device) -> Result<bool, StoreFailed>;

    /// Removes a device of a name, in any spelling; whether there was one.
    ///
    /// # Errors
    /// Nothing has changed.
    fn remove_device(&self, name: &UserName, id: DeviceId) -> Result<bool, StoreFailed>;
    /// What registered users want to be called, in any order.
    ///
    /// # Errors
    /// They cannot be read now.
    fn display_names(&self) -> Result<Vec<(UserName, DisplayName)>, StoreFailed>;

    /// Sets what the owner of a name wants to be called, or removes it. False: the name is not registered.
    ///
    /// # Errors
    /// Nothing has changed.
    fn set_display_name(&self, user: &UserName, name: Option<&DisplayName>) -> Result<bool, StoreFailed>;

    /// The keys, the newest first: it is the one that signs.
    ///
    /// # Errors
    /// They cannot be read now.
    fn keys(&self) -> Result<Vec<ServerKey>, StoreFailed>;

    /// Adds a key, which signs from now on.
    ///
    /// # Errors
    /// It is not added.
    fn add_key(&self, key: &ServerKey) -> Result<(), StoreFailed>;

    /// Notes that the key is about to sign a token that expires at `until`.
    ///
    /// # Errors
    /// There is no such key, or it is not noted; the token must not be issued.
    fn extend_key(&self, kid: &str, until: Time) -> Result<(), StoreFailed>;

    /// Removes a key; whether there was one of this id.
    ///
    /// # Errors
    /// Nothing has changed.
    fn remove_key(&self, kid: &str) -> Result<bool, StoreFailed>;

    /// The bookmarks of a registered user, in the order of the rooms' names; and how far the user has read, where this
    /// store knows it.
    ///
    /// # Errors
    /// They cannot be read now.
    fn bookmarks(&self, user: &UserName) -> Result<Vec<Bookmark>, StoreFailed>;

    /// Adds a bookmark, or changes its level; `notify: None` leaves it as it is. Returns the level; `None`: the user has
    /// [`BOOKMARKS_MAX`] others.
    ///
    /// # Errors
    /// Nothing has changed.
    fn set_bookmark(
        &self,
        user: &UserName,
        room: &RoomName,
        notify: Option<NotificationLevel>,
    ) -> Result<Option<NotificationLevel>, StoreFailed>;

    /// Removes a bookmark; whether there was one.
    ///
    /// # Errors
    /// Nothing has changed.
    fn remove_bookmark(&self, user: &UserName, room: &RoomName) -> Result<bool, StoreFailed>;
}

/// Accounts and keys that last as long as the process.
#[derive(Default)]
pub struct MemoryAccounts {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accounts: Vec<(FoldedName, Account)>,
    subjects: Vec<(FoldedName, UserName, Arc<str>)>,
    keys: Vec<ServerKey>,
    uses: BTreeMap<UserName, Time>,
    devices: BTreeMap<(UserName, DeviceId), Device>,
    display_names: BTreeMap<UserName, DisplayName>,
    bookmarks: BTreeMap<UserName, BTreeMap<RoomName, NotificationLevel>>,
}

impl State {
    /// The name as it is registered.
    fn owner(&self, name: &UserName) -> Option<UserName> {
        let folded = FoldedName::of(name);
        self.accounts.iter().find(|(known, _)| *known == folded).map(|(_, account)| account.name.clone())
    }
}

impl AccountStore for MemoryAccounts {
    fn accounts(&self) -> Result<Vec<Account>, StoreFailed> {
        Ok(self.state.lock().accounts.iter().map(|(_, account)| account.clone()).collect())
    }

    fn register(&self, account: &Account, first: Option<&Device>) -> Result<Option<Account>, StoreFailed> {
        let folded = FoldedName::of(&account.name);
        let mut state = self.state.lock();
        if let Some((_, known)) = state.accounts.iter().find(|(known, _)| *known == folded) {
            return Ok(Some(known.clone()));
        }
        state.accounts.push((folded, account.clone()));
        state.devices.extend(first.map(|device| ((account.name.clone(), device.id), device.clone())));
        Ok(None)
    }

    fn subjects(&self) -> Result<Vec<(UserName, Arc<str>)>, StoreFailed> {
        let state = self.state.lock();
        Ok(state.subjects.iter().map(|(_, name, subject)| (name.clone(), Arc::clone(subject))).collect())
    }

    fn bind_subject(&self, name: &UserName, subject: &Arc<str>) -> Result<Arc<str>, StoreFailed> {
        let folded = FoldedName::of(name);
        let mut state = self.state.lock();
        if let Some((.., known)) = state.subjects.iter().find(|(known, ..)| *known == folded) {
            return Ok(Arc::clone(known));
        }
        state.subjects.push((folded, name.clone(), Arc::clone(subject)));
        Ok(Arc::clone(subject))
    }

    fn unregister(&self, name: &UserName) -> Result<bool, StoreFailed> {
        let folded = FoldedName::of(name);
        let mut state = self.state.lock();
        let owner = state.owner(name);
        state.devices.retain(|(user, _), _| Some(user) != owner.as_ref());
        let before = state.accounts.len();
        state.accounts.retain(|(known, _)| *known != folded);
        state.uses.remove(name);
        state.display_names.remove(name);
        state.subjects.retain(|(known, ..)| *known != folded);
        state.bookmarks.remove(name);
        Ok(state.accounts.len() < before)
    }

    fn note_use(&self, name: &UserName, at: Time) -> Result<(), StoreFailed> {
        self.state.lock().uses.insert(name.clone(), at);
        Ok(())
    }

    fn uses(&self) -> Result<Vec<(UserName, Time)>, StoreFailed> {
        Ok(self.state.lock().uses.iter().map(|(name, at)| (name.clone(), *at)).collect())
    }

    fn devices(&self) -> Result<Vec<(UserName, Device)>, StoreFailed> {
        Ok(self.state.lock().devices.iter().map(|((user, _), device)| (user.clone(), device.clone())).collect())
    }

    fn put_device(&self, name: &UserName, device: &Device) -> Result<bool, StoreFailed> {
        let mut state = self.state.lock();
        let Some(owner) = state.owner(name) else { return Ok(false) };
        state.devices.insert((owner, device.id), device.clone());
        Ok(true)
    }

    fn remove_device(&self, name: &UserName, id: DeviceId) -> Result<bool, StoreFailed> {
        let mut state = self.state.lock();
        let owner = state.owner(name);
        Ok(owner.is_some_and(|owner| state.devices.remove(&(owner, id)).is_some()))
    }

    fn display_names(&self) -> Result<Vec<(UserName, DisplayName)>, StoreFailed> {
        Ok(self.state.lock().display_names.iter().map(|(user, name)| (user.clone(), name.clone())).collect())
    }

    fn set_display_name(&self, user: &UserName, name: Option<&DisplayName>) -> Result<bool, StoreFailed> {
        let mut state = self.state.lock();
        let folded = FoldedName::of(user);
        let Some((_, account)) = state.accounts.iter().find(|(known, _)| *known == folded) else { return Ok(false) };
        let owner = account.name.clone();
        match name {
            Some(name) => state.display_names.insert(owner, name.clone()),
            None => state.display_names.remove(&owner),
        };
        Ok(true)
    }

    fn keys(&self) -> Result<Vec<ServerKey>, StoreFailed> {
        Ok(self.state.lock().keys.iter().rev().cloned().collect())
    }

    fn add_key(&self, key: &ServerKey) -> Result<(), StoreFailed> {
        self.state.lock().keys.push(key.clone());
        Ok(())
    }

    fn extend_key(&self, kid: &str, until: Time) -> Result<(), StoreFailed> {
        let mut state = self.state.lock();
        let key = state.keys.iter_mut().find(|key| &*key.kid == kid).ok_or(StoreFailed)?;
        key.until = key.until.max(until);
        Ok(())
    }

    fn remove_key(&self, kid: &str) -> Result<bool, StoreFailed> {
        let mut state = self.state.lock();
        let before = state.keys.len();
        state.keys.retain(|key| &*key.kid != kid);
        Ok(state.keys.len() < before)
    }

    fn bookmarks(&self, user: &UserName) -> Result<Vec<Bookmark>, StoreFailed> {
        let state = self.state.lock();
        let bookmarks = state.bookmarks.get(user).into_iter().flatten();
        Ok(bookmarks.map(|(room, notify)| Bookmark { room: room.clone(), notify: *notify, read: None }).collect())
    }

    fn set_bookmark(
        &self,
        user: &UserName,
        room: &RoomName,
        notify: Option<NotificationLevel>,
    ) -> Result<Option<NotificationLevel>, StoreFailed> {
        let mut state = self.state.lock();
        let bookmarks = state.bookmarks.entry(user.clone()).or_default();
        if bookmarks.len() >= BOOKMARKS_MAX && !bookmarks.contains_key(room) {
            return Ok(None);
        }
        let level = bookmarks.entry(room.clone()).or_default();
        *level = notify.unwrap_or(*level);
        Ok(Some(*level))
    }

    fn remove_bookmark(&self, user: &UserName, room: &RoomName) -> Result<bool, StoreFailed> {
        Ok(self.state.lock().bookmarks.get_mut(user).is_some_and(|bookmarks| bookmarks.remove(room).is_some()))
    }
}
