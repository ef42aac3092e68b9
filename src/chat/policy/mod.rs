//! The policy of a room: public or private, its member list, bans, mutes and settings.
//!
//! Owned by a room, stepped with it; a copy stands in the engine's policy index, for requests that do
//! not wait for the room. Most rooms have no policy: anybody joins and speaks, and only an
//! admin moderates. Bans and mutes end by the wall clock, because they outlive the server. What
//! is allowed is decided in `permissions.rs`, from one table.

pub mod description;
pub mod invitation;
pub mod moderation;
mod permissions;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use description::{DESCRIPTION_BYTES_MAX, Description, RoomSubject, SUBJECT_BYTES_MAX, SubjectAuthor};
pub use invitation::{Invitation, InvitationOptions, Invited};
pub use moderation::{AuditEntry, ModerationAction, ModerationChange, ModerationRequest, RoomOptions, RoomSettings};

use super::identity::{AuthLevel, Identity};
use super::refusal::{Code, Refusal};
use super::time::Time;
use roomd_protocol::{FoldedName, UserName};

/// Users on the list of members of one room, at most.
pub const PEOPLE_MAX: usize = 10_000;
/// Bans and mutes of one room that are in force, at most.
pub const SANCTIONS_MAX: usize = 1_000;
/// Members that a room may begin with, at most.
pub const INITIAL_MEMBERS_MAX: usize = 100;
/// Users to whom a room can be limited, at most.
pub const MEMBERS_MAX: u32 = 1_000_000;
/// Seconds of slow mode, at most: a day.
pub const SLOW_MODE_MAX_S: u32 = 24 * 60 * 60;
/// Seconds that a ban or a mute which ends may last, at most: ten years.
pub const SANCTION_MAX_S: u64 = 10 * 366 * 24 * 60 * 60;

/// A user's role in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// On the member list: may join a private room.
    Member,
    /// Speaks also where only moderators do.
    Voice,
    /// Decides who else may, and who may speak.
    Moderator,
    /// Decides who moderates, and may end the room. There is one, or none.
    Owner,
}

impl Role {
    /// All of them, from the least on.
    pub const ALL: [Self; 4] = [Self::Member, Self::Voice, Self::Moderator, Self::Owner];

    /// Its name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Voice => "voice",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// How much a user may do in a room, by role and auth level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Privilege {
    /// Not on the member list of a private room, which does not exist for them.
    Outsider,
    /// Anybody in a public room.
    NonMember,
    /// See [`Role::Member`].
    Member,
    /// See [`Role::Voice`].
    Voice,
    /// See [`Role::Moderator`].
    Moderator,
    /// See [`Role::Owner`].
    Owner,
    /// An administrator of the server: more than the owner, in every room.
    Admin,
}

/// A user, as a policy sees them.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// The user's name.
    pub user: &'a UserName,
    /// How the user is authenticated.
    pub auth_level: AuthLevel,
    /// The role that an operator of the room has given the connection, which the room alone knows.
    pub appointed: Option<Role>,
}

impl<'a> From<&'a Identity> for Actor<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self { user: &identity.user, auth_level: identity.auth_level, appointed: None }
    }
}

/// When a sanction ends; `None`: never.
type Until = Option<Time>;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    private: bool,
    /// At most one of them is the owner.
    people: BTreeMap<UserName, Role>,
    owner: Option<UserName>,
    bans: BTreeMap<UserName, Until>,
    mutes: BTreeMap<UserName, Until>,
    slow_mode_s: u32,
    announcement: bool,
    members_max: u32,
    open_subject: bool,
    subject: RoomSubject,
    /// Who set the subject that the room has, and when.
    subject_author: Option<SubjectAuthor>,
    /// When the room was created.
    created: Option<Time>,
    /// Users on the list that have not entered yet.
    invited: BTreeMap<UserName, Invited>,
    /// The oldest first; those that have ended are removed with the next one.
    invitations: Vec<Invitation>,
    /// How many invitations there ever were.
    invitations_made: u64,
    /// Whether operators have decided a part of it: then it ends with the room's last member.
    transient: bool,
}

