//! The text of an OpenID Connect provider: `id=sso issuer=https://sso.example.org client=roomd …`.
//!
//! Parsed while the settings are read, on the main thread. A provider is a line of words, since a setting comes from a flag, a variable or
//! the file alike; what has a space, a comma or a percent sign in it is percent-encoded.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::chat::identity_provider::{GROUP_CHARS_MAX, ROOM_GROUPS_MAX};
use crate::chat::{IdentityProvider, RoomName};
use crate::settings::is_safe_url;

/// Characters that end a word or a provider, and the one that escapes them.
const RESERVED: &AsciiSet = &CONTROLS.add(b' ').add(b',').add(b'%');
/// Of whom users are named by a header, and not by a provider.
const PROXY: &str = crate::settings::PROXY_LOGIN;
/// Characters of an id and of a label, at most.
const ID_MAX: usize = 32;
const LABEL_MAX: usize = 64;
/// What is asked for, and which claims are looked at, where it is not said.
const SCOPE: &str = "profile";
const NAME_CLAIM: &str = "preferred_username";
const GROUPS_CLAIM: &str = "groups";

/// The text of a provider: [`parse`] makes the same provider of it.
pub fn print(provider: &IdentityProvider) -> String {
    let IdentityProvider { id, label, issuer, client, secret_file, scopes, name_claim, groups_claim, .. } = provider;
    let mut words = vec![("id", id.clone())];
    words.extend((label != id).then(|| ("label", label.clone())));
    words.extend([("issuer", issuer.clone()), ("client", client.clone())]);
    words.extend(secret_file.iter().map(|path| ("secret-file", path.clone())));
    words.extend(scopes.iter().filter(|_| *scopes != [SCOPE]).map(|scope| ("scope", scope.clone())));
    words.extend((name_claim != NAME_CLAIM).then(|| ("name-claim", name_claim.clone())));
    words.extend((groups_claim != GROUPS_CLAIM).then(|| ("groups-claim", groups_claim.clone())));
    words.extend(provider.adopts_names.then(|| ("adopt-names", "true".to_owned())));
    words.extend(provider.admin_groups.iter().map(|group| ("admin-group", group.clone())));
    words.extend(provider.room_groups.iter().map(|(group, room)| ("room-group", format!("{group}:{room}"))));
    let printed = |(key, value): &(_, String)| format!("{key}={}", utf8_percent_encode(value, RESERVED));
    words.iter().map(printed).collect::<Vec<_>>().join(" ")
}

/// Parses one provider. The error reads on after the name of the setting.
pub fn parse(text: &str) -> Result<IdentityProvider, String> {
    let problem = |what: String| format!("must be id=NAME issuer=URL client=ID …: {what}");
    read(text).map_err(problem)
}

fn read(text: &str) -> Result<IdentityProvider, String> {
    let (mut id, mut label, mut issuer, mut client, mut secret_file) = (None, None, None, None, None);
    let (mut name_claim, mut groups_claim, mut adopts_names) = (None, None, false);
    let (mut scopes, mut admin_groups, mut room_groups) = (Vec::new(), Vec::new(), Vec::new());
    for word in text.split_whitespace() {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("{word:?} has no ="))?;
        let value = percent_decode_str(value).decode_utf8().map_err(|_| format!("{key} is not UTF-8"))?.into_owned();
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(format!("{key} is empty, or has control characters"));
        }
        let one = match key {
            "id" => &mut id,
            "label" => &mut label,
            "issuer" => &mut issuer,
            "client" => &mut client,
            "secret-file" => &mut secret_file,
            "name-claim" => &mut name_claim,
            "groups-claim" => &mut groups_claim,
            "adopt-names" => {
                adopts_names = value.parse().map_err(|_| "adopt-names must be true or false")?;
                continue;
            }
            "scope" => {
                scopes.push(value);
                continue;
            }
            "admin-group" => {
                admin_groups.push(group(&value)?);
                continue;
            }
            "room-group" => {
                room_groups.push(room_group(&value)?);
                continue;
            }
            _ => return Err(format!("there is no {key:?}")),
        };
        if one.replace(value).is_some() {
            return Err(format!("{key} is there twice"));
        }
    }
    let id: String = id.ok_or("there is no id")?;
    if scopes.is_empty() {
        scopes.push(SCOPE.to_owned());
    }
    checked(IdentityProvider {
        label: label.unwrap_or_else(|| id.clone()),
        id,
        issuer: issuer.ok_or("there is no issuer")?,
        client: client.ok_or("there is no client")?,
        secret_file,
        scopes,
        name_claim: name_claim.unwrap_or_else(|| NAME_CLAIM.to_owned()),
        groups_claim: groups_claim.unwrap_or_else(|| GROUPS_CLAIM.to_owned()),
        adopts_names,
        admin_groups,
        room_groups,
    })
}

