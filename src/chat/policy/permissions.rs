//! Which privilege each moderation request needs: one table, and the few rules beside it.
//!
//! Pure, and the only place that decides. For an outsider a private room does not exist, whatever they
//! ask; nobody moderates a user of the same privilege; and a room that has an owner keeps one.

use std::time::Duration;

use super::description::PINNED_MAX;
use super::{
    Actor, ModerationChange, ModerationRequest, PEOPLE_MAX, Policy, Privilege, Role, RoomSettings, SANCTIONS_MAX,
    in_force,
};
use crate::chat::refusal::{Code, Refusal};
use crate::chat::time::Time;
use crate::chat::{RoomName, UserName};

impl ModerationRequest {
    /// The least privilege that it needs.
    fn privilege_min(&self, policy: &Policy) -> Privilege {
        match self {
            Self::Invite { .. } | Self::Remove { .. } | Self::Kick { .. } => Privilege::Moderator,
            Self::Ban { .. } | Self::Unban { .. } => Privilege::Moderator,
            Self::Mute { .. } | Self::Unmute { .. } => Privilege::Moderator,
            Self::Settings(_) | Self::Describe(_) => Privilege::Moderator,
            Self::Pin { .. } | Self::Unpin { .. } => Privilege::Moderator,
            Self::CreateInvitation { .. } | Self::RevokeInvitation { .. } => Privilege::Moderator,
            // Whoever shows the code of an invitation, and whoever was invited.
            Self::Admit { .. } | Self::Accept => Privilege::Outsider,
            // Who speaks is for moderators to decide, and who moderates is not.
            Self::Role { user, role } | Self::Appoint { user, role } => {
                let highest = policy.people.get(user).max(Some(role));
                if highest <= Some(&Role::Voice) { Privilege::Moderator } else { Privilege::Owner }
            }
            Self::End => Privilege::Owner,
        }
    }

    /// The user who must be registered for it.
    #[must_use]
    pub fn beneficiary(&self) -> Option<&UserName> {
        match self {
            Self::Invite { user } | Self::Role { user, .. } => Some(user),
            _ => None,
        }
    }
}

impl Policy {
    /// The change that a request makes; `None`: none, it is so already.
    ///
    /// # Errors
    /// Why the request is refused.
    pub fn decide(
        &self,
        room: &RoomName,
        actor: Actor<'_>,
        request: &ModerationRequest,
        now: Time,
    ) -> Result<Option<ModerationChange>, Refusal> {
        if let ModerationRequest::Admit { code } = request {
            return self.admit(actor, code, now);
        }
        let privilege = self.privilege(actor);
        if privilege == Privilege::Outsider {
            return Err(Refusal::no_room(room));
        }
        let is_resignation = matches!(request, ModerationRequest::Remove { user } if user == actor.user);
        let is_open = self.may_describe(actor, request, now);
        let privilege_min = request.privilege_min(self);
        if !is_resignation && !is_open {
            self.check_privilege(actor, privilege_min)?;
        }
        match request {
            ModerationRequest::Invite { user } => self.invite(user, now),
            ModerationRequest::Remove { user } => self.remove(privilege, user, is_resignation),
            ModerationRequest::Kick { user } => {
                self.check_outranks(privilege, user)?;
                Ok(Some(ModerationChange::Kicked { user: user.clone() }))
            }
            ModerationRequest::Ban { user, lasts } => {
                self.check_not_owner(user)?;
                self.check_outranks(privilege, user)?;
                self.check_sanction_limit(now)?;
                Ok(Some(ModerationChange::Banned { user: user.clone(), until: until(now, *lasts) }))
            }
            ModerationRequest::Mute { user, lasts } => {
                self.check_outranks(privilege, user)?;
                self.check_sanction_limit(now)?;
                Ok(Some(ModerationChange::Muted { user: user.clone(), until: until(now, *lasts) }))
            }
            ModerationRequest::Unban { user } => match self.ban(user, now) {
                Some((user, _)) => Ok(Some(ModerationChange::Unbanned { user: user.clone() })),
                None => Err(not_found(format!("{user} is not banned"))),
            },
            ModerationRequest::Unmute { user } => {
                self.check_outranks(privilege, user)?;
                match in_force(&self.mutes, user, now) {
                    Some(_) => Ok(Some(ModerationChange::Unmuted { user: user.clone() })),
                    None => Err(not_found(format!("{user} is not muted"))),
                }
            }
            ModerationRequest::Role { user, role } => self.assign_role(user, *role, now),
            // The room has carried out what operators may do of it.
            ModerationRequest::Appoint { user, .. } => Err(not_found(format!("There is no registered user {user}"))),
            ModerationRequest::Settings(settings) => Ok(self.change_settings(*settings)),
            ModerationRequest::Describe(change) => {
                Ok(self.subject.description.news(change).map(ModerationChange::Described))
            }
            ModerationRequest::Pin { seq } => self.pin(*seq),
            ModerationRequest::Unpin { seq } => {
                let pinned = self.subject.pinned.contains(seq);
                Ok(pinned.then_some(ModerationChange::Unpinned { seq: *seq }))
            }
            ModerationRequest::CreateInvitation { code, options } => self.create_invitation(code, *options, now),
            ModerationRequest::RevokeInvitation { number } => self.revoke_invitation(*number, now),
            ModerationRequest::Admit { code } => self.admit(actor, code, now),
            ModerationRequest::Accept => Ok(self.accept(actor)),
            ModerationRequest::End => Ok(Some(ModerationChange::Ended)),
        }
    }