impl Policy {
    /// The policy of a public room without an owner.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            private: false,
            people: BTreeMap::new(),
            owner: None,
            bans: BTreeMap::new(),
            mutes: BTreeMap::new(),
            slow_mode_s: 0,
            announcement: false,
            members_max: 0,
            open_subject: false,
            subject: RoomSubject {
                description: Description { subject: None, description: None },
                pinned: BTreeSet::new(),
            },
            subject_author: None,
            created: None,
            invited: BTreeMap::new(),
            invitations: Vec::new(),
            invitations_made: 0,
            transient: false,
        }
    }

    /// A stored policy; the lists in any order.
    #[must_use]
    pub fn stored(
        private: bool,
        settings: RoomSettings,
        people: impl IntoIterator<Item = (UserName, Role)>,
        bans: impl IntoIterator<Item = (UserName, Option<Time>)>,
        mutes: impl IntoIterator<Item = (UserName, Option<Time>)>,
    ) -> Self {
        let people: BTreeMap<_, _> = people.into_iter().collect();
        let owner = people.iter().find(|(_, role)| **role == Role::Owner).map(|(user, _)| user.clone());
        Self {
            private,
            people,
            owner,
            bans: bans.into_iter().collect(),
            mutes: mutes.into_iter().collect(),
            slow_mode_s: settings.slow_mode_s.unwrap_or_default(),
            announcement: settings.announcement.unwrap_or_default(),
            members_max: settings.members_max.unwrap_or_default(),
            open_subject: settings.open_subject.unwrap_or_default(),
            subject: RoomSubject::default(),
            ..Self::none()
        }
    }

    /// With a stored subject.
    #[must_use]
    pub fn with_subject(mut self, subject: RoomSubject) -> Self {
        self.subject = subject;
        self
    }

    /// With what the audit says: when the room was created, and who set its subject.
    #[must_use]
    pub fn with_origin(mut self, created: Option<Time>, subject_author: Option<SubjectAuthor>) -> Self {
        self.created = created;
        self.subject_author = subject_author.filter(|_| self.subject.description.subject.is_some());
        self
    }

    /// When the room was created; `None`: it was opened, or is of a time that kept no account of it.
    #[must_use]
    pub fn created(&self) -> Option<Time> {
        self.created
    }

    /// Who set the subject that the room has, and when.
    #[must_use]
    pub fn subject_author(&self) -> Option<&SubjectAuthor> {
        self.subject_author.as_ref()
    }

    /// With what operators decide, which ends with the room's last member.
    #[must_use]
    pub fn made_transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Whether operators have decided a part of it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// What the room is about.
    #[must_use]
    pub fn subject(&self) -> &RoomSubject {
        &self.subject
    }

    /// Whether only users on the member list may join.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// The member list, in the order of the names.
    #[must_use]
    pub fn people(&self) -> &BTreeMap<UserName, Role> {
        &self.people
    }

    /// The bans, and when each ends.
    #[must_use]
    pub fn bans(&self) -> &BTreeMap<UserName, Option<Time>> {
        &self.bans
    }

    /// The mutes, and when each ends.
    #[must_use]
    pub fn mutes(&self) -> &BTreeMap<UserName, Option<Time>> {
        &self.mutes
    }

    /// The owner of the room.
    #[must_use]
    pub fn owner(&self) -> Option<&UserName> {
        self.owner.as_ref()
    }

    /// The settings, all of them.
    #[must_use]
    pub fn settings(&self) -> RoomSettings {
        RoomSettings {
            slow_mode_s: Some(self.slow_mode_s),
            announcement: Some(self.announcement),
            members_max: Some(self.members_max),
            open_subject: Some(self.open_subject),
        }
    }

    /// How long a user waits between two messages; zero: not at all.
    #[must_use]
    pub fn slow_mode(&self) -> Duration {
        Duration::from_secs(self.slow_mode_s.into())
    }

    /// The privilege of a user in this room.
    #[must_use]
    pub fn privilege(&self, actor: Actor<'_>) -> Privilege {
        let listed = match actor.auth_level {
            AuthLevel::Admin => return Privilege::Admin,
            AuthLevel::Registered => self.people.get(actor.user).copied(),
            // A guest under a name on the list is another user.
            AuthLevel::Guest => None,
        };
        match listed.max(actor.appointed) {
            Some(Role::Owner) => Privilege::Owner,
            Some(Role::Moderator) => Privilege::Moderator,
            Some(Role::Voice) => Privilege::Voice,
            Some(Role::Member) => Privilege::Member,
            None if self.private => Privilege::Outsider,
            None => Privilege::NonMember,
        }
    }

    /// Whether a user may know of this room, and read in it.
    #[must_use]
    pub fn is_seen_by(&self, actor: Actor<'_>) -> bool {
        self.privilege(actor) > Privilege::Outsider
    }

    /// Whether a user may join.
    ///
    /// # Errors
    /// Why not.
    pub fn may_enter(&self, actor: Actor<'_>, now: Time) -> Result<(), Refusal> {
        let privilege = self.privilege(actor);
        if privilege < Privilege::Admin
            && let Some((_, until)) = self.ban(actor.user, now)
        {
            return Err(sanctioned(Code::Forbidden, "You are banned from this room", until, now));
        }
        if privilege == Privilege::Outsider {
            return Err(Refusal::new(Code::Forbidden, "This room is private: only those who are invited may enter"));
        }
        Ok(())
    }

    /// Whether there is a place for a further user, where so many are in the room.
    ///
    /// # Errors
    /// There is none.
    pub fn has_place(&self, actor: Actor<'_>, users: usize) -> Result<(), Refusal> {
        let most = usize::try_from(self.members_max).unwrap_or(usize::MAX);
        if most == 0 || users < most || self.privilege(actor) >= Privilege::Moderator {
            return Ok(());
        }
        Err(Refusal::new(Code::RoomFull, format!("This room is limited to {most} users")))
    }

    /// Whether a user is refused by name, whatever else is allowed.
    #[must_use]
    pub fn is_banned(&self, user: &UserName, now: Time) -> bool {
        self.ban(user, now).is_some()
    }

    /// The ban of a user that is in force, under the name of which the user's is a spelling.
    fn ban(&self, user: &UserName, now: Time) -> Option<(&UserName, Until)> {
        if let Some((banned, _)) = self.bans.get_key_value(user) {
            return in_force(&self.bans, user, now).map(|until| (banned, until));
        }
        if self.bans.is_empty() {
            return None;
        }
        let folded = FoldedName::of(user);
        let banned = self.bans.keys().find(|banned| FoldedName::of(banned) == folded)?;
        in_force(&self.bans, banned, now).map(|until| (banned, until))
    }

    /// Whether a member may speak. Slow mode is the room's to check.
    ///
    /// # Errors
    /// Why not.
    pub fn may_speak(&self, actor: Actor<'_>, now: Time) -> Result<(), Refusal> {
        if !self.restricts_speaking() {
            return Ok(());
        }
        let privilege = self.privilege(actor);
        if privilege < Privilege::Admin
            && let Some(until) = in_force(&self.mutes, actor.user, now)
        {
            return Err(sanctioned(Code::Muted, "You are muted in this room", until, now));
        }
        if self.announcement && privilege < Privilege::Voice {
            return Err(Refusal::new(Code::Forbidden, "Only moderators and users with a voice speak in this room"));
        }
        Ok(())
    }

    /// Whether anybody may be refused to speak: mostly not, and then nothing is looked up.
    #[must_use]
    pub fn restricts_speaking(&self) -> bool {
        self.announcement || !self.mutes.is_empty()
    }

    /// Whether anybody may be refused to join.
    #[must_use]
    pub fn restricts_joining(&self) -> bool {
        self.private || !self.bans.is_empty()
    }

    /// Applies a change of this user's that was decided at this time.
    pub fn apply(&mut self, change: &ModerationChange, by: &UserName, at: Time) {
        match change {
            ModerationChange::Created { private, owner, members } => {
                self.private = *private;
                self.created = Some(at);
                self.people = members.iter().map(|user| (user.clone(), Role::Member)).collect();
                self.people.extend(owner.iter().map(|user| (user.clone(), Role::Owner)));
                self.owner = owner.clone();
                let invited = members.iter().filter(|user| Some(*user) != owner.as_ref());
                self.invited = invited.map(|user| (user.clone(), Invited { by: by.clone(), at })).collect();
            }
            ModerationChange::Invited { user } => {
                let role = self.people.get(user).copied().unwrap_or(Role::Member);
                self.list(user, role, by, at);
            }
            ModerationChange::Removed { user } => self.unlist(user),
            ModerationChange::Banned { user, until } => {
                self.unlist(user);
                sanction(&mut self.bans, user, *until, at);
            }
            ModerationChange::Unbanned { user } => _ = self.bans.remove(user),
            ModerationChange::Muted { user, until } => sanction(&mut self.mutes, user, *until, at),
            ModerationChange::Unmuted { user } => _ = self.mutes.remove(user),
            ModerationChange::Role { user, role, .. } => {
                if *role == Role::Owner
                    && let Some(old) = self.owner.replace(user.clone())
                {
                    self.people.insert(old, Role::Moderator);
                }
                self.list(user, *role, by, at);
            }
            ModerationChange::Settings(settings) => {
                self.slow_mode_s = settings.slow_mode_s.unwrap_or(self.slow_mode_s);
                self.announcement = settings.announcement.unwrap_or(self.announcement);
                self.members_max = settings.members_max.unwrap_or(self.members_max);
                self.open_subject = settings.open_subject.unwrap_or(self.open_subject);
            }
            ModerationChange::Described(description) => {
                self.subject.description.apply(description);
                if let Some(subject) = &description.subject {
                    let author = SubjectAuthor { by: by.clone(), at };
                    self.subject_author = Some(author).filter(|_| !subject.is_empty());
                }
            }
            ModerationChange::Pinned { seq } => _ = self.subject.pinned.insert(*seq),
            ModerationChange::Unpinned { seq } => _ = self.subject.pinned.remove(seq),
            ModerationChange::Ended => *self = Self::default(),
            ModerationChange::InvitationCreated { .. }
            | ModerationChange::InvitationRevoked { .. }
            | ModerationChange::Admitted { .. }
            | ModerationChange::Accepted { .. } => self.apply_invitation(change, by, at),
            ModerationChange::Kicked { .. } | ModerationChange::Deleted { .. } => {}
        }
    }

    /// Gives a user a role; one who was not on the list is invited.
    fn list(&mut self, user: &UserName, role: Role, by: &UserName, at: Time) {
        if self.people.insert(user.clone(), role).is_none() {
            self.invited.insert(user.clone(), Invited { by: by.clone(), at });
        }
    }

    fn unlist(&mut self, user: &UserName) {
        self.people.remove(user);
        self.invited.remove(user);
    }

    /// How many bans and mutes are in force.
    fn sanctions(&self, now: Time) -> usize {
        let all = self.bans.values().chain(self.mutes.values());
        all.filter(|until| until.is_none_or(|until| now < until)).count()
    }
}

/// When a user's sanction ends, if it is in force.
fn in_force(sanctions: &BTreeMap<UserName, Until>, user: &UserName, now: Time) -> Option<Until> {
    sanctions.get(user).copied().filter(|until| until.is_none_or(|until| now < until))
}

/// Adds a sanction, and removes those that have ended.
fn sanction(sanctions: &mut BTreeMap<UserName, Until>, user: &UserName, until: Until, at: Time) {
    sanctions.retain(|_, until| until.is_none_or(|until| at < until));
    sanctions.insert(user.clone(), until);
}

fn sanctioned(code: Code, what: &'static str, until: Until, now: Time) -> Refusal {
    match until {
        None => Refusal::new(code, what),
        Some(until) => {
            let retry_after = Some(Duration::from_millis(until.0.saturating_sub(now.0)));
            Refusal { retry_after, ..Refusal::new(code, format!("{what} until {until}")) }
        }
    }
}
