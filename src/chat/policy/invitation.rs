//! Who is invited to a room: users that were put on its list and have not entered yet, and invitations that admit
//! whoever shows them.
//!
//! An invitation is a code with an end and a number of uses. It puts a registered user on the list of members; it is
//! gone when it is used up, revoked or over. A part of [`Policy`], decided and applied with it.

use std::time::Duration;

use super::{Actor, ModerationChange, PEOPLE_MAX, Policy};
use crate::chat::identity::AuthLevel;
use crate::chat::refusal::{Code, Refusal};
use crate::chat::time::Time;
use roomd_protocol::{Secret, UserName};

/// Invitations of one room that are in force, at most.
pub const INVITATIONS_MAX: usize = 50;
/// Seconds for which an invitation may be valid, at most: a year.
pub const INVITATION_MAX_S: u64 = 366 * 24 * 60 * 60;
/// How often an invitation may be used, at most: as many as fit on the list.
pub const USES_MAX: u32 = PEOPLE_MAX as u32;

/// How long an invitation is valid, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvitationOptions {
    /// How long.
    pub lasts: Duration,
    /// How many users it admits.
    pub uses: u32,
}

impl Default for InvitationOptions {
    /// A week, and a hundred users.
    fn default() -> Self {
        Self { lasts: Duration::from_secs(7 * 24 * 60 * 60), uses: 100 }
    }
}

impl InvitationOptions {
    /// Options from outside; what is left out has its default.
    ///
    /// # Errors
    /// `bad_request`: a number is out of its bounds.
    pub fn parse(for_s: Option<u64>, uses: Option<u32>) -> Result<Self, Refusal> {
        let default = Self::default();
        let lasts = match for_s {
            None => default.lasts,
            Some(seconds @ 1..=INVITATION_MAX_S) => Duration::from_secs(seconds),
            Some(_) => {
                let message = format!("An invitation is valid for 1 to {INVITATION_MAX_S} seconds");
                return Err(Refusal::bad_request(message));
            }
        };
        match uses.unwrap_or(default.uses) {
            uses @ 1..=USES_MAX => Ok(Self { lasts, uses }),
            _ => Err(Refusal::bad_request(format!("An invitation has 1 to {USES_MAX} uses"))),
        }
    }
}

/// A code that admits whoever shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its number in the room, which no other invitation ever has.
    pub number: u64,
    /// The code.
    pub code: Secret,
    /// Who made it.
    pub by: UserName,
    /// When.
    pub at: Time,
    /// When it ends.
    pub until: Time,
    /// How many users it admits.
    pub uses: u32,
    /// How many it has admitted.
    pub used: u32,
}

/// Who put a user on the list that has not entered yet, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// Who.
    pub by: UserName,
    /// When.
    pub at: Time,
}

impl Policy {
    /// With stored invitations: those who have not entered yet, those that admit, and how many of these there ever were.
    #[must_use]
    pub fn with_invitations(
        mut self,
        invited: impl IntoIterator<Item = (UserName, Invited)>,
        invitations: Vec<Invitation>,
        made: u64,
    ) -> Self {
        (self.invited, self.invitations, self.invitations_made) = (invited.into_iter().collect(), invitations, made);
        self
    }

    /// The invitations that are in force, the oldest first.
    #[must_use]
    pub fn invitations(&self, now: Time) -> Vec<Invitation> {
        self.invitations.iter().filter(|invitation| now < invitation.until).cloned().collect()
    }

    /// Who invited a user that has not entered yet, and when.
    #[must_use]
    pub fn invited(&self, user: &UserName) -> Option<&Invited> {
        self.invited.get(user)
    }

    /// The invitation of this code, while it admits anybody.
    #[must_use]
    pub fn invitation(&self, code: &Secret, now: Time) -> Option<&Invitation> {
        self.invitations.iter().find(|invitation| invitation.code == *code && now < invitation.until)
    }

    pub(super) fn create_invitation(
        &self,
        code: &Secret,
        options: InvitationOptions,
        now: Time,
    ) -> Result<Option<ModerationChange>, Refusal> {
        if self.invitations(now).len() >= INVITATIONS_MAX {
            let message = format!("{INVITATIONS_MAX} invitations of this room are in force, which is its limit");
            return Err(Refusal::new(Code::RoomFull, message));
        }
        let InvitationOptions { lasts, uses } = options;
        let (number, code) = (self.invitations_made + 1, code.clone());
        Ok(Some(ModerationChange::InvitationCreated { number, code, until: now.after(lasts), uses }))
    }

