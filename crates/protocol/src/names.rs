//! Names of rooms and users, checked once where they enter and valid ever after.
//!
//! A name is in Unicode normalisation form C, so that two ways of typing one word are one name.
//! Cloning is a reference count; ordering is by bytes, so lists look the same everywhere.

use std::fmt;
use std::sync::Arc;

use super::folded_name::fold;
use super::visible::is_invisible;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Characters in a room's name, at most.
pub const ROOM_CHARS_MAX: usize = 64;
/// Characters in a user's name, at most.
pub const USER_CHARS_MAX: usize = 32;
/// What the names of private conversations begin with; nobody may join such a room by name.
const PRIVATE_PREFIX: &str = "dm:";

/// A room's name: 1–64 characters; no white space, control or invisible character, `/`, `?`, `#`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

/// A user's name: as a room's, 1–32 characters, and no `:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Arc<str>);

/// Why a text is no name. The message says what a name must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Empty, or longer than so many characters.
    Length(usize),
    /// Holds this character.
    Character(char),
    /// Has a meaning of its own in the protocol or in addresses.
    Reserved,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(max) => write!(f, "must have 1 to {max} characters"),
            Self::Character(c) => write!(f, "must not hold the character {c:?}"),
            Self::Reserved => f.write_str("is reserved"),
        }
    }
}

impl std::error::Error for NameError {}

