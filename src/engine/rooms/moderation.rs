//! Rooms that outlive their members, and ruling over rooms: over sockets, over HTTP, in process.
//!
//! Called on the asker's own thread; blocks on the room where one is asked. What a stranger asks of a
//! private room is asked of no room at all: the same steps, and the same answer, as for a name that
//! nobody has taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chat::policy::{
    AuditEntry, INITIAL_MEMBERS_MAX, ModerationAction, ModerationChange, ModerationRequest, Policy, Privilege,
    RoomOptions,
};
use crate::chat::{Code, Event, Identity, Note, Refusal, RoomName, RoomRequest, RoomSummary, Span, UserName};
use crate::engine::Engine;
use crate::engine::rooms::hub::RoomKind;
use crate::engine::rooms::inbox::RoomHandle;

/// Rooms with a charter, at most, as a multiple of the rooms that may live at once.
const POLICIES_PER_ROOM: usize = 10;
/// Rooms that one user may own.
const OWNED_MAX: usize = 100;

/// A room that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRoom {
    /// Its name.
    pub room: RoomName,
    /// Whether it keeps its history.
    pub durable: bool,
    /// How it begins.
    pub options: RoomOptions,
}

impl NewRoom {
    /// A public room.
    #[must_use]
    pub fn public(room: RoomName, durable: bool) -> Self {
        Self { room, durable, options: RoomOptions::default() }
    }
}

/// What somebody sees of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomInfo {
    /// Its name.
    pub room: RoomName,
    /// Connections in it.
    pub members: usize,
    /// Who may do what in it.
    pub policy: Arc<Policy>,
    /// What the asker is in it.
    pub privilege: Privilege,
}

