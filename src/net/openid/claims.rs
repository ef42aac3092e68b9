//! From what a provider says of a user to who that is here.
//!
//! A pure function of the claims and the settings. What the settings ask for and the provider does not say is the operator's to mend, so
//! it is told by the name of its claim.

use std::sync::Arc;

use serde_json::Value;

use super::LoginError;
use crate::auth::tokens::texts;
use crate::auth::vouched::user_name;
use crate::auth::{IdTokenClaims, Vouched};
use crate::chat::identity_provider::GROUPS_MAX;
use crate::chat::{Code, DisplayName, IdentityProvider, Refusal};

/// Whether the claims do not say all that the settings ask for.
pub fn lacks(claims: &IdTokenClaims, provider: &IdentityProvider) -> bool {
    let IdentityProvider { name_claim, groups_claim, .. } = provider;
    claim(claims, name_claim).is_none() || provider.asks_groups() && claim(claims, groups_claim).is_none()
}

/// The user that these claims are of.
pub fn user(claims: &IdTokenClaims, provider: &IdentityProvider) -> Result<Vouched, LoginError> {
    let IdentityProvider { name_claim, groups_claim, .. } = provider;
    let text = |name: &str| claim(claims, name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let lacking = |name: &str| LoginError::NotBelieved(format!("it says no {}", name.escape_debug()));
    let subject = text("sub").ok_or_else(|| lacking("sub"))?;
    let named = text(name_claim).ok_or_else(|| lacking(name_claim))?;
    let user = user_name(named).ok_or_else(|| {
        let message = format!("The provider calls you {:?}, of which no name can be made here", shortened(named));
        LoginError::Refused(Refusal::new(Code::Forbidden, message))
    })?;
    let groups = claim(claims, groups_claim).filter(|_| provider.asks_groups());
    let groups: Vec<_> = texts(groups).into_iter().take(GROUPS_MAX).map(str::to_owned).collect();
    let allowed = provider.allows(&groups).ok_or_else(|| {
        LoginError::Refused(Refusal::new(Code::Forbidden, "You are in no group that may come in here"))
    })?;
    let display = text("name").filter(|name| DisplayName::parse(name).is_ok()).map(Arc::from);
    // An issuer has no fragment, so this is one pair and no other.
    let subject = format!("{}#{subject}", provider.issuer).into();
    let adopts = provider.adopts_names;
    Ok(Vouched { subject, user, display, admin: allowed.admin, rooms: allowed.rooms, adopts })
}

/// A claim by its name, or, where none has it, by the names of those that it lies in with dots between them, such as `realm_access.roles`.
fn claim<'a>(claims: &'a IdTokenClaims, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    rest.split('.').try_fold(claims.get(first)?, |value, part| value.get(part))
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provider(change: impl FnOnce(&mut IdentityProvider)) -> IdentityProvider {
        let mut provider = IdentityProvider {
            id: "kc".to_owned(),
            label: "Keycloak".to_owned(),
            issuer: "https://a.org".to_owned(),
            client: "roomd".to_owned(),
            secret_file: None,
            scopes: Vec::new(),
            name_claim: "preferred_username".to_owned(),
            groups_claim: "realm_access.roles".to_owned(),
            adopts_names: false,
            admin_groups: vec!["ops".to_owned()],
            room_groups: Vec::new(),
        };
        change(&mut provider);
        provider
    }

    fn claims(value: Value) -> IdTokenClaims {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_user_is_made_of_the_claims_that_the_settings_name() {
        let said = claims(json!({"sub": "17", "preferred_username": "Ann Meyer", "name": "Ann M.",
            "realm_access": {"roles": ["x", "ops"]}}));
        assert!(!lacks(&said, &provider(|_| ())));
        let who = user(&said, &provider(|_| ())).unwrap();
        assert_eq!((&*who.subject, who.user.as_str(), who.admin), ("https://a.org#17", "Ann-Meyer", true));
        assert_eq!((who.display.as_deref(), who.rooms), (Some("Ann M."), None));
        let by_mail = provider(|provider| provider.name_claim = "email".to_owned());
        assert!(lacks(&said, &by_mail));
        assert!(matches!(user(&said, &by_mail), Err(LoginError::NotBelieved(why)) if why == "it says no email"));
        let unnamed = claims(json!({"sub": "17", "preferred_username": "//", "realm_access": {"roles": []}}));
        assert!(matches!(user(&unnamed, &provider(|_| ())), Err(LoginError::Refused(_))));
    }

    #[test]
    fn groups_are_asked_for_only_where_they_decide_something() {
        let said = claims(json!({"sub": "17", "preferred_username": "ann"}));
        assert!(lacks(&said, &provider(|_| ())));
        assert!(!user(&said, &provider(|_| ())).unwrap().admin);
        assert!(!lacks(&said, &provider(|provider| provider.admin_groups.clear())));
        let one = claims(json!({"sub": "17", "preferred_username": "ann", "realm_access.roles": "ops"}));
        assert!(user(&one, &provider(|_| ())).unwrap().admin, "the exact name goes first, and one group may be a text");
    }
}