    pub(super) fn revoke_invitation(&self, number: u64, now: Time) -> Result<Option<ModerationChange>, Refusal> {
        if self.invitations.iter().any(|invitation| invitation.number == number && now < invitation.until) {
            return Ok(Some(ModerationChange::InvitationRevoked { number }));
        }
        Err(Refusal::new(Code::NotFound, format!("There is no invitation {number}")))
    }

    /// A user shows a code. A guest needs none in a public room, and cannot be on a list.
    pub(super) fn admit(
        &self,
        actor: Actor<'_>,
        code: &Secret,
        now: Time,
    ) -> Result<Option<ModerationChange>, Refusal> {
        let number = self.invitation(code, now).ok_or_else(Refusal::void_invitation)?.number;
        if actor.auth_level == AuthLevel::Guest {
            let message = "Only a registered user can be on the list of a room: register your name first";
            return if self.private { Err(Refusal::new(Code::Unauthorized, message)) } else { Ok(None) };
        }
        if self.people.contains_key(actor.user) {
            return Ok(None);
        }
        self.may_be_listed(actor.user, now)?;
        Ok(Some(ModerationChange::Admitted { user: actor.user.clone(), invitation: number }))
    }

    /// A user that was invited enters.
    pub(super) fn accept(&self, actor: Actor<'_>) -> Option<ModerationChange> {
        let is_owner = actor.auth_level > AuthLevel::Guest;
        let user = self.invited.get_key_value(actor.user).filter(|_| is_owner).map(|(user, _)| user.clone());
        user.map(|user| ModerationChange::Accepted { user })
    }

