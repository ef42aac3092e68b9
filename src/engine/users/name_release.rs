//! Giving a registered name up: by its owner, or because nobody has used it for long and somebody else wants it.
//!
//! On the thread of whoever asks; waits for rooms and for the store. Nothing of the former owner stays with the name:
//! its connections end, it is taken off the lists of rooms, while nobody can put it on another, and then it
//! is free. A detached session of it is not resumed, since it belongs to another registration.

use crate::auth::names::NameRelease;
use crate::chat::policy::ModerationRequest;
use crate::chat::{AuthLevel, Code, End, Event, Identity, Refusal, RoomName, RoomRequest, UserName};
use crate::engine::Engine;

impl Engine {
    /// Gives up a registered name: it is free, and tokens that were issued for its claim are void. Connections of its
    /// user end, but for that of the number `but`.
    ///
    /// # Errors
    /// `forbidden`: the name owns rooms. `not_found`: it is not registered. `unavailable`: it stays registered.
    pub fn release_name(&self, name: &UserName, but: Option<u64>) -> Result<(), Refusal> {
        let release = self.auth.names().leave(name);
        let release = release.ok_or_else(|| Refusal::new(Code::NotFound, format!("{name} is not registered")))?;
        let name = release.name().clone();
        self.check_owns_nothing(&name)?;
        for connection in self.directory.connections(&name).iter().filter(|connection| Some(connection.number) != but) {
            if !connection.who.is_guest() {
                connection.endpoint().recipient.end(End::Unidentified);
            }
        }
        self.resign_from_all(&name)?;
        self.finish_release(release)
    }

    /// Frees a name that is on no list any more. Waits for the store.
    ///
    /// # Errors
    /// `unavailable`: it stays registered.
    pub(in crate::engine) fn finish_release(&self, release: NameRelease<'_>) -> Result<(), Refusal> {
        let name = release.name().clone();
        release.finish()?;
        self.auth.devices().forget(&name);
        self.auth.display_names().forget(&name);
        log::info!(user = name.as_str(); "name given up");
        Ok(())
    }

    /// Gives up a name that nobody uses, where that is in the way of registering this one. What cannot be given up
    /// stays, and the registration is refused.
    pub(in crate::engine) fn clear_the_way(&self, name: &UserName) {
        let now = self.clock.now().at;
        let Some(unused) = self.auth.names().obstacle(name, self.limits.load().retain_names, now) else { return };
        if !self.directory.is_used(&unused)
            && let Err(refusal) = self.release_name(&unused, None)
        {
            log::debug!(user = unused.as_str(), error:% = refusal; "an unused name is not given up");
        }
    }

    /// Checks that a name owns no room: it would be nobody's.
    ///
    /// # Errors
    /// `forbidden`.
    pub(in crate::engine) fn check_owns_nothing(&self, name: &UserName) -> Result<(), Refusal> {
        let owned = self.policies.all().iter().filter(|(_, policy)| policy.owner() == Some(name)).count();
        let message = match owned {
            0 => return Ok(()),
            1 => format!("{name} owns a room: end it, or give it to another user, first"),
            _ => format!("{name} owns {owned} rooms: end them, or give them to others, first"),
        };
        Err(Refusal::new(Code::Forbidden, message))
    }

    /// Takes a name off the lists of all rooms. Blocks on these rooms.
    ///
    /// # Errors
    /// Why it is still on one.
    pub(in crate::engine) fn resign_from_all(&self, name: &UserName) -> Result<(), Refusal> {
        let policies = self.policies.all();
        let lists = policies.iter().filter(|(_, policy)| policy.people().contains_key(name));
        lists.map(|(room, _)| room).try_for_each(|room| self.resign(name, room))
    }

    fn resign(&self, name: &UserName, room: &RoomName) -> Result<(), Refusal> {
        let who = Identity { auth_level: AuthLevel::Registered, ..Identity::guest(name.clone()) };
        let request = ModerationRequest::Remove { user: name.clone() };
        match self.hub.ask(room, who, RoomRequest::Moderate { request, note: None, connection: None })? {
            // Somebody has removed it meanwhile.
            Event::Refused(refusal) if refusal.code != Code::NotFound => Err(refusal),
            _ => Ok(()),
        }
    }
}
