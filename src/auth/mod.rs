//! Authentication: guests, registered names, and the tokens that prove them.
//!
//! Created once at start and shared by the connections; called on their readers' threads, but for reading a token,
//! which the engine's login worker does. Registering a name waits for the store. A build without tokens has guests only.

#[cfg(feature = "jwt")]
pub mod jwt;
pub mod names;
pub mod tokens;

use std::sync::Arc;
use std::time::Duration;

pub use names::Names;
pub use tokens::{Claims, Invalid, Tokens};

use crate::chat::identity::TokenClaims;
use crate::chat::{AuthLevel, Code, Identity, Refusal, Time, UserName};
use crate::store::accounts::{Account, MemoryAccounts};

/// The beginning of a guest's own name; no name that begins so can be registered.
const GUEST: &str = "guest-";

/// See the module.
pub struct Auth {
    names: Names,
    /// `None`: there are no tokens, and everybody is a guest.
    tokens: Option<Box<dyn Tokens>>,
    guests: bool,
    claims: bool,
    claim_for: Duration,
}

/// Who may sign in, and how.
#[derive(Clone, Copy, Debug)]
pub struct SignInRules {
    /// Whether a user without a token may connect.
    pub guests: bool,
    /// Whether the first user who asks for a free name may register it.
    pub claims: bool,
    /// How long the token of a claimed name is valid.
    pub claim_for: Duration,
}

/// A name that was just registered, or whose token was renewed.
pub struct Claimed {
    /// The user.
    pub identity: Identity,
    /// The token that proves it.
    pub token: String,
}

impl Auth {
    /// Authentication without tokens: everybody is a guest.
    #[must_use]
    pub fn guests_only() -> Arc<Self> {
        Arc::new(Self {
            names: Names::new(Arc::new(MemoryAccounts::default()), Vec::new()),
            tokens: None,
            guests: true,
            claims: false,
            claim_for: Duration::ZERO,
        })
    }

    /// Registered names, and tokens that prove them.
    #[must_use]
    pub fn new(names: Names, tokens: Box<dyn Tokens>, rules: SignInRules) -> Arc<Self> {
        let SignInRules { guests, claims, claim_for } = rules;
        Arc::new(Self { names, tokens: Some(tokens), guests, claims, claim_for })
    }

    /// Whether a user without a token may connect.
    #[must_use]
    pub fn admits_guests(&self) -> bool {
        self.guests
    }

    /// Whether there are tokens at all.
    #[must_use]
    pub fn knows_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// The registered names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The claims of a token, if it is valid.
    ///
    /// # Errors
    /// `unauthorized`, in words that reveal nothing of the token.
    pub fn read(&self, token: &str, now: Time) -> Result<Claims, Refusal> {
        let read = self.tokens.as_ref().map_or(Err(Invalid::NotUnderstood), |tokens| tokens.read(token, now));
        read.map_err(|invalid| Refusal::new(Code::Unauthorized, invalid.sentence()))
    }

    /// The identity that the claims name, and whether the name is new. A new name is registered, so that no guest uses
    /// it: waits for the store.
    ///
    /// # Errors
    /// `unauthorized` for another spelling of the name, or `unavailable`.
    pub fn admit(&self, claims: Claims, now: Time) -> Result<(Identity, bool), Refusal> {
        let account = Account { name: claims.user.clone(), since: now };
        let (owner, is_new) = match self.names.owner(&claims.user) {
            Some(owner) => (owner, false),
            None => (self.names.register(&account)?.unwrap_or(account), true),
        };
        if owner.name != claims.user {
            let message = format!("The name is registered as {}", owner.name);
            return Err(Refusal::new(Code::Unauthorized, message));
        }
        Ok((identity(claims, owner.since), is_new))
    }

    /// Registers a free name; `in_use` says whether somebody is connected under the name, in any
    /// spelling. Waits for the store.
    ///
    /// # Errors
    /// `forbidden` where names cannot be claimed, `name_taken`, or `unavailable`.
    pub fn claim(&self, user: &UserName, now: Time, in_use: impl FnOnce() -> bool) -> Result<Claimed, Refusal> {
        let Some(tokens) = self.tokens.as_ref().filter(|_| self.claims) else {
            return Err(Refusal::new(Code::Forbidden, "Names cannot be claimed on this server"));
        };
        if user.as_str().get(..GUEST.len()).is_some_and(|start| start.eq_ignore_ascii_case(GUEST)) {
            return Err(Refusal::new(Code::BadRequest, format!("A name that begins with {GUEST} cannot be claimed")));
        }
        let account = Account { name: user.clone(), since: now };
        self.names.claim(&account, in_use)?;
        sign(&**tokens, self.claim_of(user, now), now, now)
    }

    /// A token that is valid for longer, for the user who claimed the name.
    ///
    /// # Errors
    /// `forbidden` for a token that was not issued for a claim, or `unavailable`.
    pub fn renew(&self, identity: &Identity, now: Time) -> Result<Claimed, Refusal> {
        let claims = identity.claims.as_ref().filter(|claims| claims.renewable);
        let (Some(tokens), Some(claims)) = (&self.tokens, claims) else {
            return Err(Refusal::new(Code::Forbidden, "This token is renewed by whoever gave it"));
        };
        sign(&**tokens, self.claim_of(&identity.user, now), claims.since, now)
    }

    fn claim_of(&self, user: &UserName, now: Time) -> Claims {
        // A token expires with a whole second.
        let expires = Time(now.after(self.claim_for).0 / 1_000 * 1_000);
        Claims { renewable: true, ..Claims::of(user.clone(), expires) }
    }
}

fn identity(claims: Claims, since: Time) -> Identity {
    let Claims { user, expires, admin, display, rooms, renewable } = claims;
    let auth_level = if admin { AuthLevel::Admin } else { AuthLevel::Registered };
    Identity { user, auth_level, claims: Some(Arc::new(TokenClaims { since, expires, display, rooms, renewable })) }
}

fn sign(tokens: &dyn Tokens, claims: Claims, since: Time, now: Time) -> Result<Claimed, Refusal> {
    let token = tokens.sign(&claims, now).map_err(names::unavailable)?;
    Ok(Claimed { identity: identity(claims, since), token })
}