    pub(super) fn apply_invitation(&mut self, change: &ModerationChange, by: &UserName, at: Time) {
        match change {
            ModerationChange::InvitationCreated { number, code, until, uses } => {
                self.invitations.retain(|other| at < other.until);
                self.invitations_made = *number;
                self.invitations.push(Invitation {
                    number: *number,
                    code: code.clone(),
                    by: by.clone(),
                    at,
                    until: *until,
                    uses: *uses,
                    used: 0,
                });
            }
            ModerationChange::InvitationRevoked { number } => self.invitations.retain(|other| other.number != *number),
            ModerationChange::Admitted { user, invitation } => {
                self.people.entry(user.clone()).or_insert(super::Role::Member);
                self.invitations.iter_mut().filter(|other| other.number == *invitation).for_each(|used| used.used += 1);
                self.invitations.retain(|other| other.used < other.uses);
            }
            ModerationChange::Accepted { user } => _ = self.invited.remove(user),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ModerationRequest, RoomSettings};
    use super::*;
    use crate::chat::RoomName;

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    fn private() -> Policy {
        let mut policy = Policy::stored(true, RoomSettings::default(), [], [], []);
        let (owner, members) = (Some(user("Olga")), vec![user("Mia")]);
        policy.apply(&ModerationChange::Created { private: true, owner, members }, &user("Olga"), Time(1));
        policy
    }

    fn decide(
        policy: &mut Policy,
        name: &str,
        auth_level: AuthLevel,
        request: &ModerationRequest,
        now: u64,
    ) -> Result<bool, Code> {
        let (room, user) = (RoomName::parse("den").unwrap(), user(name));
        let decided = policy.decide(&room, Actor { user: &user, auth_level, appointed: None }, request, Time(now));
        let change = decided.map_err(|refusal| refusal.code)?;
        change.iter().for_each(|change| policy.apply(change, &user, Time(now)));
        Ok(change.is_some())
    }

    const REGISTERED: AuthLevel = AuthLevel::Registered;

    fn create(policy: &mut Policy, code: &str, lasts: u64, uses: u32, now: u64) -> Result<bool, Code> {
        let options = InvitationOptions { lasts: Duration::from_millis(lasts), uses };
        let request = ModerationRequest::CreateInvitation { code: code.into(), options };
        decide(policy, "Olga", REGISTERED, &request, now)
    }

    fn admit(policy: &mut Policy, name: &str, code: &str, now: u64) -> Result<bool, Code> {
        decide(policy, name, REGISTERED, &ModerationRequest::Admit { code: code.into() }, now)
    }

    #[test]
    fn an_invitation_admits_so_many_users_until_its_end() {
        let mut policy = private();
        assert_eq!(create(&mut policy, "abc", 100, 2, 10), Ok(true));
        assert_eq!(admit(&mut policy, "Ann", "abd", 11), Err(Code::Unauthorized));
        assert_eq!(admit(&mut policy, "Ann", "abc", 11), Ok(true));
        assert_eq!(admit(&mut policy, "Ann", "abc", 12), Ok(false), "who is on the list uses nothing up");
        assert_eq!(admit(&mut policy, "Bob", "abc", 110), Err(Code::Unauthorized), "it has ended");
        assert_eq!(admit(&mut policy, "Bob", "abc", 109), Ok(true));
        assert_eq!(admit(&mut policy, "Cy", "abc", 12), Err(Code::Unauthorized), "it is used up");
        assert!(["Ann", "Bob"].iter().all(|name| policy.people().contains_key(&user(name))));
    }

    #[test]
    fn who_may_not_be_on_the_list_is_not_admitted() {
        let mut policy = private();
        create(&mut policy, "abc", 100, 9, 10).unwrap();
        let guest = decide(&mut policy, "Gus", AuthLevel::Guest, &ModerationRequest::Admit { code: "abc".into() }, 11);
        assert_eq!(guest, Err(Code::Unauthorized));
        let ban = ModerationRequest::Ban { user: user("Ben"), lasts: None };
        decide(&mut policy, "Olga", REGISTERED, &ban, 11).unwrap();
        assert_eq!(admit(&mut policy, "Ben", "abc", 12), Err(Code::Forbidden));
    }

    #[test]
    fn numbers_are_not_given_twice_and_a_room_has_so_many_invitations() {
        let mut policy = private();
        let revoke = |policy: &mut Policy, number| {
            decide(policy, "Olga", REGISTERED, &ModerationRequest::RevokeInvitation { number }, 11)
        };
        create(&mut policy, "abc", 100, 9, 10).unwrap();
        assert_eq!((revoke(&mut policy, 1), revoke(&mut policy, 1)), (Ok(true), Err(Code::NotFound)));
        assert_eq!(admit(&mut policy, "Ann", "abc", 12), Err(Code::Unauthorized));
        (0..INVITATIONS_MAX).for_each(|_| assert_eq!(create(&mut policy, "x", 100, 9, 10), Ok(true)));
        assert_eq!(policy.invitations(Time(11))[0].number, 2);
        assert_eq!(create(&mut policy, "x", 100, 9, 10), Err(Code::RoomFull));
        assert_eq!(create(&mut policy, "x", 100, 9, 110), Ok(true), "those are over");
    }

    #[test]
    fn who_was_put_on_the_list_is_invited_until_they_enter_or_leave_it() {
        let mut policy = private();
        let invited = Some(Invited { by: user("Olga"), at: Time(1) });
        assert_eq!((policy.invited(&user("Mia")), policy.invited(&user("Olga"))), (invited.as_ref(), None));
        let accept = |policy: &mut Policy, level| decide(policy, "Mia", level, &ModerationRequest::Accept, 2);
        assert_eq!(accept(&mut policy, AuthLevel::Guest), Err(Code::NotFound), "a guest of that name is another");
        assert_eq!((accept(&mut policy, REGISTERED), accept(&mut policy, REGISTERED)), (Ok(true), Ok(false)));
        let invite = ModerationRequest::Invite { user: user("Ivy") };
        assert_eq!(decide(&mut policy, "Olga", REGISTERED, &invite, 3), Ok(true));
        assert!(policy.invited(&user("Ivy")).is_some());
        decide(&mut policy, "Ivy", REGISTERED, &ModerationRequest::Remove { user: user("Ivy") }, 4).unwrap();
        assert_eq!(policy.invited(&user("Ivy")), None);
    }

    #[test]
    fn options_have_bounds_and_defaults() {
        assert_eq!(InvitationOptions::parse(None, None), Ok(InvitationOptions::default()));
        let options = InvitationOptions { lasts: Duration::from_secs(INVITATION_MAX_S), uses: USES_MAX };
        assert_eq!(InvitationOptions::parse(Some(INVITATION_MAX_S), Some(USES_MAX)), Ok(options));
        for (for_s, uses) in
            [(Some(0), None), (Some(INVITATION_MAX_S + 1), None), (None, Some(0)), (None, Some(USES_MAX + 1))]
        {
            assert!(InvitationOptions::parse(for_s, uses).is_err(), "{for_s:?} {uses:?}");
        }
    }
}
