//! Creating, listing and moderating rooms: over sockets, over HTTP, in process.
//!
//! Called on the asker's own thread; blocks on the room where one is asked. A query about a private room by a user who
//! may not see it is made of a name that no room has: the same steps, and the same reply, as for a free name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chat::policy::{
    AuditEntry, INITIAL_MEMBERS_MAX, ModerationAction, ModerationChange, ModerationRequest, Policy, Privilege, Role,
    RoomOptions,
};
use crate::chat::{Code, Event, Identity, Note, Refusal, RoomName, RoomRequest, RoomSummary, Span, Time, UserName};
use crate::engine::Engine;
use crate::engine::guards::address::Address;
use crate::engine::rooms::hub::RoomKind;
use crate::engine::rooms::inbox::RoomHandle;
use crate::store::PageQuery;
use roomd_protocol::FIRST_ROOM;

/// Rooms with a policy, at most, as a multiple of the rooms that may be live at once.
const POLICIES_PER_ROOM: usize = 10;
/// Rooms with a history and nobody in them that are listed.
const STORED_MAX: usize = 1_000;
/// Rooms that one user may own.
const OWNED_MAX: usize = 100;

/// A request to create a room.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRoom {
    /// The room's name.
    pub room: RoomName,
    /// Whether its history is stored.
    pub durable: bool,
    /// Its privacy and its first members.
    pub options: RoomOptions,
}

impl NewRoom {
    /// A public room.
    #[must_use]
    pub fn public(room: RoomName, durable: bool) -> Self {
        Self { room, durable, options: RoomOptions::default() }
    }
}

/// A room as one user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomInfo {
    /// The room's name.
    pub room: RoomName,
    /// The users in it.
    pub members: usize,
    /// Its policy.
    pub policy: Arc<Policy>,
    /// The asker's privilege in it.
    pub privilege: Privilege,
}

impl Engine {
    /// Creates a room that stays open without members. It belongs to its creator, if that is a registered user; a
    /// guest may create a public one, which stays until the server stops. Created rooms may be half of all rooms, so
    /// that clients can always open others. It counts for no address: see [`Engine::create_from`]. Blocks on the room.
    ///
    /// # Errors
    /// The name is taken, there can be no further room, or this one cannot be opened.
    pub fn create(&self, who: &Identity, room: NewRoom) -> Result<(), Refusal> {
        self.create_from(None, who, room)
    }

    /// The same for a client of this address, for which the room counts.
    ///
    /// # Errors
    /// As above; and `rate_limited` when the address has created too many.
    pub fn create_from(&self, address: Option<Address>, who: &Identity, room: NewRoom) -> Result<(), Refusal> {
        let now = self.clock.now().since_start;
        self.address_limits.create_room(address, now).map_err(|refusal| refusal.about(&room.room))?;
        let NewRoom { room, durable, mut options } = room;
        if options.private && who.is_guest() {
            let message = "A private room belongs to a registered user: register your name first";
            return Err(Refusal::new(Code::Unauthorized, message));
        }
        let names = self.auth.names();
        if !who.is_guest() && names.owner(&who.user).is_some() && names.lasting_owner(&who.user).is_none() {
            return Err(Refusal::new(Code::Unavailable, format!("The name {} is being given up", who.user)));
        }
        if options.members.len() > INITIAL_MEMBERS_MAX {
            let message = format!("A room may begin with {INITIAL_MEMBERS_MAX} members; invite the others");
            return Err(Refusal::new(Code::TooLarge, message));
        }
        for member in &mut options.members {
            *member = self.registered_as(member)?;
        }
        let (all, own) = self.policies.count(&who.user);
        let most = self.limits.load().rooms_max.saturating_mul(POLICIES_PER_ROOM);
        if all >= most {
            let message = format!("The server keeps {most} rooms that were created, which is its limit");
            return Err(Refusal::new(Code::TooManyRooms, message));
        }
        if own >= OWNED_MAX && !who.is_guest() {
            return Err(Refusal::new(Code::TooManyRooms, format!("One user may own {OWNED_MAX} rooms")));
        }
        let most = (self.limits.load().rooms_max / 2).max(1);
        let pinned = self.created.lock().as_ref().map_or(0, BTreeMap::len);
        if pinned >= most && (who.is_guest() || !durable) {
            let message = format!("The server holds {most} rooms that were created, which is its limit");
            return Err(Refusal::new(Code::TooManyRooms, message));
        }
        // The seat keeps the room open between its creation and `keep_open`.
        let handle = self.hub.keep(&room, &RoomKind::Open { slow: None, durable }, !who.is_guest(), address)?;
        let members = options.members.clone();
        match self.hub.ask(&room, who.clone(), RoomRequest::Create(options))? {
            Event::Refused(refusal) => return Err(refusal),
            Event::Created { pinned: true, .. } => self.keep_open(handle),
            _ => {}
        }
        let at = self.clock.now().at;
        for user in members.into_iter().filter(|user| *user != who.user) {
            let action = ModerationAction { change: ModerationChange::Invited { user }, note: None };
            self.apply_outside(room.clone(), who.user.clone(), action, at);
        }
        Ok(())
    }

