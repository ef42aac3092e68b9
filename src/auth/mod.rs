//! Authentication: guests, registered names, and the tokens that prove them.
//!
//! Created once at start and shared by the connections; called on their readers' threads, but for reading a token,
//! which the engine's login worker does. Registering a name waits for the store. A build without tokens has guests only.

mod account_list;
pub mod devices;
pub mod display_names;
pub mod hooks;
#[cfg(feature = "jwt")]
pub mod jwt;
pub mod names;
pub mod tokens;
pub mod vouched;

use std::sync::Arc;
use std::time::Duration;

pub use devices::{DeviceCode, Devices};
pub use display_names::DisplayNames;
pub use names::Names;
pub use tokens::{Claims, Disbelieved, IdTokenClaims, IdTokenRules, Invalid, Tokens};
pub use vouched::Vouched;

use crate::chat::device::{DeviceId, DeviceLabel};
use crate::chat::identity::TokenClaims;
use crate::chat::{AuthLevel, Code, DisplayName, Identity, Refusal, RoomName, Secret, Time, UserName};
use crate::store::accounts::{Account, AccountStore, MemoryAccounts};
use crate::store::change_feed::AccountState;
use crate::sync::ArcCell;

/// The beginning of a guest's own name; no name that begins so can be registered.
const GUEST: &str = "guest-";

