//! Names between the two worlds: a room is a channel, a user is a nick.
//!
//! The channel of the room `ops` is `#ops`. What a name may hold and IRC's grammar cannot, a comma, `!`, `@` or `*`, is
//! written as `%2C`, `%21`, `%40`, `%2A`, and a `%` that would be read as one of these as `%25`: each name has one
//! form and is found by it.

use std::borrow::Cow;

use crate::chat::Authors;
use roomd_protocol::{NameError, RoomName, UserName};

/// Why a text names no channel, or no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameProblem {
    /// IRC's grammar does not allow it.
    Grammar,
    /// It is no name for a room, or a user.
    Name(NameError),
}

/// Bytes of an ident, at most, without its `~`.
pub const IDENT_BYTES_MAX: usize = 18;

/// Characters that are written as `%XX`.
const ESCAPED: [(char, &str); 4] = [(',', "2C"), ('!', "21"), ('@', "40"), ('*', "2A")];

/// The channel of a room.
#[must_use]
pub fn channel(room: &RoomName) -> String {
    format!("#{}", escape(room.as_str(), &[',']))
}

/// Whether a target is a channel, not a user.
#[must_use]
pub fn is_channel(target: &str) -> bool {
    target.starts_with(['#', '&', '+', '!'])
}

/// The room of a channel.
///
/// # Errors
/// Why there can be none.
pub fn room(channel: &str) -> Result<RoomName, NameProblem> {
    let name = channel.strip_prefix('#').ok_or(NameProblem::Grammar)?;
    RoomName::parse(&unescape(name, &[','])).map_err(NameProblem::Name)
}

/// The nick of a user.
#[must_use]
pub fn nick(user: &UserName) -> Cow<'_, str> {
    escape(user.as_str(), &[',', '!', '@', '*'])
}

/// The user of a nick, or of the mask of one user: `nick!user@host` names `nick`.
///
/// # Errors
/// Why there can be none.
pub fn user(nick: &str) -> Result<UserName, NameProblem> {
    let nick = nick.split(['!', '@']).next().unwrap_or_default();
    UserName::parse(&unescape(nick, &[',', '!', '@', '*'])).map_err(NameProblem::Name)
}

/// The user of a nick that a client chooses for itself: of ASCII it has letters, digits and `[]\`_^{|}-`, and begins
/// with neither a digit nor `-` (RFC 2812 §2.3.1); beyond ASCII, what a name may have.
///
/// # Errors
/// Why it cannot be chosen.
pub fn guest_nick(nick: &str) -> Result<UserName, NameProblem> {
    let is_allowed = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "[]\\`_^{|}-".contains(c);
    if nick.starts_with(|c: char| c.is_ascii_digit() || c == '-') || !nick.chars().all(is_allowed) {
        return Err(NameProblem::Grammar);
    }
    UserName::parse(nick).map_err(NameProblem::Name)
}

/// A user as the source of a line. Where they connect from is nobody's business: the host is the server.
#[must_use]
pub fn source(user: &UserName, authors: &Authors) -> String {
    format!("{}!{}@{}", nick(user), ident(authors.ident(user).as_deref()), authors.irc_name())
}

/// The ident of a user as a source shows it: with `~`, since the server has only been told of it. Who has said none,
/// above all on other doors, has `~u`.
#[must_use]
pub fn ident(said: Option<&str>) -> String {
    format!("~{}", said.unwrap_or("u"))
}

/// The ident that a client says in `USER`: of its characters those that are allowed in one; `None` if none is left.
#[must_use]
pub fn parse_ident(said: &str) -> Option<String> {
    let is_allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let ident: String = said.chars().filter(is_allowed).take(IDENT_BYTES_MAX).collect();
    Some(ident).filter(|ident| !ident.is_empty())
}

fn escape<'a>(name: &'a str, unfit: &[char]) -> Cow<'a, str> {
    if !name.contains('%') && !name.contains(unfit) {
        return name.into();
    }
    let mut escaped = String::with_capacity(name.len() + 8);
    for (at, c) in name.char_indices() {
        let code = ESCAPED.iter().find(|(char, _)| *char == c && unfit.contains(&c)).map(|(_, code)| *code);
        match code {
            Some(code) => escaped.extend(["%", code]),
            None if c == '%' && decoded(&name[at + 1..], unfit).is_some() => escaped.push_str("%25"),
            None => escaped.push(c),
        }
    }
    escaped.into()
}

fn unescape<'a>(text: &'a str, unfit: &[char]) -> Cow<'a, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match decoded(rest, unfit) {
            Some(c) => {
                plain.push(c);
                rest = &rest[2..];
            }
            None => plain.push('%'),
        }
    }
    plain.push_str(rest);
    plain.into()
}

/// What the code that a text begins with stands for.
fn decoded(text: &str, unfit: &[char]) -> Option<char> {
    let code = text.get(..2)?;
    let of_code = ESCAPED.iter().find(|(c, known)| *known == code && unfit.contains(c)).map(|(c, _)| *c);
    of_code.or((code == "25").then_some('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_room_has_one_channel_and_is_found_by_it() {
        for (name, written) in [
            ("ops", "#ops"),
            ("a,b", "#a%2Cb"),
            ("a%20b", "#a%20b"),
            ("a%2Cb", "#a%252Cb"),
            ("a%25", "#a%2525"),
            ("100%", "#100%"),
            ("a:b!c@d*", "#a:b!c@d*"),
            ("Übung", "#Übung"),
        ] {
            let of_name = RoomName::parse(name).expect("it is a name");
            assert_eq!(channel(&of_name), written);
            assert_eq!(room(written), Ok(of_name));
        }
        for bad in ["ops", "&ops", "#", "##a", "#a b", "#dm:a:b"] {
            assert!(room(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_user_has_one_nick_and_is_found_by_it() {
        for (name, written) in [("Alice", "Alice"), ("a!b@c*d,e", "a%21b%40c%2Ad%2Ce"), ("50%21", "50%2521")] {
            let of_name = UserName::parse(name).expect("it is a name");
            assert_eq!(nick(&of_name), written);
            assert_eq!(user(written), Ok(of_name.clone()));
            assert_eq!(user(&format!("{written}!*@*")), Ok(of_name));
        }
    }

    #[test]
    fn a_source_has_the_ident_that_a_client_said() {
        let alice = UserName::parse("alice").expect("it is a name");
        assert_eq!(source(&alice, &Authors::default()), "alice!~u@irc.roomd");
        for (said, parsed) in [
            ("alice", Some("alice")),
            ("~a.b_c-1", Some("a.b_c-1")),
            ("a b!c@d:é", Some("abcd")),
            ("0123456789abcdefghijk", Some("0123456789abcdefgh")),
            ("!@", None),
        ] {
            assert_eq!(parse_ident(said).as_deref(), parsed, "{said}");
        }
    }

    #[test]
    fn a_client_chooses_a_nick_of_the_grammar() {
        for good in ["alice", "Alice_", "[a]", "^a-1", "Zoë", "ångström"] {
            assert!(guest_nick(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "a.b", "a b", "a!b", "#a", "a:b", "@a", "~a", "error", &"x".repeat(33)] {
            assert!(guest_nick(bad).is_err(), "{bad}");
        }
    }
}