    /// Counts the opening of a room by a join or a message from this address, as a `create` counts: unless the room is
    /// open, was created, or has a history, and but for the first room. Waits for the store.
    ///
    /// # Errors
    /// `rate_limited`: the address has opened too many rooms in the last hour.
    #[inline(never)]
    pub fn count_opening(&self, room: &RoomName, address: Option<Address>) -> Result<(), Refusal> {
        let is_new = |room: &RoomName| {
            room.as_str() != FIRST_ROOM && !self.hub.has(room) && self.policies.policy(room).is_none()
        };
        if address.is_none() || !is_new(room) || self.has_history(room) {
            return Ok(());
        }
        let now = self.clock.now().since_start;
        self.address_limits.create_room(address, now).map_err(|refusal| refusal.about(room))
    }

    /// Whether anything was ever said in a room, as far as the store can tell now. On the login worker's stack, since
    /// a reader keeps what it has touched of its own.
    fn has_history(&self, room: &RoomName) -> bool {
        let (store, room) = (Arc::clone(&self.store), room.clone());
        let options = PageQuery { span: Span::Before(1), count: 0, bytes: 0 };
        let page = self.login_worker.run(move || store.page(&room, options));
        page.and_then(Result::ok).flatten().is_some()
    }

    /// Keeps a room open until the server stops, or the room is ended.
    pub fn keep_open(&self, handle: RoomHandle) {
        let room = handle.room().clone();
        let unwanted = match self.created.lock().as_mut() {
            // The handle of a room that failed is replaced.
            Some(created) => created.insert(room, handle),
            None => Some(handle),
        };
        // Leaving may block: not under the lock.
        drop(unwanted);
    }

