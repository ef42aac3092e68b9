//! Invitations: making, listing and showing them, and who was invited and has not entered yet.
//!
//! Called on the asker's own thread; blocks on the room. A code is looked up in the policy index first, so that a wrong
//! one wakes no room, and tells nothing of whether there is such a room.

use crate::chat::policy::{
    Invitation, InvitationOptions, ModerationAction, ModerationChange, ModerationRequest, Policy,
};
use crate::chat::{Code, Event, Identity, Note, Refusal, RoomName, RoomRequest, Secret};
use crate::engine::Engine;
use crate::engine::guards::address::Address;

impl Engine {
    /// Makes an invitation to a room. Blocks on the room.
    ///
    /// # Errors
    /// Why none is made.
    pub fn create_invitation(
        &self,
        who: &Identity,
        room: &RoomName,
        options: InvitationOptions,
        note: Option<Note>,
    ) -> Result<Invitation, Refusal> {
        self.room_info(who, room)?;
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .map_err(|_| Refusal::new(Code::Unavailable, "There is no randomness; try again"))?;
        let code = Secret::from(&*format!("{:032x}", u128::from_ne_bytes(bytes)));
        let request = ModerationRequest::CreateInvitation { code, options };
        match self.hub.ask(room, who.clone(), RoomRequest::Moderate { request, note, connection: None })? {
            Event::Moderated {
                by,
                action:
                    ModerationAction { change: ModerationChange::InvitationCreated { number, code, until, uses }, .. },
                at,
                ..
            } => Ok(Invitation { number, code, by, at, until, uses, used: 0 }),
            Event::Refused(refusal) => Err(refusal),
            _ => Err(Refusal::room_failed(room)),
        }
    }

    /// The invitations of a room that are in force, with their codes, for its moderators. Does not block.
    ///
    /// # Errors
    /// There is no such room, or the asker does not moderate it.
    pub fn invitations(&self, who: &Identity, room: &RoomName) -> Result<Vec<Invitation>, Refusal> {
        let info = self.room_info(who, room)?;
        info.policy.may_audit(room, who.into())?;
        Ok(info.policy.invitations(self.clock.now().at))
    }

    /// The invitation of a code that is shown from this address. Does not block.
    ///
    /// # Errors
    /// `unauthorized`: it admits nobody. `rate_limited`: too many such came from this address.
    pub fn check_invitation(
        &self,
        room: &RoomName,
        code: &Secret,
        from: Option<Address>,
    ) -> Result<Invitation, Refusal> {
        let now = self.clock.now();
        self.address_limits.log_in(from, now.since_start, || {
            let policy = self.policies.policy(room);
            policy.and_then(|policy| policy.invitation(code, now.at).cloned()).ok_or_else(Refusal::void_invitation)
        })
    }

    /// Puts a user on the list of a room by the code of an invitation. A guest needs none in a public room, and is put
    /// on no list. Blocks on the room.
    ///
    /// # Errors
    /// `unauthorized`: the code admits nobody, or a guest comes to a private room. `forbidden`: the user is banned, or
    /// the token is not for the room. `rate_limited`, `room_full`, `unavailable`.
    pub fn admit(&self, who: &Identity, room: &RoomName, code: &Secret, from: Option<Address>) -> Result<(), Refusal> {
        who.allows(room)?;
        self.check_invitation(room, code, from)?;
        let names = self.auth.names();
        if !who.is_guest() && names.owner(&who.user).is_some() && names.lasting_owner(&who.user).is_none() {
            return Err(Refusal::new(Code::Unavailable, format!("The name {} is being given up", who.user)));
        }
        let request = ModerationRequest::Admit { code: code.clone() };
        match self.hub.ask(room, who.clone(), RoomRequest::Moderate { request, note: None, connection: None })? {
            Event::Refused(refusal) => Err(refusal),
            _ => Ok(()),
        }
    }

    /// Notes that a user has entered a room to which they may have been invited. Blocks on the room if they were.
    pub(in crate::engine) fn accept_invitation(&self, who: &Identity, room: &RoomName) {
        let is_invited = |policy: &Policy| !who.is_guest() && policy.invited(&who.user).is_some();
        if !self.policies.policy(room).is_some_and(|policy| is_invited(&policy)) {
            return;
        }
        let request = RoomRequest::Moderate { request: ModerationRequest::Accept, note: None, connection: None };
        if let Ok(Event::Refused(refusal)) | Err(refusal) = self.hub.ask(room, who.clone(), request) {
            // The invitation is shown once more, and the next join accepts it.
            log::warn!(room = room.as_str(), error:% = refusal; "that an invited user entered is not noted");
        }
    }

    /// What a user who connects is told: the rooms to which they were invited, and have not entered yet.
    pub(in crate::engine) fn waiting_invitations(&self, who: &Identity) -> Vec<Event> {
        if who.is_guest() {
            return Vec::new();
        }
        let rooms = self.policies.listing(&who.user).into_iter().filter(|(room, _)| who.may_enter(room));
        let invited = rooms.filter_map(|(room, policy)| {
            let invited = policy.invited(&who.user)?;
            let change = ModerationChange::Invited { user: who.user.clone() };
            let action = ModerationAction { change, note: None };
            Some(Event::InvitedTo { room, by: invited.by.clone(), action, at: invited.at })
        });
        invited.collect()
    }
}