    /// Whether a user has a privilege, or a higher one.
    ///
    /// # Errors
    /// Who has it, for people to read.
    pub fn check_privilege(&self, actor: Actor<'_>, privilege: Privilege) -> Result<(), Refusal> {
        if self.privilege(actor) >= privilege {
            return Ok(());
        }
        Err(forbidden(match (self.owner(), privilege) {
            (None, Privilege::Moderator) => "This room belongs to nobody: only its operators may do that, or an admin",
            (None, _) => "This room belongs to nobody: only an admin may do that",
            (Some(_), Privilege::Moderator) => "Only the moderators of this room may do that",
            (Some(_), _) => "Only the owner of this room may do that",
        }))
    }

    /// Whether a request changes nothing but a subject that whoever speaks may change.
    fn may_describe(&self, actor: Actor<'_>, request: &ModerationRequest, now: Time) -> bool {
        let is_subject = matches!(request, ModerationRequest::Describe(change) if change.subject.is_some() && change.description.is_none());
        is_subject && self.open_subject && self.may_speak(actor, now).is_ok()
    }

    /// Whether a user may delete other users' messages.
    #[must_use]
    pub fn may_delete_others(&self, actor: Actor<'_>) -> bool {
        self.privilege(actor) >= Privilege::Moderator
    }

    /// Whether a user may read the audit log.
    ///
    /// # Errors
    /// Why not.
    pub fn may_audit(&self, room: &RoomName, actor: Actor<'_>) -> Result<(), Refusal> {
        match self.privilege(actor) {
            Privilege::Outsider => Err(Refusal::no_room(room)),
            privilege if privilege < Privilege::Moderator => {
                Err(forbidden("Only the moderators of this room may do that"))
            }
            _ => Ok(()),
        }
    }

    fn invite(&self, user: &UserName, now: Time) -> Result<Option<ModerationChange>, Refusal> {
        if self.people.contains_key(user) {
            return Ok(None);
        }
        self.may_be_listed(user, now)?;
        Ok(Some(ModerationChange::Invited { user: user.clone() }))
    }

    /// Whether a user that is not on the list may be put there.
    pub(super) fn may_be_listed(&self, user: &UserName, now: Time) -> Result<(), Refusal> {
        self.check_not_banned(user, now)?;
        self.check_list_space()
    }

    fn remove(
        &self,
        privilege: Privilege,
        user: &UserName,
        is_resignation: bool,
    ) -> Result<Option<ModerationChange>, Refusal> {
        if !self.people.contains_key(user) {
            return Err(not_found(format!("{user} is not on the list of members")));
        }
        self.check_not_owner(user)?;
        if !is_resignation {
            self.check_outranks(privilege, user)?;
        }
        Ok(Some(ModerationChange::Removed { user: user.clone() }))
    }

    fn assign_role(&self, user: &UserName, role: Role, now: Time) -> Result<Option<ModerationChange>, Refusal> {
        let was = self.people.get(user).copied();
        if was == Some(role) {
            return Ok(None);
        }
        self.check_not_owner(user)?;
        self.check_not_banned(user, now)?;
        if was.is_none() {
            self.check_list_space()?;
        }
        let former_owner = self.owner.clone().filter(|_| role == Role::Owner);
        Ok(Some(ModerationChange::Role { user: user.clone(), role, was, former_owner }))
    }

    fn change_settings(&self, settings: RoomSettings) -> Option<ModerationChange> {
        let slow_mode_s = settings.slow_mode_s.filter(|seconds| *seconds != self.slow_mode_s);
        let announcement = settings.announcement.filter(|on| *on != self.announcement);
        let members_max = settings.members_max.filter(|most| *most != self.members_max);
        let open_subject = settings.open_subject.filter(|on| *on != self.open_subject);
        let changed = RoomSettings { slow_mode_s, announcement, members_max, open_subject };
        (changed != RoomSettings::default()).then_some(ModerationChange::Settings(changed))
    }

    fn pin(&self, seq: u64) -> Result<Option<ModerationChange>, Refusal> {
        if self.subject.pinned.contains(&seq) {
            return Ok(None);
        }
        if self.subject.pinned.len() >= PINNED_MAX {
            let message = format!("{PINNED_MAX} messages of this room are pinned, which is its limit");
            return Err(Refusal::new(Code::RoomFull, message));
        }
        Ok(Some(ModerationChange::Pinned { seq }))
    }

