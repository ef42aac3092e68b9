//! What a server knows of its users beside what they say: the names that belong to somebody, and the
//! keys with which it signs their tokens.
//!
//! Read whole at start, and written on the thread of whoever registers. `auth` keeps what it has read
//! in memory; here is what outlives the process.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chat::{FoldedName, StoreFailed, Time, UserName};

/// A name that belongs to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// As its owner spells it.
    pub name: UserName,
    /// Since when: what was said to the name before was said to somebody else.
    pub since: Time,
}

/// A key that signs tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// Its name in the tokens: hexadecimal digits.
    pub kid: Arc<str>,
    /// The key itself. Never shown.
    pub secret: [u8; 32],
    /// When it was made.
    pub made: Time,
    /// When the last token ends that it has signed.
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

/// Keeps names and keys. Each call may block on a disk.
pub trait AccountStore: Send + Sync {
    /// Every name that belongs to somebody.
    ///
    /// # Errors
    /// It cannot be read now.
    fn names(&self) -> Result<Vec<Account>, StoreFailed>;

    /// Keeps that the name belongs to somebody. `Some`: it did so already, in this or another spelling.
    ///
    /// # Errors
    /// It is not kept.
    fn register(&self, account: &Account) -> Result<Option<Account>, StoreFailed>;

    /// The keys, the one that signs first.
    ///
    /// # Errors
    /// They cannot be read now.
    fn keys(&self) -> Result<Vec<ServerKey>, StoreFailed>;

    /// Adds a key, which signs from now on.
    ///
    /// # Errors
    /// It is not kept.
    fn add_key(&self, key: &ServerKey) -> Result<(), StoreFailed>;

    /// Notes that the key is about to sign a token that ends at `until`.
    ///
    /// # Errors
    /// It is not noted; the token must not be given away.
    fn signs(&self, kid: &str, until: Time) -> Result<(), StoreFailed>;
}

/// A registry that lasts as long as the process.
#[derive(Default)]
pub struct MemoryAccounts {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: Vec<(FoldedName, Account)>,
    keys: Vec<ServerKey>,
}

impl AccountStore for MemoryAccounts {
    fn names(&self) -> Result<Vec<Account>, StoreFailed> {
        Ok(self.state.lock().names.iter().map(|(_, account)| account.clone()).collect())
    }

    fn register(&self, account: &Account) -> Result<Option<Account>, StoreFailed> {
        let folded = FoldedName::of(&account.name);
        let mut state = self.state.lock();
        if let Some((_, known)) = state.names.iter().find(|(known, _)| *known == folded) {
            return Ok(Some(known.clone()));
        }
        state.names.push((folded, account.clone()));
        Ok(None)
    }

    fn keys(&self) -> Result<Vec<ServerKey>, StoreFailed> {
        Ok(self.state.lock().keys.iter().rev().cloned().collect())
    }

    fn add_key(&self, key: &ServerKey) -> Result<(), StoreFailed> {
        self.state.lock().keys.push(key.clone());
        Ok(())
    }

    fn signs(&self, kid: &str, until: Time) -> Result<(), StoreFailed> {
        let mut state = self.state.lock();
        let key = state.keys.iter_mut().find(|key| &*key.kid == kid).ok_or(StoreFailed)?;
        key.until = key.until.max(until);
        Ok(())
    }
}
