//! Users for whom somebody else vouches: an OpenID Connect provider at which they have logged in, or a proxy that has authenticated them.
//!
//! Called on a login's own thread, or a connection's. A name belongs to the first subject that comes with it, whichever provider it is
//! of; one that was claimed here is nobody's who comes from elsewhere, nor, unless the settings say so, one that was made by hand: a
//! provider where people choose their names could take any.

use std::sync::Arc;

use super::{Auth, Claimed, Claims, names, sign};
use crate::chat::{Code, Identity, Refusal, RoomName, Time, UserName};
use crate::store::accounts::Account;
use roomd_protocol::USER_CHARS_MAX;

/// Who somebody is, as another says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Who says it, and its own, lasting name for the user.
    pub subject: Arc<str>,
    /// The name that the user is to have here.
    pub user: UserName,
    /// What the user wants to be called.
    pub display: Option<Arc<str>>,
    /// Whether the user is an admin.
    pub admin: bool,
    /// The rooms that the user may enter; `None`: all.
    pub rooms: Option<Vec<RoomName>>,
    /// Whether a name that is registered and was never claimed is the user's, if it is nobody else's who comes from elsewhere.
    pub adopts: bool,
}

/// A user name of what a provider calls somebody: each run of characters that none may have is a hyphen, and what is too long is cut.
/// `None`: nothing of it can be a name.
#[must_use]
pub fn user_name(text: &str) -> Option<UserName> {
    let may_be = |c: char| UserName::parse(c.encode_utf8(&mut [0; 4])).is_ok();
    let mut name = String::new();
    for c in text.trim().chars().take(4 * USER_CHARS_MAX) {
        match c {
            c if may_be(c) => name.push(c),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let cut: String = name.chars().take(USER_CHARS_MAX).collect();
    let is_empty = cut.chars().all(|c| c == '-');
    let is_guests = cut.get(..super::GUEST.len()).is_some_and(|start| start.eq_ignore_ascii_case(super::GUEST));
    UserName::parse(&cut).ok().filter(|_| !is_empty && !is_guests)
}

impl Auth {
    /// The account of a user for whom somebody vouches, and whether the name is new. A new name is registered and bound to the subject:
    /// waits for the store.
    ///
    /// # Errors
    /// `name_taken`: the name is another's. `unavailable`.
    pub fn vouch(&self, who: &Vouched, now: Time) -> Result<(Account, bool), Refusal> {
        let account = Account { name: who.user.clone(), since: now };
        let (owner, is_new) = match self.names.owner(&who.user) {
            Some(owner) => (owner, false),
            None => match self.names.register_bound(&account, &who.subject)? {
                (Some(owner), _) => (owner, false),
                (None, true) => (account, true),
                (None, false) => return Err(names::taken(&who.user)),
            },
        };
        if !is_new && !self.is_subjects(&owner, who)? {
            log::info!(user = owner.name.as_str(); "not let in: the name is another's");
            let message = format!("The name {} is another user's here", owner.name);
            return Err(Refusal::new(Code::NameTaken, message));
        }
        self.names.note_use(&owner.name, now);
        self.suggest_display_name(&owner.name, who.display.as_ref());
        Ok((owner, is_new))
    }

    /// Whether a registered name is the user's. One that is nobody's yet may become theirs: waits for the store then.
    fn is_subjects(&self, owner: &Account, who: &Vouched) -> Result<bool, Refusal> {
        match self.names.subject(&owner.name)? {
            Some(subject) => Ok(subject == who.subject),
            None if who.adopts && self.devices.of(&owner.name).is_empty() => self.names.bind(&owner.name, &who.subject),
            None => Ok(false),
        }
    }

    /// The identity of such a user, whose account it is, until then.
    #[must_use]
    pub fn vouched_identity(&self, who: Vouched, account: Account, expires: Time) -> Identity {
        super::identity(claims_of(who, &account, expires), account.since)
    }

    /// A token of the server's own for such a user, good for this registration of the name alone and until then; nobody renews it. Waits
    /// for the store.
    ///
    /// # Errors
    /// `forbidden` without tokens, `unavailable`.
    pub fn sign_vouched(&self, who: Vouched, account: &Account, expires: Time, now: Time) -> Result<Claimed, Refusal> {
        let tokens = self.signer()?;
        sign(tokens, claims_of(who, account, expires), account.since, now)
    }
}

fn claims_of(who: Vouched, account: &Account, expires: Time) -> Claims {
    let Vouched { display, admin, rooms, .. } = who;
    // A token expires with a whole second.
    let expires = Time(expires.0 / 1_000 * 1_000);
    let claims = Claims::of(account.name.clone(), expires);
    Claims { admin, display, rooms, registered: Some(account.since), ..claims }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_name_is_made_a_users() {
        for (text, expected) in [
            ("ann", Some("ann")),
            (" Ann Meyer ", Some("Ann-Meyer")),
            ("ann@example.org", Some("ann@example.org")),
            ("EXAMPLE\\ann", Some("EXAMPLE\\ann")),
            ("https://id.example/ann?x#y", Some("https-id.example-ann-x-y")),
            ("a\u{200b}\u{0}  b", Some("a-b")),
            ("0123456789012345678901234567890123456789", Some("01234567890123456789012345678901")),
            ("J\u{fc}rgen", Some("J\u{fc}rgen")),
            ("", None),
            ("///", None),
            ("guest-1", None),
            ("Error", None),
        ] {
            assert_eq!(user_name(text).as_ref().map(UserName::as_str), expected, "{text:?}");
        }
    }
}
