//! Accounts and keys: the names that belong to a user, and the keys with which the server signs tokens.
//!
//! `auth` reads all of it at start and keeps it in memory; what outlives the process is here. Written on the thread of
//! the connection that registers a name, which waits.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chat::{FoldedName, StoreFailed, Time, UserName};

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

    /// Registers a name. `Some`: it was registered already, in this or another spelling.
    ///
    /// # Errors
    /// It is not registered.
    fn register(&self, account: &Account) -> Result<Option<Account>, StoreFailed>;

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
}

/// Accounts and keys that last as long as the process.
#[derive(Default)]
pub struct MemoryAccounts {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accounts: Vec<(FoldedName, Account)>,
    keys: Vec<ServerKey>,
}

impl AccountStore for MemoryAccounts {
    fn accounts(&self) -> Result<Vec<Account>, StoreFailed> {
        Ok(self.state.lock().accounts.iter().map(|(_, account)| account.clone()).collect())
    }

    fn register(&self, account: &Account) -> Result<Option<Account>, StoreFailed> {
        let folded = FoldedName::of(&account.name);
        let mut state = self.state.lock();
        if let Some((_, known)) = state.accounts.iter().find(|(known, _)| *known == folded) {
            return Ok(Some(known.clone()));
        }
        state.accounts.push((folded, account.clone()));
        Ok(None)
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
}
