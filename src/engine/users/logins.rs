//! Users who come from elsewhere: who has logged in at a provider, and whom a proxy has authenticated.
//!
//! Called on a login's own thread, or a connection's; waits for the store. What holds for whoever shows a token holds for them: a ban, the
//! limits, and the guest who uses a name that is registered now.

use std::time::Duration;

use crate::auth::{Claimed, Vouched};
use crate::chat::{Identity, Refusal, Time};
use crate::engine::Engine;
use crate::engine::guards::address::ClientAddress;
use crate::store::Account;

impl Engine {
    /// Lets in a user for whom a provider vouches, and signs a token that is good for so long.
    ///
    /// # Errors
    /// `name_taken`: the name is another's. `forbidden` for who is banned. `unavailable`.
    pub fn log_in(&self, who: Vouched, valid_for: Duration) -> Result<Claimed, Refusal> {
        let now = self.clock.now().at;
        let account = self.account_of(&who, now)?;
        self.auth.sign_vouched(who, &account, now.after(valid_for), now)
    }

    /// The identity of a user for whom a proxy vouches at this moment; a connection has it for so long.
    ///
    /// # Errors
    /// As above.
    pub fn identify_vouched(&self, who: Vouched, valid_for: Duration) -> Result<Identity, Refusal> {
        let now = self.clock.now().at;
        let account = self.account_of(&who, now)?;
        Ok(self.auth.vouched_identity(who, account, now.after(valid_for)))
    }

    /// The user's account, which is new where the name was free. Guests who use it then are disconnected.
    fn account_of(&self, who: &Vouched, now: Time) -> Result<Account, Refusal> {
        if self.auth.names().owner(&who.user).is_none() {
            self.clear_the_way(&who.user);
        }
        // By its address it was looked at where it came from.
        self.refuse_banned(Some(&who.user), ClientAddress::IN_PROCESS)?;
        let (account, is_new) = self.auth.vouch(who, now)?;
        if is_new {
            self.directory.displace(&account.name);
        }
        Ok(account)
    }
}
