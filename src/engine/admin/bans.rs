//! Bans from the whole server: making, lifting and listing them, and keeping out whom they concern.
//!
//! A connection enters the directory first, and then looks whether it is banned; a ban is in force first, and then its
//! connections are looked for in the directory. So of two at the same moment one sees the other, and nobody who is banned
//! stays. Where servers share a store, each hears of the bans of the others (`rooms/subscriber.rs`) and does the same.
//!
//! A client that is exempt from the limits by address cannot be banned by its address: an admin who bans too wide a network
//! reaches the server from there. A program in the server's process is not banned.

use std::time::Duration;

use super::connections::contains;
use super::{Listed, PAGE_MAX, check};
use crate::chat::admin::ban::BANS_MAX;
use crate::chat::admin::{BanTarget, NewServerBan, ServerBan};
use crate::chat::{Code, End, FoldedName, Identity, Note, Refusal, UserName};
use crate::engine::Engine;
use crate::engine::guards::address::ClientAddress;
use crate::engine::users::user_connection::UserConnection;

impl Engine {
    /// Keeps out who is banned. Does not block.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn refuse_banned(&self, user: Option<&UserName>, from: ClientAddress) -> Result<(), Refusal> {
        let bans = self.bans.load();
        let Some(ban) = bans.of(user, from.counted.and(from.ip), self.clock.now().at) else { return Ok(()) };
        let until = ban.made.until.map(|until| format!(" until {until}")).unwrap_or_default();
        let note = ban.made.note.as_ref().map(|note| format!(": {}", &**note)).unwrap_or_default();
        Err(Refusal::new(Code::Forbidden, format!("You are banned from this server{until}{note}")))
    }

    /// Bans a user or a network for a time, or until the ban is lifted, on behalf of an admin who asks from this address;
    /// whoever is connected is put out. Waits for the store.
    ///
    /// # Errors
    /// Who asks is no admin, or would be banned; there are as many bans as there may be; or it is not stored.
    pub fn ban(
        &self,
        who: &Identity,
        from: ClientAddress,
        target: BanTarget,
        (lasts, note): (Option<Duration>, Option<Note>),
    ) -> Result<ServerBan, Refusal> {
        check(who)?;
        let is_own = match &target {
            BanTarget::User(user) => FoldedName::of(user) == FoldedName::of(&who.user),
            BanTarget::Network(network) => from.counted.and(from.ip).is_some_and(|ip| contains(network, ip)),
        };
        if is_own {
            return Err(Refusal::bad_request("That would ban you"));
        }
        let at = self.clock.now().at;
        let until = lasts.map(|lasts| at.after(lasts));
        let made = NewServerBan { target, until, note, by: who.user.clone(), at };
        let number = self.server_store.ban(&made).map_err(|_| unavailable())?.ok_or_else(|| {
            Refusal::new(Code::Conflict, format!("There are {BANS_MAX} bans, which is the limit: lift others first"))
        })?;
        let ban = ServerBan { number, made };
        log::info!(ban = number, target:% = ban.made.target, by = who.user.as_str(); "banned from the server");
        self.enter_ban(&ban);
        Ok(ban)
    }

    /// Lifts a ban. Waits for the store.
    ///
    /// # Errors
    /// Who asks is no admin, there is no such ban, or it is not stored.
    pub fn lift_ban(&self, who: &Identity, number: u64) -> Result<(), Refusal> {
        check(who)?;
        let lifted = self.server_store.lift_ban(number, &who.user, self.clock.now().at);
        let was_there = lifted.map_err(|_| unavailable())?;
        self.bans.update(|bans| bans.without(number));
        if !was_there {
            return Err(Refusal::new(Code::NotFound, format!("There is no ban {number}")));
        }
        log::info!(ban = number, by = who.user.as_str(); "a ban from the server is lifted");
        Ok(())
    }

    /// The bans in force behind this number, the oldest first; at most `count`. Does not block.
    ///
    /// # Errors
    /// Who asks is no admin.
    pub fn bans(&self, who: &Identity, after: u64, count: usize) -> Result<Listed<ServerBan>, Refusal> {
        check(who)?;
        let (bans, now) = (self.bans.load(), self.clock.now().at);
        let found = bans.after(after, now).cloned();
        Ok(Listed::of(found, count.clamp(1, PAGE_MAX), |ban| ban.number))
    }

    /// Takes over a ban that another server has made, or lifted.
    pub(in crate::engine) fn ban_changed(&self, number: u64, ban: Option<&ServerBan>) {
        match ban {
            Some(ban) => self.enter_ban(ban),
            None => self.bans.update(|bans| bans.without(number)),
        }
    }

    /// Puts a ban in force, and puts out whom it concerns. Blocks on the rooms of sessions that are detached.
    fn enter_ban(&self, ban: &ServerBan) {
        self.bans.update(|bans| bans.with(ban.clone()));
        let mut connections = match &ban.made.target {
            BanTarget::User(user) => self.directory.connections_of(&FoldedName::of(user)),
            BanTarget::Network(_) => self.directory.all(),
        };
        connections.retain(|connection| self.is_banned(connection));
        self.end_all(&connections, End::Banned);
    }

    /// Whether a connection's user, or its client's address, is banned.
    pub(in crate::engine) fn is_banned(&self, connection: &UserConnection) -> bool {
        let from = connection.origin().address;
        from.ip.is_some() && self.refuse_banned(Some(connection.user()), from).is_err()
    }
}

pub(super) fn unavailable() -> Refusal {
    Refusal::new(Code::Unavailable, "It cannot be stored now")
}