    fn check_outranks(&self, privilege: Privilege, user: &UserName) -> Result<(), Refusal> {
        let (theirs, what) = match self.people.get(user) {
            Some(Role::Owner) => (Privilege::Owner, "the owner"),
            Some(Role::Moderator) => (Privilege::Moderator, "a moderator"),
            Some(Role::Member | Role::Voice) | None => return Ok(()),
        };
        if theirs < privilege { Ok(()) } else { Err(forbidden(format!("{user} is {what} of this room"))) }
    }

    /// The owner has to hand the room over first.
    fn check_not_owner(&self, user: &UserName) -> Result<(), Refusal> {
        if self.people.get(user) != Some(&Role::Owner) {
            return Ok(());
        }
        Err(forbidden(format!("{user} owns this room: the role of owner has to be given to somebody else first")))
    }

    fn check_not_banned(&self, user: &UserName, now: Time) -> Result<(), Refusal> {
        match self.ban(user, now) {
            Some(_) => Err(forbidden(format!("{user} is banned from this room"))),
            None => Ok(()),
        }
    }

    fn check_list_space(&self) -> Result<(), Refusal> {
        if self.people.len() < PEOPLE_MAX {
            return Ok(());
        }
        let message = format!("The list of this room has {PEOPLE_MAX} members, which is its limit");
        Err(Refusal::new(Code::RoomFull, message))
    }

    fn check_sanction_limit(&self, now: Time) -> Result<(), Refusal> {
        if self.sanctions(now) < SANCTIONS_MAX {
            return Ok(());
        }
        let message = format!("{SANCTIONS_MAX} bans and mutes are in force in this room, which is its limit");
        Err(Refusal::new(Code::RoomFull, message))
    }
}

fn until(now: Time, lasts: Option<Duration>) -> Option<Time> {
    let ms = |lasts: Duration| u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
    lasts.map(|lasts| Time(now.0.saturating_add(ms(lasts))))
}

fn forbidden(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::Forbidden, message)
}

fn not_found(message: String) -> Refusal {
    Refusal::new(Code::NotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::identity::AuthLevel;

    fn user(number: usize) -> UserName {
        UserName::stored(&format!("u{number}"))
    }

    fn decide(policy: &Policy, request: ModerationRequest) -> Result<Option<ModerationChange>, Code> {
        let (room, owner) = (RoomName::parse("den").unwrap(), UserName::stored("owner"));
        let actor = Actor { user: &owner, auth_level: AuthLevel::Registered, appointed: None };
        policy.decide(&room, actor, &request, Time(10)).map_err(|refusal| refusal.code)
    }

    #[test]
    fn lists_end_and_what_is_over_leaves_its_place() {
        let owner = (UserName::stored("owner"), Role::Owner);
        let people = |count| std::iter::once(owner.clone()).chain((0..count).map(|n| (user(n), Role::Member)));
        let full = Policy::stored(true, RoomSettings::default(), people(PEOPLE_MAX - 1), [], []);
        let newcomer = || user(PEOPLE_MAX);
        assert_eq!(decide(&full, ModerationRequest::Invite { user: newcomer() }), Err(Code::RoomFull));
        assert_eq!(
            decide(&full, ModerationRequest::Role { user: newcomer(), role: Role::Moderator }),
            Err(Code::RoomFull)
        );
        assert!(decide(&full, ModerationRequest::Role { user: user(0), role: Role::Moderator }).is_ok());
        let bans = |until| (0..SANCTIONS_MAX).map(move |n| (user(n), until));
        let banning = Policy::stored(true, RoomSettings::default(), people(0), bans(Some(Time(11))), []);
        assert_eq!(decide(&banning, ModerationRequest::Mute { user: newcomer(), lasts: None }), Err(Code::RoomFull));
        let over = Policy::stored(true, RoomSettings::default(), people(0), bans(Some(Time(10))), []);
        assert!(decide(&over, ModerationRequest::Mute { user: newcomer(), lasts: None }).is_ok());
    }

    #[test]
    fn a_ban_holds_in_any_spelling_of_the_name() {
        let owner = (UserName::stored("owner"), Role::Owner);
        let bans = [(UserName::stored("Gus"), None), (UserName::stored("Ben"), Some(Time(10)))];
        let policy = Policy::stored(false, RoomSettings::default(), [owner], bans, []);
        let gus = UserName::stored("gUS");
        assert!(policy.is_banned(&gus, Time(10)));
        assert!(
            policy.may_enter(Actor { user: &gus, auth_level: AuthLevel::Guest, appointed: None }, Time(10)).is_err()
        );
        let unbanned = ModerationChange::Unbanned { user: UserName::stored("Gus") };
        assert_eq!(decide(&policy, ModerationRequest::Unban { user: gus }), Ok(Some(unbanned)));
        assert!(!policy.is_banned(&UserName::stored("ben"), Time(10)));
    }
}