impl Engine {
    /// Makes a room that stays when nobody is in it. It belongs to whoever makes it, if their name
    /// does; a guest may make a public one, which stays until the server stops. Half of all rooms may be
    /// such, so that there is always room for those that come with their members. Blocks on the room.
    ///
    /// # Errors
    /// The name is taken, there can be no further room, or this one cannot be opened.
    pub fn create(&self, who: &Identity, plan: NewRoom) -> Result<(), Refusal> {
        let NewRoom { room, durable, mut options } = plan;
        if options.private && who.is_guest() {
            let message = "A private room belongs to a registered user: register your name first";
            return Err(Refusal::new(Code::Unauthorized, message));
        }
        if options.members.len() > INITIAL_MEMBERS_MAX {
            let message = format!("A room may begin with {INITIAL_MEMBERS_MAX} members; invite the others");
            return Err(Refusal::new(Code::TooLarge, message));
        }
        for member in &mut options.members {
            *member = self.registered_as(member)?;
        }
        let (all, own) = self.policies.count(&who.user);
        let most = self.limits.rooms_max.saturating_mul(POLICIES_PER_ROOM);
        if all >= most {
            let message = format!("The server keeps {most} rooms that were created, which is its limit");
            return Err(Refusal::new(Code::TooManyRooms, message));
        }
        if own >= OWNED_MAX && !who.is_guest() {
            return Err(Refusal::new(Code::TooManyRooms, format!("One user may own {OWNED_MAX} rooms")));
        }
        let most = (self.limits.rooms_max / 2).max(1);
        let pinned = self.created.lock().as_ref().map_or(0, BTreeMap::len);
        if pinned >= most && (who.is_guest() || !durable) {
            let message = format!("The server holds {most} rooms that were created, which is its limit");
            return Err(Refusal::new(Code::TooManyRooms, message));
        }
        // The seat keeps the room between its founding and the holding of it.
        let handle = self.hub.keep(&room, &RoomKind::Open { slow: None, durable })?;
        match self.hub.ask(&room, who.clone(), RoomRequest::Create(options))? {
            Event::Refused(refusal) => Err(refusal),
            Event::Created { pinned: true, .. } => {
                self.hold(handle);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Holds a room until the server stops, or the room ends.
    pub(in crate::engine) fn hold(&self, handle: RoomHandle) {
        let room = handle.room().clone();
        let unwanted = match self.created.lock().as_mut() {
            // That of a room that failed is replaced.
            Some(created) => created.insert(room, handle),
            None => Some(handle),
        };
        // Leaving sends, which may block: not under the lock.
        drop(unwanted);
    }

    /// Changes something in a room. True when it was not so already. Blocks on the room.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub fn moderate(
        &self,
        who: &Identity,
        room: &RoomName,
        mut request: ModerationRequest,
        note: Option<Note>,
    ) -> Result<bool, Refusal> {
        self.look(who, room)?;
        if let ModerationRequest::Invite { user } | ModerationRequest::Role { user, .. } = &mut request {
            *user = self.registered_as(user)?;
        }
        match self.hub.ask(room, who.clone(), RoomRequest::Moderate { request, note })? {
            Event::Refused(refusal) => Err(refusal),
            Event::Moderated { room, by, action, at } => {
                self.follow(Event::Moderated { room, by, action, at });
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Carries out what a room cannot do by itself.
    fn follow(&self, event: Event) {
        let Event::Moderated { room, action: ModerationAction { change, .. }, .. } = &event else { return };
        match change {
            ModerationChange::Invited { user } => {
                let event = Arc::new(event.clone());
                for peer in self.directory.peers(user) {
                    // One that cannot take it now is ended by its own outbox, or is gone.
                    _ = peer.client().tell(None, &event, self.limits.slow);
                }
            }
            ModerationChange::Ended => {
                let seat = self.created.lock().as_mut().and_then(|created| created.remove(room));
                drop(seat);
                log::info!(room = room.as_str(); "room ended");
            }
            _ => {}
        }
    }

    /// The rooms that somebody may see, by name: those that live, and those that stay.
    #[must_use]
    pub fn rooms(&self, who: &Identity) -> Vec<RoomSummary> {
        let mut rooms = self.hub.list();
        let policies = self.policies.all();
        for (room, policy) in &policies {
            match rooms.binary_search_by(|summary| summary.room.cmp(room)) {
                Ok(at) if !policy.is_seen_by(who.into()) => _ = rooms.remove(at),
                Ok(at) => rooms[at].private = policy.is_private(),
                Err(at) if policy.is_seen_by(who.into()) => {
                    rooms.insert(at, RoomSummary { room: room.clone(), members: 0, private: policy.is_private() });
                }
                Err(_) => {}
            }
        }
        // A room that nobody is in is there if it was made; not because somebody is at its door, or on
        // the way out.
        let made = |room: &RoomName| policies.binary_search_by(|(name, _)| name.cmp(room)).is_ok();
        rooms.retain(|summary| who.may_enter(&summary.room) && (summary.members > 0 || made(&summary.room)));
        rooms
    }

    /// What somebody sees of a room.
    ///
    /// # Errors
    /// `not_found`; or the store cannot be read.
    pub fn look(&self, who: &Identity, room: &RoomName) -> Result<RoomInfo, Refusal> {
        let sought = if room.is_conversation() { RoomName::nowhere() } else { self.sought(who, room) };
        let policy = self.policies.policy(&sought);
        let members = self.hub.population(&sought);
        let request = self.stored_history(&sought, Span::Before(1), 0)?;
        if policy.is_none() && members == 0 && request.is_none() {
            return Err(Refusal::no_room(room));
        }
        let policy = policy.unwrap_or_default();
        let privilege = policy.privilege(who.into());
        Ok(RoomInfo { room: sought, members, policy, privilege })
    }

    /// Who is in a room, an [`Event::Members`]. Blocks on the room, if it lives.
    ///
    /// # Errors
    /// As [`Engine::look`].
    pub fn members(&self, who: &Identity, sight: &RoomInfo) -> Result<Event, Refusal> {
        if sight.members == 0 {
            return Ok(Event::Members { room: sight.room.clone(), members: Vec::new(), count: 0 });
        }
        match self.hub.ask(&sight.room, who.clone(), RoomRequest::Members)? {
            Event::Refused(refusal) => Err(refusal),
            members => Ok(members),
        }
    }

    /// What was decided in a room before the entry of this number, oldest first; at most `count`.
    ///
    /// # Errors
    /// It is not for the asker to know, or cannot be read now.
    pub fn audit(
        &self,
        who: &Identity,
        room: &RoomName,
        before: u64,
        count: usize,
    ) -> Result<Vec<AuditEntry>, Refusal> {
        let sight = self.look(who, room)?;
        sight.policy.may_audit(room, who.into())?;
        let stored = self.store.audit(room, before, count);
        if let Some(entries) = stored.map_err(crate::engine::clients::history::unavailable)? {
            return Ok(entries);
        }
        match self.hub.ask(room, who.clone(), RoomRequest::Audit { before, count })? {
            Event::Audit { entries, .. } => Ok(entries),
            Event::Refused(refusal) => Err(refusal),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether somebody may know of a room, if it is there.
    pub(in crate::engine) fn may_read(&self, who: &Identity, room: &RoomName) -> bool {
        self.policies.policy(room).is_none_or(|policy| policy.is_seen_by(who.into()))
    }

    /// Under which name to look for a room: that of no room for one who may not know of it.
    pub(in crate::engine) fn sought(&self, who: &Identity, room: &RoomName) -> RoomName {
        if self.may_read(who, room) { room.clone() } else { RoomName::nowhere() }
    }

    /// A registered user's name, as they spell it.
    fn registered_as(&self, user: &UserName) -> Result<UserName, Refusal> {
        let owner = self.auth.names().owner(user).map(|owned| owned.name);
        owner.ok_or_else(|| Refusal::new(Code::NotFound, format!("There is no registered user {user}")))
    }
}
