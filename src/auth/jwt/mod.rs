//! JSON Web Tokens (RFC 7519), signed by the server's own keys or by an issuer's.
//!
//! A key has one algorithm, and a token that names another is refused: a token's header never decides how it is
//! verified (RFC 8725 §3.1). Time is an argument. Keys are read from the store once, and again when a token names an
//! unknown one, so that a rotation needs no restart.

mod claims;
mod id_token;
mod issuer;
mod server_keys;

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

pub use issuer::{Issuer, KeyError};

use self::claims::{Refused, TokenFields};
use self::server_keys::ServerKeys;
use super::{Claims, Disbelieved, IdTokenClaims, IdTokenRules, Invalid, Tokens};
use crate::chat::admin::KeyInfo;
use crate::chat::{StoreFailed, Time};
use crate::store::AccountStore;
use crate::store::accounts::ServerKey;
use crate::sync::ArcCell;

/// Bytes of a token, at most: half of what the head of a request may have.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How far the clock of an issuer may be from ours, in milliseconds.
pub const LEEWAY_MS: u64 = 5_000;

/// See the module.
pub struct Jwt {
    own: ServerKeys,
    issuer: CurrentIssuer,
}

/// The issuer whose tokens are accepted, which can be exchanged while the server runs.
pub type CurrentIssuer = Arc<ArcCell<Option<Issuer>>>;

impl Jwt {
    /// Tokens of the server's own keys, the first of which is created if there is none, and of an issuer.
    ///
    /// # Errors
    /// The keys cannot be read, or the first cannot be stored.
    pub fn open(accounts: Arc<dyn AccountStore>, issuer: Option<Issuer>, now: Time) -> Result<Self, StoreFailed> {
        let issuer = Arc::new(ArcCell::new(issuer));
        Ok(Self { own: ServerKeys::open(accounts, now)?, issuer })
    }

    /// The issuer, to be exchanged.
    #[must_use]
    pub fn issuer(&self) -> CurrentIssuer {
        Arc::clone(&self.issuer)
    }

    /// A token that this key signs.
    ///
    /// # Errors
    /// The claims cannot be serialized: a defect.
    pub fn signed_by(key: &ServerKey, claims: &Claims, now: Time) -> Result<String, jsonwebtoken::errors::Error> {
        server_keys::sign(key, claims, now)
    }
}

impl Jwt {
    #[inline(never)]
    fn verify(&self, token: &str, now: Time) -> Result<Claims, Refused> {
        let header = header(token)?;
        if let Some(key) = self.own.key(&header, now) {
            return server_keys::read(token, &header, &key, now);
        }
        let no_issuer =
            || Refused::new(Invalid::NotOurs, "no key of this server has signed it, and there is no other issuer");
        Option::as_ref(&self.issuer.load()).ok_or_else(no_issuer)?.read(token, &header, now)
    }
}

impl Tokens for Jwt {
    fn read(&self, token: &str, now: Time) -> Result<Claims, Invalid> {
        self.verify(token, now).map_err(|Refused { invalid, why }| {
            log::info!("token refused: {why}");
            invalid
        })
    }

    fn sign(&self, claims: &Claims, now: Time) -> Result<String, StoreFailed> {
        self.own.sign(claims, now)
    }

    fn read_id_token(&self, token: &str, rules: &IdTokenRules<'_>, now: Time) -> Result<IdTokenClaims, Disbelieved> {
        id_token::read(token, rules, now)
    }

    fn keys(&self) -> Result<Vec<KeyInfo>, StoreFailed> {
        self.own.list()
    }

    fn rotate(&self, now: Time) -> Result<KeyInfo, StoreFailed> {
        self.own.rotate(now)
    }

    fn revoke(&self, key: &str) -> Result<bool, StoreFailed> {
        self.own.revoke(key)
    }

    fn take_over(&self, id: &str, key: Option<ServerKey>) {
        self.own.take_over(id, key);
    }

    fn is_revoked(&self, key: &str) -> bool {
        self.own.is_revoked(key)
    }
}

/// The header of a token that is not too long.
fn header(token: &str) -> Result<Header, Refused> {
    let not_understood = |why: &'static str| Refused::new(Invalid::NotUnderstood, why);
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refused::new(Invalid::NotUnderstood, format!("it has more than {TOKEN_BYTES_MAX} bytes")));
    }
    let header = decode_header(token).map_err(|_| not_understood("it is no JSON Web Token"))?;
    // RFC 7515 §4.1.11: a critical extension that is not understood makes the token invalid.
    match header.crit {
        Some(_) => Err(not_understood("its header has a critical extension")),
        None => Ok(header),
    }
}

/// What a token is verified against.
struct Verifier<'a> {
    key: &'a DecodingKey,
    algorithm: Algorithm,
    /// The issuer that the token must name, if any.
    issuer: Option<&'a str>,
    audience: Audience<'a>,
}

/// The audience of a token.
#[derive(Clone, Copy)]
enum Audience<'a> {
    /// It must name this one.
    Named(&'a str),
    /// It must name none.
    None,
    /// It is looked at elsewhere.
    Any,
}

/// Verifies a token with one key, and returns its claims.
fn verify(token: &str, header: &Header, verifier: &Verifier<'_>, now: Time) -> Result<TokenFields, Refused> {
    let Verifier { key, algorithm, issuer, audience } = *verifier;
    if header.alg != algorithm {
        return Err(Refused::new(
            Invalid::NotOurs,
            format!("it is signed with {:?}, and the key is for {algorithm:?}", header.alg),
        ));
    }
    let mut validation = Validation::new(algorithm);
    // Time is checked below, by the argument; and an audience, where there is to be none.
    (validation.validate_exp, validation.validate_nbf) = (false, false);
    validation.validate_aud = matches!(audience, Audience::Named(_));
    let mut required: Vec<&str> = Vec::new();
    if let Some(issuer) = issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Audience::Named(audience) = audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    let fields = decode::<Map<String, Value>>(token, key, &validation).map_err(|error| refused(&error))?.claims;
    let fields = TokenFields::new(fields);
    if matches!(audience, Audience::None) && fields.has_audience() {
        return Err(Refused::new(Invalid::NotForUs, "it has an aud, and there is no --jwt-audience"));
    }
    fields.check_time(now)?;
    Ok(fields)
}

fn refused(error: &jsonwebtoken::errors::Error) -> Refused {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature
        | ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidEcdsaKey
        | ErrorKind::InvalidRsaKey(_)
        | ErrorKind::InvalidKeyFormat => Refused::new(Invalid::NotOurs, "no known key has signed it"),
        ErrorKind::InvalidIssuer => Refused::new(Invalid::NotForUs, "its iss is not --jwt-issuer"),
        ErrorKind::InvalidAudience => Refused::new(Invalid::NotForUs, "its aud does not name --jwt-audience"),
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" || claim == "aud" => {
            Refused::new(Invalid::NotForUs, format!("it has no {claim}"))
        }
        // The error itself could quote the token.
        _ => Refused::new(Invalid::NotUnderstood, "its claims are no JSON object"),
    }
}