impl RoomName {
    /// Checks and normalises a name that came from outside.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = normal(text, ROOM_CHARS_MAX)?;
        let folded = fold(&name);
        // "." and ".." would vanish from the address of a room's page.
        if folded.starts_with(PRIVATE_PREFIX) || folded == "." || folded == ".." {
            return Err(NameError::Reserved);
        }
        Ok(Self(name))
    }

    /// Checks the name of a room that there may be: one that can be joined, or the room of a private
    /// conversation.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse_known(text: &str) -> Result<Self, NameError> {
        match text.strip_prefix(PRIVATE_PREFIX).and_then(|users| users.split_once(':')) {
            Some((one, other)) => Ok(Self::private(&UserName::parse(one)?, &UserName::parse(other)?)),
            None => Self::parse(text),
        }
    }

    /// Whether it is the room of a private conversation, over which nobody rules.
    #[must_use]
    pub fn is_conversation(&self) -> bool {
        self.0.starts_with(PRIVATE_PREFIX)
    }

    /// The name that no room has.
    #[must_use]
    pub fn nowhere() -> Self {
        Self("".into())
    }

    /// The room of the private conversation of two users, the same whoever asks.
    #[must_use]
    pub fn private(one: &UserName, other: &UserName) -> Self {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        Self(format!("{PRIVATE_PREFIX}{first}:{second}").into())
    }

    /// The two users whose private conversation it is, if it is one.
    #[must_use]
    pub fn conversation(&self) -> Option<(UserName, UserName)> {
        let (one, other) = self.0.strip_prefix(PRIVATE_PREFIX)?.split_once(':')?;
        Some((UserName::stored(one), UserName::stored(other)))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UserName {
    /// Checks and normalises a name that came from outside.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = normal(text, USER_CHARS_MAX)?;
        if let Some(colon) = name.chars().find(|c| *c == ':') {
            return Err(NameError::Character(colon));
        }
        // In the text dialect a line that starts with "Error:" is the server's.
        if fold(&name) == "error" {
            return Err(NameError::Reserved);
        }
        Ok(Self(name))
    }

    /// A name that was checked when it entered, as a store gives it back: what is a name may be
    /// decided anew one day, and what was said stays readable.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// A guest's name, `guest-xxxxxx`, from a number that the caller drew.
    #[must_use]
    pub fn guest(drawn: u32) -> Self {
        Self(format!("guest-{:06x}", drawn & 0xff_ffff).into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn normal(text: &str, chars_max: usize) -> Result<Arc<str>, NameError> {
    // Normalising can shorten, never past this: refuse before working on megabytes.
    if text.len() > chars_max * 64 {
        return Err(NameError::Length(chars_max));
    }
    let name: Arc<str> = if is_nfc_quick(text.chars()) == IsNormalized::Yes && !text.chars().any(is_form_selector) {
        text.into()
    } else {
        text.chars().filter(|c| !is_form_selector(*c)).nfc().collect::<String>().into()
    };
    if let Some(bad) = name.chars().find(|c| is_refused(*c)) {
        return Err(NameError::Character(bad));
    }
    if name.is_empty() || name.chars().count() > chars_max {
        return Err(NameError::Length(chars_max));
    }
    Ok(name)
}

/// Code points that choose between forms of their neighbours and show nothing themselves: joiners and variation
/// selectors. Keyboards add them to emoji and to Persian words; a name is the same with them and without, so they
/// are left out.
pub(crate) fn is_form_selector(c: char) -> bool {
    matches!(c,
        '\u{34f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{200c}' | '\u{200d}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Code points that no name contains: those that end a word, an address or a line, and those that show nothing,
/// by which one name could pass for another. The latter are Unicode's `Default_Ignorable_Code_Point`
/// (`DerivedCoreProperties.txt`, Unicode 16) and two blanks that it does not count.
fn is_refused(c: char) -> bool {
    c.is_control() || c.is_whitespace() || matches!(c, '/' | '?' | '#') || is_invisible(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_name_has_1_to_64_characters_of_any_script() {
        for good in ["a", "lobby", "Übung", "общий", "部屋", "a:b", "a&b=c%20", &"é".repeat(64)] {
            assert_eq!(RoomName::parse(good).map(|n| n.to_string()), Ok(good.to_string()));
        }
        for bad in ["", &"x".repeat(65), &"x".repeat(100_000)] {
            assert_eq!(RoomName::parse(bad), Err(NameError::Length(64)));
        }
    }

    #[test]
    fn a_name_holds_nothing_that_is_not_seen_or_ends_a_word() {
        for bad in ["a b", "a/b", "a?b", "a#b", "a\tb", "a\nb", "a\0", "a\u{202e}b", "a\u{200b}", "\u{a0}"] {
            assert!(matches!(RoomName::parse(bad), Err(NameError::Character(_))), "{bad:?}");
            assert!(matches!(UserName::parse(bad), Err(NameError::Character(_))), "{bad:?}");
        }
    }

    #[test]
    fn two_ways_of_typing_one_word_are_one_name() {
        assert_eq!(UserName::parse("Zoe\u{308}"), UserName::parse("Zoë"));
    }

    #[test]
    fn joiners_and_variation_selectors_make_no_other_name() {
        for (with, without) in [
            ("Alice\u{fe0f}", "Alice"),
            ("Al\u{200d}ice", "Alice"),
            ("Alice\u{e0101}", "Alice"),
            ("❤\u{fe0f}", "❤"),
            ("👩\u{200d}🚀", "👩🚀"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("ᠠ\u{180b}", "ᠠ"),
        ] {
            assert_eq!(UserName::parse(with), UserName::parse(without), "{with:?}");
            assert_eq!(RoomName::parse(with), RoomName::parse(without), "{with:?}");
            assert_eq!(UserName::parse(with).unwrap().as_str(), without);
        }
    }

    #[test]
    fn a_name_shows_something() {
        for nothing in ["\u{fe0f}", "\u{200d}\u{200c}", "\u{e0100}"] {
            assert_eq!(UserName::parse(nothing), Err(NameError::Length(USER_CHARS_MAX)), "{nothing:?}");
        }
        for blank in ["\u{2800}", "Alice\u{2800}", "\u{3164}", "\u{17b4}a", "a\u{fff0}", "a\u{1d173}", "\u{e0001}"] {
            assert!(matches!(UserName::parse(blank), Err(NameError::Character(_))), "{blank:?}");
            assert!(matches!(RoomName::parse(blank), Err(NameError::Character(_))), "{blank:?}");
        }
    }

    #[test]
    fn names_with_a_meaning_of_their_own_are_reserved() {
        for bad in [".", "..", "．", "dm:Alice:Bob", "DM:a", "ｄｍ:a", "d\u{200d}m:a"] {
            assert_eq!(RoomName::parse(bad), Err(NameError::Reserved));
        }
        for bad in ["Error", "ERROR", "Ｅｒｒｏｒ", "Err\u{fe0f}or"] {
            assert_eq!(UserName::parse(bad), Err(NameError::Reserved));
        }
        assert_eq!(UserName::parse("a:b"), Err(NameError::Character(':')));
        assert_eq!(UserName::parse(&"x".repeat(33)), Err(NameError::Length(32)));
    }

    #[test]
    fn a_private_conversation_has_one_room_whoever_begins() {
        let (a, b) = (UserName::parse("Alice").unwrap(), UserName::parse("Bob").unwrap());
        assert_eq!(RoomName::private(&a, &b), RoomName::private(&b, &a));
        assert_eq!(RoomName::private(&b, &a).as_str(), "dm:Alice:Bob");
        assert_eq!(RoomName::parse_known("dm:Bob:Alice"), Ok(RoomName::private(&a, &b)));
        assert_eq!(RoomName::private(&b, &a).conversation(), Some((a, b)));
        assert_eq!(RoomName::parse("den").unwrap().conversation(), None);
        assert_eq!(RoomName::parse_known("den"), RoomName::parse("den"));
        assert_eq!(RoomName::parse_known("dm:Alice"), Err(NameError::Reserved));
    }
}