/// See the module.
pub struct Auth {
    names: Names,
    devices: Devices,
    display_names: DisplayNames,
    /// `None`: there are no tokens, and everybody is a guest.
    tokens: Option<Box<dyn Tokens>>,
    rules: ArcCell<SignInRules>,
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
        let accounts = Arc::new(MemoryAccounts::default());
        Arc::new(Self {
            names: Names::new(Arc::clone(&accounts) as _, Vec::new()),
            devices: Devices::new(Arc::clone(&accounts) as _, Vec::new()),
            display_names: DisplayNames::new(accounts, Vec::new()),
            tokens: None,
            rules: ArcCell::new(SignInRules { guests: true, claims: false, claim_for: Duration::ZERO }),
        })
    }

    /// Registered names with their devices and display names, and tokens that prove them.
    #[must_use]
    pub fn new(
        names: Names,
        (devices, display_names): (Devices, DisplayNames),
        tokens: Box<dyn Tokens>,
        rules: SignInRules,
    ) -> Arc<Self> {
        let rules = ArcCell::new(rules);
        Arc::new(Self { names, devices, display_names, tokens: Some(tokens), rules })
    }

    /// Who signs in from now on does so by other rules; who is connected stays.
    pub fn set_rules(&self, rules: SignInRules) {
        self.rules.store(rules);
    }

    /// Whether a user without a token may connect.
    #[must_use]
    pub fn admits_guests(&self) -> bool {
        self.rules.load().guests
    }

    /// Whether a free name is registered to the first user who asks.
    #[must_use]
    pub fn registers_names(&self) -> bool {
        self.rules.load().claims && self.tokens.is_some()
    }

    /// Whether there are tokens at all.
    #[must_use]
    pub fn knows_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// What reads and signs tokens; `None`: there are none.
    #[must_use]
    pub fn tokens(&self) -> Option<&dyn Tokens> {
        self.tokens.as_deref()
    }

    /// The same, for who cannot do without.
    ///
    /// # Errors
    /// `forbidden`: there are none.
    pub fn signer(&self) -> Result<&dyn Tokens, Refusal> {
        self.tokens().ok_or_else(|| Refusal::new(Code::Forbidden, "There are no tokens on this server"))
    }

    /// The registered names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What registered users want to be called.
    #[must_use]
    pub fn display_names(&self) -> &DisplayNames {
        &self.display_names
    }

    /// Sets the display name of a registered user, or removes it. Waits for the store.
    ///
    /// # Errors
    /// `name_taken`: it is the registered name of another user; `unauthorized`: the user is not registered;
    /// `unavailable`.
    pub fn set_display_name(&self, user: &UserName, name: Option<DisplayName>) -> Result<(), Refusal> {
        let another = name.as_ref().and_then(|name| UserName::parse(name.as_str()).ok());
        let owner = another.and_then(|another| self.names.owner(&another));
        if let Some(owner) = owner.filter(|owner| owner.name != *user) {
            return Err(names::taken(&owner.name));
        }
        if self.display_names.set(user, name).map_err(names::unavailable)? {
            return Ok(());
        }
        Err(Refusal::new(Code::Unauthorized, "The name is no longer registered"))
    }

    /// Takes over the display name in a user's token, unless the user has one. May wait for the store; one that cannot
    /// be stored, or is none, is taken over the next time.
    fn suggest_display_name(&self, user: &UserName, suggested: Option<&Arc<str>>) {
        let Some(name) = suggested.and_then(|name| DisplayName::parse(name).ok()) else { return };
        if self.display_names.of(user).is_none() {
            _ = self.set_display_name(user, Some(name));
        }
    }

    /// The devices of the claimed names.
    #[must_use]
    pub fn devices(&self) -> &Devices {
        &self.devices
    }

    /// Takes over what another server has made of a registered name; the account that was known before. Does not block.
    pub fn take_over(&self, state: &AccountState) -> Option<Account> {
        let AccountState { name, account, devices, display_name } = state;
        let before = self.names.take_over(name, account.clone());
        if account.is_none() {
            self.devices.forget(name);
        }
        // Those that are missing end by themselves: one of them may have been added meanwhile.
        devices.iter().for_each(|device| self.devices.stored(name, device.clone()));
        self.display_names.stored(name, display_name.clone());
        before
    }

    /// What is kept for registered users.
    #[must_use]
    pub fn accounts(&self) -> &dyn AccountStore {
        self.names.accounts()
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
    /// it: waits for the store. A token of a claim or a login is good for the registration, and the device, that it was issued for
    /// alone: a name that was given up does not come back with it, and does not go back to its former owner.
    ///
    /// # Errors
    /// `unauthorized` for another spelling, registration or subject of the name, or a device that was ended;
    /// `unavailable`.
    pub fn admit(&self, claims: Claims, now: Time) -> Result<(Identity, bool), Refusal> {
        let account = Account { name: claims.user.clone(), since: now };
        let given_up = || Refusal::new(Code::Unauthorized, "The name that the token is for was given up");
        let (owner, is_new) = match self.names.owner(&claims.user) {
            Some(owner) => (owner, false),
            None if claims.device.is_some() || claims.registered.is_some() => return Err(given_up()),
            None => (self.names.register(&account)?.unwrap_or(account), true),
        };
        if owner.name != claims.user {
            let message = format!("The name is registered as {}", owner.name);
            log::info!("token refused: its user is registered in another spelling");
            return Err(Refusal::new(Code::Unauthorized, message));
        }
        if let Some(subject) = &claims.subject
            && !self.names.bind(&owner.name, subject)?
        {
            log::info!(user = owner.name.as_str(); "token refused: another subject of the issuer has had this name before");
            return Err(Refusal::new(Code::Unauthorized, format!("The name {} is another user's", owner.name)));
        }
        if claims.registered.is_some_and(|registered| registered != owner.since) {
            return Err(given_up());
        }
        if let Some(device) = claims.device {
            if !self.devices.has(&owner.name, device) {
                return Err(Refusal::new(Code::Unauthorized, "The device that the token is for was signed out"));
            }
            self.devices.note_use(&owner.name, device, now);
        }
        self.names.note_use(&owner.name, now);
        self.suggest_display_name(&owner.name, claims.display.as_ref());
        Ok((identity(claims, owner.since), is_new))
    }

    /// Registers a free name to its first device, of this label; `in_use` says whether somebody is connected under the
    /// name, in any spelling. Waits for the store.
    ///
    /// # Errors
    /// `forbidden` where names cannot be claimed, `name_taken`, or `unavailable`.
    pub fn claim(
        &self,
        user: &UserName,
        label: Option<DeviceLabel>,
        now: Time,
        in_use: impl FnOnce() -> bool,
    ) -> Result<Claimed, Refusal> {
        let Some(tokens) = self.tokens.as_ref().filter(|_| self.rules.load().claims) else {
            return Err(Refusal::new(Code::Forbidden, "Names cannot be claimed on this server"));
        };
        if user.as_str().get(..GUEST.len()).is_some_and(|start| start.eq_ignore_ascii_case(GUEST)) {
            return Err(Refusal::new(Code::BadRequest, format!("A name that begins with {GUEST} cannot be claimed")));
        }
        let account = Account { name: user.clone(), since: now };
        let device = Devices::draw(label, now)?;
        self.names.claim(&account, &device, in_use)?;
        let id = device.id;
        self.devices.stored(user, device);
        sign(&**tokens, self.claim_of(user, id, None, now, now), now, now)
    }

    /// A token that is valid for longer, for the user who claimed the name.
    ///
    /// # Errors
    /// `forbidden` for a token that was not issued for a claim, or `unavailable`.
    pub fn renew(&self, identity: &Identity, now: Time) -> Result<Claimed, Refusal> {
        let (Some(tokens), Some(claims), Some(device)) = (&self.tokens, &identity.claims, identity.device()) else {
            return Err(Refusal::new(Code::Forbidden, "This token is renewed by whoever gave it"));
        };
        let renewed = self.claim_of(&identity.user, device, claims.rooms.clone(), claims.since, now);
        sign(&**tokens, renewed, claims.since, now)
    }

    /// A code that signs in another device of the user who claimed the name; an earlier one is void.
    ///
    /// # Errors
    /// `forbidden` for a token that was not issued for a claim, or when the name has too many devices; `unavailable`.
    pub fn add_device(&self, identity: &Identity, now: Time) -> Result<DeviceCode, Refusal> {
        let claims = identity.claims.as_ref().filter(|claims| claims.device.is_some() && claims.rooms.is_none());
        let claims = claims.ok_or_else(|| {
            Refusal::new(Code::Forbidden, "This token signs in no other device: ask whoever gave it for another one")
        })?;
        self.devices.add(&identity.user, claims.since, now)
    }

    /// Signs in the device that a code is for, under this label; the code is void from now on. Waits for the store.
    ///
    /// # Errors
    /// `unauthorized` for a code that is not valid, `forbidden` when the name has too many devices, `unavailable`.
    pub fn redeem(&self, code: &Secret, label: Option<DeviceLabel>, now: Time) -> Result<Claimed, Refusal> {
        let tokens = self.signer()?;
        let (user, registered, device) = self.devices.redeem(code, label, now)?;
        sign(tokens, self.claim_of(&user, device.id, None, registered, now), registered, now)
    }

    /// Whether an identity's token is still good: the device that it was issued to is signed in, and the key that has signed it was not
    /// revoked. Does not block.
    #[must_use]
    pub fn is_signed_in(&self, who: &Identity) -> bool {
        let is_revoked = |key| self.tokens.as_ref().is_some_and(|tokens| tokens.is_revoked(key));
        who.device().is_none_or(|device| self.devices.has(&who.user, device)) && !who.key().is_some_and(is_revoked)
    }

    fn claim_of(
        &self,
        user: &UserName,
        device: DeviceId,
        rooms: Option<Vec<RoomName>>,
        registered: Time,
        now: Time,
    ) -> Claims {
        // A token expires with a whole second.
        let expires = Time(now.after(self.rules.load().claim_for).0 / 1_000 * 1_000);
        Claims { device: Some(device), registered: Some(registered), rooms, ..Claims::of(user.clone(), expires) }
    }
}

fn identity(claims: Claims, since: Time) -> Identity {
    let Claims { user, expires, admin, display, rooms, device, rate, key, .. } = claims;
    let auth_level = if admin { AuthLevel::Admin } else { AuthLevel::Registered };
    let claims = TokenClaims { since, expires, display, rooms, device, rate, key };
    Identity { user, auth_level, claims: Some(Arc::new(claims)) }
}

fn sign(tokens: &dyn Tokens, claims: Claims, since: Time, now: Time) -> Result<Claimed, Refusal> {
    let token = tokens.sign(&claims, now).map_err(names::unavailable)?;
    Ok(Claimed { identity: identity(claims, since), token })
}
