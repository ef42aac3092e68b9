//! ID tokens: what an OpenID Connect provider says of who has logged in (OpenID Connect Core 1.0 §2).
//!
//! Verified as §3.1.3.7 says, with keys that are for one algorithm each, on the thread of a login. The provider's name and ours, and the
//! login that the token is of, are compared byte by byte.

use super::super::{Disbelieved, IdTokenClaims, IdTokenRules, Invalid};
use super::claims::{Refused, TokenFields};
use super::{Audience, Issuer, header};
use crate::chat::Time;

/// The claims of a token that is what the rules say.
pub fn read(token: &str, rules: &IdTokenRules<'_>, now: Time) -> Result<IdTokenClaims, Disbelieved> {
    let issuer = Issuer::with_keys(rules.keys);
    let issuer = issuer.map_err(|error| disbelieved(format!("cannot be verified: the provider's key set {error}")))?;
    let refused = |Refused { invalid, why }| Disbelieved {
        is_key_unknown: invalid == Invalid::NotOurs,
        why: format!("is not good: {why}").into(),
    };
    let fields = header(token).and_then(|header| issuer.verify(token, &header, Audience::Any, now));
    let fields = fields.map_err(refused)?;
    check(&fields, rules)?;
    fields.subject().map_err(refused)?;
    Ok(fields.into_map())
}

fn check(fields: &TokenFields, rules: &IdTokenRules<'_>) -> Result<(), Disbelieved> {
    let says = |claim: &str| fields.text(claim).ok().flatten();
    if says("iss") != Some(rules.issuer) {
        return Err(disbelieved("is another issuer's: its iss is not the provider's"));
    }
    let audience = fields.texts("aud");
    if !audience.contains(&rules.client) {
        return Err(disbelieved("is for another client: its aud does not name this one"));
    }
    match says("azp") {
        None if audience.len() > 1 => return Err(disbelieved("is for several clients, and has no azp")),
        Some(party) if party != rules.client => return Err(disbelieved("was given to another client: its azp")),
        _ => {}
    }
    if says("nonce") != Some(rules.nonce) {
        return Err(disbelieved("is of another login: its nonce is not the one that was sent"));
    }
    Ok(())
}

fn disbelieved(why: impl Into<std::borrow::Cow<'static, str>>) -> Disbelieved {
    Disbelieved { why: why.into(), is_key_unknown: false }
}
