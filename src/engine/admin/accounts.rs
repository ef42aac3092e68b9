//! Accounts: the registered names, as an admin sees them, and giving one back.
//!
//! Read from memory; a name is given back as its owner gives it up. Blocks on the store and on rooms.

use super::{Listed, PAGE_MAX, check};
use crate::chat::admin::{AccountInfo, ServerActionKind};
use crate::chat::{Code, Identity, Refusal, UserName};
use crate::engine::Engine;
use crate::store::Account;

impl Engine {
    /// The accounts behind this name, in the order of their folded names; at most `count`. Does not block.
    ///
    /// # Errors
    /// Who asks is no admin.
    pub fn accounts(
        &self,
        who: &Identity,
        after: Option<&UserName>,
        count: usize,
    ) -> Result<Listed<AccountInfo, UserName>, Refusal> {
        check(who)?;
        let count = count.clamp(1, PAGE_MAX);
        let found = self.auth.names().after(after, count + 1);
        let info = |(account, used): (Account, _)| AccountInfo {
            display_name: self.auth.display_names().of(&account.name),
            devices: self.auth.devices().of(&account.name).len(),
            user: account.name,
            since: account.since,
            used,
        };
        Ok(Listed::of(found.into_iter().map(info), count, |account| account.user.clone()))
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