/// The provider, if what it has is within its bounds.
fn checked(provider: IdentityProvider) -> Result<IdentityProvider, String> {
    let IdentityProvider { id, label, issuer, room_groups, .. } = &provider;
    let is_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !id.chars().all(is_id) || id.len() > ID_MAX || id == PROXY {
        let allowed = format!("1 to {ID_MAX} letters in lower case, digits and hyphens");
        return Err(format!("the id {id:?} must have {allowed}, and not be {PROXY}"));
    }
    if label.chars().count() > LABEL_MAX {
        return Err(format!("the label must have at most {LABEL_MAX} characters"));
    }
    // OpenID Connect Discovery 1.0 §3: neither query nor fragment.
    if !is_safe_url(issuer) || issuer.contains(['?', '#']) {
        return Err(format!("the issuer {issuer:?} must be an https:// URL without a query"));
    }
    if room_groups.len() > ROOM_GROUPS_MAX {
        return Err(format!("there can be at most {ROOM_GROUPS_MAX} room-group"));
    }
    Ok(provider)
}

fn group(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=GROUP_CHARS_MAX => Ok(text.to_owned()),
        _ => Err(format!("a group must have 1 to {GROUP_CHARS_MAX} characters")),
    }
}

/// `GROUP:ROOM`; the name of a group may have a colon, as that of a room may: the last one counts.
fn room_group(text: &str) -> Result<(String, RoomName), String> {
    let (name, room) = text.rsplit_once(':').ok_or_else(|| format!("{text:?} is no GROUP:ROOM"))?;
    let room = RoomName::parse(room).map_err(|error| format!("the room of {text:?} {error}"))?;
    Ok((group(name)?, room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_read_and_printed_alike() {
        let least = "id=sso issuer=https://sso.example.org client=roomd";
        let provider = parse(least).unwrap();
        assert_eq!(
            (&*provider.label, &*provider.name_claim, &*provider.groups_claim),
            ("sso", NAME_CLAIM, GROUPS_CLAIM)
        );
        assert_eq!(print(&provider), least);
        let whole = "id=kc label=Ex%20ample%2C%20Inc. issuer=http://127.0.0.1:8080/realms/a client=a%2Cb \
            secret-file=/etc/roomd/kc.secret scope=email scope=groups name-claim=email groups-claim=roles \
            adopt-names=true admin-group=/ops admin-group=100%25 room-group=a:b:den";
        let provider = parse(&whole.replace(' ', " \n ")).unwrap();
        assert_eq!((&*provider.label, &*provider.client), ("Ex ample, Inc.", "a,b"));
        assert_eq!(provider.room_groups[0].0, "a:b");
        assert_eq!(print(&provider).split(' ').collect::<Vec<_>>(), whole.split_whitespace().collect::<Vec<_>>());
        assert_eq!(parse(&print(&provider)), Ok(provider));
    }

    #[test]
    fn a_mistake_in_a_provider_is_said() {
        for (text, what) in [
            ("", "there is no id"),
            ("sso", "\"sso\" has no ="),
            ("id=sso", "there is no issuer"),
            ("id=sso issuer=https://a", "there is no client"),
            ("id=sso id=b issuer=https://a client=c", "id is there twice"),
            ("id=sso issuer=https://a client=", "client is empty, or has control characters"),
            ("id=sso issuer=https://a client=%ff", "client is not UTF-8"),
            ("id=sso issuer=https://a client=c colour=red", "there is no \"colour\""),
            ("id=sso issuer=http://a client=c", "the issuer \"http://a\" must be an https:// URL without a query"),
            (
                "id=sso issuer=https://a?b client=c",
                "the issuer \"https://a?b\" must be an https:// URL without a query",
            ),
            ("id=sso issuer=https://a client=c room-group=staff", "\"staff\" is no GROUP:ROOM"),
            (
                "id=sso issuer=https://a client=c room-group=staff:a/b",
                "the room of \"staff:a/b\" must not hold the character '/'",
            ),
        ] {
            assert_eq!(parse(text), Err(format!("must be id=NAME issuer=URL client=ID …: {what}")), "{text}");
        }
        assert!(parse("id=proxy issuer=https://a client=c").is_err(), "that is the proxy's");
        assert!(parse("id=A issuer=https://a client=c").is_err());
    }
}
