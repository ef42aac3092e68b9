//! Hooks that come in: made and revoked by those who moderate a room, and the messages that other software sends by them.
//!
//! On the thread of whoever asks; blocks on the store, and on the room for a message. A hook speaks with an
//! administrator's auth level, so that a private or an announcement room takes what its moderators let in; it is slowed by a
//! limit of its own.

use std::time::Duration;

use crate::auth::hooks;
use crate::chat::hook::{HOOKS_MAX, Hook, MESSAGES_A_MINUTE, NewHook};
use crate::chat::keyed_limiter::Limiter;
use crate::chat::{AuthLevel, Code, Event, Identity, Refusal, RoomName, RoomRequest, Secret, StoreFailed, UserName};
use crate::engine::Engine;
use crate::engine::base::sync::Mutex;
use crate::engine::guards::address::Address;

/// Hooks whose rate is remembered, at most.
const REMEMBERED_MAX: usize = 10_000;
const MINUTE: Duration = Duration::from_secs(60);

/// What each hook may still say.
pub struct HookRates {
    rates: Mutex<Limiter<u64>>,
}

impl Default for HookRates {
    fn default() -> Self {
        Self { rates: Mutex::new(Limiter::new(MESSAGES_A_MINUTE, MINUTE, REMEMBERED_MAX)) }
    }
}

impl Engine {
    /// Makes a hook of a room; its token, which is not kept. Waits for the store.
    ///
    /// # Errors
    /// `not_found`, `forbidden`: who asks does not moderate the room. `name_taken`: the name is another user's.
    /// `too_many_rooms`: the room has as many hooks as it may have. `unavailable`.
    pub fn add_hook(&self, who: &Identity, room: &RoomName, name: UserName) -> Result<(Hook, Secret), Refusal> {
        self.check_moderates(who, room)?;
        if name != who.user && self.registered(&name) {
            return Err(crate::auth::names::taken(&name));
        }
        let made = NewHook { room: room.clone(), name, by: Some(who.user.clone()), created: self.clock.now().at };
        let (token, digest) = hooks::draw().map_err(|_| unavailable(StoreFailed))?;
        let number = self.hooks.add_hook(&made, &digest).map_err(unavailable)?;
        let full = || Refusal::new(Code::Conflict, format!("A room may have {HOOKS_MAX} hooks: revoke one first"));
        let hook = Hook { number: number.ok_or_else(full)?, made, revoked: None };
        log::info!(room = room.as_str(), hook = hook.number, by = who.user.as_str(); "hook made");
        Ok((hook, token))
    }

    /// The hooks of a room, those that were revoked too. May block on a disk.
    ///
    /// # Errors
    /// `not_found`, `forbidden`, `unavailable`.
    pub fn hooks_of(&self, who: &Identity, room: &RoomName) -> Result<Vec<Hook>, Refusal> {
        self.check_moderates(who, room)?;
        self.hooks.hooks(room).map_err(unavailable)
    }

    /// Revokes a hook of a room. Waits for the store.
    ///
    /// # Errors
    /// `not_found`, `forbidden`, `unavailable`.
    pub fn revoke_hook(&self, who: &Identity, room: &RoomName, number: u64) -> Result<(), Refusal> {
        self.check_moderates(who, room)?;
        let now = self.clock.now().at;
        if !self.hooks.revoke_hook(room, number, Some(&who.user), now).map_err(unavailable)? {
            return Err(Refusal::new(Code::NotFound, format!("The room has no hook {number} in force")));
        }
        log::info!(room = room.as_str(), hook = number, by = who.user.as_str(); "hook revoked");
        Ok(())
    }

    /// The hook that a token opens, shown from this address, which counts what it says as one message.
    ///
    /// # Errors
    /// `not_found`: there is none, or it was revoked. `rate_limited`, also for an address that tried too many others.
    /// `unavailable`.
    pub fn open_hook(&self, token: &Secret, from: Option<Address>) -> Result<Hook, Refusal> {
        let now = self.clock.now().since_start;
        let look_up = || {
            let hook = self.hooks.hook(&hooks::digest(token)).map_err(unavailable)?;
            hook.ok_or_else(|| Refusal::new(Code::Unauthorized, "There is no such hook"))
        };
        // It counts as a token that is guessed; to who asks it is an address that leads nowhere.
        let found = self.address_limits.log_in(from, now, look_up).map_err(|refusal| match refusal.code {
            Code::Unauthorized => Refusal { code: Code::NotFound, ..refusal },
            _ => refusal,
        });
        let hook = found?;
        self.hook_rates.rates.lock().take(&hook.number, now).map_err(Refusal::rate_limited)?;
        Ok(hook)
    }

    /// Publishes a message that came in by a hook, under the name that it asks for if that is free, or else its own.
    /// Blocks on the room.
    ///
    /// # Errors
    /// Why it is not published; `name_taken`: the hook's name is another user's by now.
    pub fn publish_by_hook(
        &self,
        hook: &Hook,
        user: Option<UserName>,
        message: RoomRequest,
        address: Option<Address>,
    ) -> Result<Event, Refusal> {
        let NewHook { room, name, by, .. } = &hook.made;
        let is_free = |user: &UserName| by.as_ref() == Some(user) || !self.registered(user);
        let user = user.filter(|user| !self.registered(user)).unwrap_or_else(|| name.clone());
        if !is_free(&user) {
            return Err(crate::auth::names::taken(&user));
        }
        self.count_opening(room, address)?;
        let who = Identity { auth_level: AuthLevel::Admin, ..Identity::guest(user) };
        match self.hub.ask_from(address, room, who, message)? {
            Event::Refused(refusal) => Err(refusal),
            sent => Ok(sent),
        }
    }

    /// Checks that a user moderates a room that exists.
    fn check_moderates(&self, who: &Identity, room: &RoomName) -> Result<(), Refusal> {
        self.room_info(who, room)?.policy.may_audit(room, who.into())
    }
}

fn unavailable(StoreFailed: StoreFailed) -> Refusal {
    Refusal::new(Code::Unavailable, "The hooks of the room cannot be read or stored now; try again")
}