    /// Moderates a room; false when nothing had to be changed. Blocks on the room.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub fn moderate(
        &self,
        who: &Identity,
        room: &RoomName,
        request: ModerationRequest,
        note: Option<Note>,
    ) -> Result<bool, Refusal> {
        self.moderate_from(None, who, room, request, note)
    }

    /// The same for the connection of this number, which may be an operator of the room.
    ///
    /// # Errors
    /// As above.
    pub fn moderate_from(
        &self,
        connection: Option<u64>,
        who: &Identity,
        room: &RoomName,
        request: ModerationRequest,
        note: Option<Note>,
    ) -> Result<bool, Refusal> {
        let RoomInfo { policy, .. } = self.room_info(who, room)?;
        let request = self.with_registered(request)?;
        self.record_moderation(who, room, &policy, &request)?;
        self.ask_to_moderate(who, room, RoomRequest::Moderate { request, note, connection })
    }

    /// The same where the server's audit has it already.
    ///
    /// # Errors
    /// As above.
    pub(in crate::engine) fn moderate_recorded(
        &self,
        who: &Identity,
        room: &RoomName,
        request: ModerationRequest,
    ) -> Result<bool, Refusal> {
        let request = self.with_registered(request)?;
        self.ask_to_moderate(who, room, RoomRequest::Moderate { request, note: None, connection: None })
    }

    fn ask_to_moderate(&self, who: &Identity, room: &RoomName, request: RoomRequest) -> Result<bool, Refusal> {
        match self.hub.ask(room, who.clone(), request)? {
            Event::Refused(refusal) => Err(refusal),
            Event::Moderated { room, by, action, at, .. } => {
                self.apply_outside(room, by, action, at);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The request with the name of a registered user in the owner's spelling, where it needs one. An operator can give a
    /// guest a role.
    fn with_registered(&self, request: ModerationRequest) -> Result<ModerationRequest, Refusal> {
        Ok(match request {
            ModerationRequest::Invite { user } => ModerationRequest::Invite { user: self.registered_as(&user)? },
            ModerationRequest::Role { user, role } => match self.registered_as(&user) {
                Ok(user) => ModerationRequest::Role { user, role },
                Err(refusal) if role == Role::Owner => return Err(refusal),
                Err(_) => ModerationRequest::Appoint { user, role },
            },
            other => other,
        })
    }

    /// Tells a user who may enter a room anyhow that somebody invites them to it. Does not block.
    pub fn announce_invitation(&self, room: &RoomName, by: UserName, user: UserName) {
        let action = ModerationAction { change: ModerationChange::Invited { user }, note: None };
        self.apply_outside(room.clone(), by, action, self.clock.now().at);
    }

    /// Carries out the consequences of a change outside the room.
    fn apply_outside(&self, room: RoomName, by: UserName, action: ModerationAction, at: Time) {
        match &action.change {
            ModerationChange::Invited { user } => {
                let connections = self.directory.reachable(user);
                let event = Arc::new(Event::InvitedTo { room, by, action, at });
                for connection in connections {
                    // One that cannot take it now is ended by its own outbox, or is gone.
                    _ = connection.endpoint().send(None, &event, self.limits.load().slow);
                }
            }
            ModerationChange::Ended => {
                let seat = self.created.lock().as_mut().and_then(|created| created.remove(&room));
                drop(seat);
                if self.hooks.delete_hooks(&room).is_err() {
                    log::error!(room = room.as_str(); "the hooks of a room that has ended are not deleted");
                }
                self.end_webhooks(&room, &by, at);
                log::info!(room = room.as_str(); "room ended");
            }
            _ => {}
        }
    }

    /// The rooms that a user may see, by name: the live ones, the created ones, and those with a history, of which the
    /// [`STORED_MAX`] that were opened last. Waits for the store.
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
        // A room without members is listed if it was created or has a history, but not because somebody is about to join
        // or leave.
        let made = |room: &RoomName| policies.binary_search_by(|(name, _)| name.cmp(room)).is_ok();
        let stored = self.stored_rooms();
        for room in stored.iter().filter(|room| !made(room)) {
            if let Err(at) = rooms.binary_search_by(|summary| summary.room.cmp(room)) {
                rooms.insert(at, RoomSummary { room: room.clone(), members: 0, private: false });
            }
        }
        let lasts = |room: &RoomName| made(room) || stored.binary_search(room).is_ok();
        rooms.retain(|summary| who.may_enter(&summary.room) && (summary.members > 0 || lasts(&summary.room)));
        rooms
    }

    /// The rooms with a history, as far as the store can tell now. On the login worker's stack, since a reader keeps
    /// what it has touched of its own.
    fn stored_rooms(&self) -> Vec<RoomName> {
        let store = Arc::clone(&self.store);
        self.login_worker.run(move || store.rooms(STORED_MAX)).and_then(Result::ok).unwrap_or_default()
    }

    /// A room as one user sees it.
    ///
    /// # Errors
    /// `not_found`; or the store cannot be read.
    pub fn room_info(&self, who: &Identity, room: &RoomName) -> Result<RoomInfo, Refusal> {
        let visible = if room.is_conversation() { RoomName::nowhere() } else { self.visible_name(who, room) };
        let policy = self.policies.policy(&visible);
        let members = self.hub.population(&visible);
        let request = self.stored_history(&visible, Span::Before(1), 0)?;
        if policy.is_none() && members == 0 && request.is_none() {
            return Err(Refusal::no_room(room));
        }
        let policy = policy.unwrap_or_default();
        let privilege = policy.privilege(who.into());
        Ok(RoomInfo { room: visible, members, policy, privilege })
    }

    /// The members of a room, an [`Event::Members`]. Blocks on the room, if it is live.
    ///
    /// # Errors
    /// As [`Engine::room_info`].
    pub fn members(&self, who: &Identity, info: &RoomInfo) -> Result<Event, Refusal> {
        if info.members == 0 {
            return Ok(Event::Members {
                room: info.room.clone(),
                members: Vec::new(),
                count: 0,
                appointed: Vec::new(),
            });
        }
        match self.hub.ask(&info.room, who.clone(), RoomRequest::Members)? {
            Event::Refused(refusal) => Err(refusal),
            members => Ok(members),
        }
    }

    /// The entries of a room's audit log before this number, oldest first; at most `count`.
    ///
    /// # Errors
    /// The asker may not see it, or it cannot be read now.
    pub fn audit(
        &self,
        who: &Identity,
        room: &RoomName,
        before: u64,
        count: usize,
    ) -> Result<Vec<AuditEntry>, Refusal> {
        let info = self.room_info(who, room)?;
        info.policy.may_audit(room, who.into())?;
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

    /// Whether a user may know of a room, if it exists.
    pub(in crate::engine) fn may_read(&self, who: &Identity, room: &RoomName) -> bool {
        self.policies.policy(room).is_none_or(|policy| policy.is_seen_by(who.into()))
    }

    /// The name under which to look for a room: one that no room has, for a user who may not know of it.
    pub(in crate::engine) fn visible_name(&self, who: &Identity, room: &RoomName) -> RoomName {
        if self.may_read(who, room) { room.clone() } else { RoomName::nowhere() }
    }

    /// The name of a registered user, in the owner's spelling.
    fn registered_as(&self, user: &UserName) -> Result<UserName, Refusal> {
        let owner = self.auth.names().lasting_owner(user).map(|owned| owned.name);
        owner.ok_or_else(|| Refusal::new(Code::NotFound, format!("There is no registered user {user}")))
    }
}
