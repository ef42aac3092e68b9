//! Who somebody is: guests, the names that belong to somebody, and the tokens that prove it.
//!
//! Made once at start and shared by all connections; asked on their readers' threads, but for reading
//! a token, which the engine's clerk does. Registering a name waits for the store. A build without
//! tokens has guests only.

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

/// What a guest's own name begins with: nobody can register it.
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

/// What is decided about who may come in.
#[derive(Clone, Copy, Debug)]
pub struct SignInRules {
    /// Whether one without a token may come in.
    pub guests: bool,
    /// Whether a free name may be registered by whoever asks first.
    pub claims: bool,
    /// How long the token of a name that was claimed is good for.
    pub claim_for: Duration,
}

/// A name that was just registered, or whose token was renewed.
pub struct Claimed {
    /// Who that is.
    pub identity: Identity,
    /// What proves it.
    pub token: String,
}

impl Auth {
    /// Everybody is a guest.
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

    /// Names that belong to somebody, and tokens that prove it.
    #[must_use]
    pub fn new(names: Names, tokens: Box<dyn Tokens>, policy: SignInRules) -> Arc<Self> {
        let SignInRules { guests, claims, claim_for } = policy;
        Arc::new(Self { names, tokens: Some(tokens), guests, claims, claim_for })
    }

    /// Whether one without a token may come in.
    #[must_use]
    pub fn admits_guests(&self) -> bool {
        self.guests
    }

    /// Whether there are tokens at all.
    #[must_use]
    pub fn knows_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// The names that belong to somebody.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What a token says, if it is good.
    ///
    /// # Errors
    /// `unauthorized`, in words that say nothing of the token.
    pub fn read(&self, token: &str, now: Time) -> Result<Claims, Refusal> {
        let read = self.tokens.as_ref().map_or(Err(Invalid::NotUnderstood), |tokens| tokens.read(token, now));
        read.map_err(|invalid| Refusal::new(Code::Unauthorized, invalid.sentence()))
    }

    /// Whom that names, and whether it is the first that is heard of the name. It is then registered,
    /// so that no guest uses it: waits for the store.
    ///
    /// # Errors
    /// `unauthorized` for another spelling of the name, or `unavailable`.
    pub fn admit(&self, claims: Claims, now: Time) -> Result<(Identity, bool), Refusal> {
        let account = Account { name: claims.user.clone(), since: now };
        let (owner, news) = match self.names.owner(&claims.user) {
            Some(owner) => (owner, false),
            None => (self.names.register(&account)?.unwrap_or(account), true),
        };
        if owner.name != claims.user {
            let message = format!("The name is registered as {}", owner.name);
            return Err(Refusal::new(Code::Unauthorized, message));
        }
        Ok((identity(claims, owner.since), news))
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

    /// A token that is good for longer, for the one who claimed the name.
    ///
    /// # Errors
    /// `forbidden` for a token that no claim has given, or `unavailable`.
    pub fn renew(&self, identity: &Identity, now: Time) -> Result<Claimed, Refusal> {
        let claims = identity.claims.as_ref().filter(|claims| claims.renewable);
        let (Some(tokens), Some(claims)) = (&self.tokens, claims) else {
            return Err(Refusal::new(Code::Forbidden, "This token is renewed by whoever gave it"));
        };
        sign(&**tokens, self.claim_of(&identity.user, now), claims.since, now)
    }

    fn claim_of(&self, user: &UserName, now: Time) -> Claims {
        // A token ends with a whole second.
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
