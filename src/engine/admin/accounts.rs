//! Accounts: the registered names, as an admin sees them, and giving one back.
//!
//! Read from memory; a name is given back as its owner gives it up. Blocks on the store and on rooms.

use super::{PAGE_MAX, check};
use crate::chat::admin::{AccountInfo, ServerActionKind};
use crate::chat::{Code, Identity, Refusal, UserName};
use crate::engine::Engine;

/// A part of the list of accounts, and the name behind which the next begins; `None`: there is no further one.
pub type AccountsPart = (Vec<AccountInfo>, Option<UserName>);

impl Engine {
    /// The accounts behind this name, in the order of their folded names; at most `count`. Does not block.
    ///
    /// # Errors
    /// Who asks is no admin.
    pub fn accounts(&self, who: &Identity, after: Option<&UserName>, count: usize) -> Result<AccountsPart, Refusal> {
        check(who)?;
        let count = count.clamp(1, PAGE_MAX);
        let mut found = self.auth.names().after(after, count + 1);
        let is_more = found.len() > count;
        found.truncate(count);
        let info = |(account, used): (crate::store::Account, _)| AccountInfo {
            display_name: self.auth.display_names().of(&account.name),
            devices: self.auth.devices().of(&account.name).len(),
            user: account.name,
            since: account.since,
            used,
        };
        let accounts: Vec<_> = found.into_iter().map(info).collect();
        let next = accounts.last().filter(|_| is_more).map(|account| account.user.clone());
        Ok((accounts, next))
    }

    /// Gives a registered name back on behalf of an admin: it is free, its connections end, and its tokens are void.
    ///
    /// # Errors
    /// Who asks is no admin, it is not registered, it owns rooms, or why it is not given back.
    pub fn give_back(&self, who: &Identity, name: &UserName) -> Result<(), Refusal> {
        check(who)?;
        let Some(account) = self.auth.names().owner(name) else {
            return Err(Refusal::new(Code::NotFound, format!("{name} is not registered")));
        };
        self.check_owns_nothing(&account.name)?;
        self.record(who, ServerActionKind::NameReleased, account.name.as_str())?;
        self.release_name(&account.name, None)
    }
}
