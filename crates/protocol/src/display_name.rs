//! What a user wants to be called: text for people, beside the name that identifies the user.
//!
//! It may be somebody else's as well, so it is never shown without the name, and nothing is addressed by it.

use std::fmt;
use std::sync::Arc;

use super::names::{NameError, is_form_selector};
use super::visible::is_invisible;
use unicode_normalization::UnicodeNormalization;

/// Characters in a display name, at most.
pub const DISPLAY_NAME_CHARS_MAX: usize = 64;

/// A display name: 1–64 characters, in normalisation form C; single spaces between words, and no other white space, no
/// control or invisible character. So it shows something, and does not change the direction of what stands around it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DisplayName(Arc<str>);

impl DisplayName {
    /// Checks and normalises a display name that came from outside. Spaces around it, and further ones between words,
    /// are left out.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        // Normalising can shorten, never past this: refuse before working on megabytes.
        if text.len() > DISPLAY_NAME_CHARS_MAX * 64 {
            return Err(NameError::Length(DISPLAY_NAME_CHARS_MAX));
        }
        let name: String = text.chars().filter(|c| !is_form_selector(*c)).nfc().collect();
        let words: Vec<_> = name.split(' ').filter(|word| !word.is_empty()).collect();
        let name = words.join(" ");
        let is_refused = |c: &char| *c != ' ' && (c.is_control() || c.is_whitespace() || is_invisible(*c));
        if let Some(bad) = name.chars().find(is_refused) {
            return Err(NameError::Character(bad));
        }
        if name.is_empty() || name.chars().count() > DISPLAY_NAME_CHARS_MAX {
            return Err(NameError::Length(DISPLAY_NAME_CHARS_MAX));
        }
        Ok(Self(name.into()))
    }

    /// One that was checked when it entered, as a store gives it back.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The display name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_has_words() {
        for (given, shown) in [
            ("Chloé Nguyễn", "Chloé Nguyễn"),
            ("  Ann   Lee ", "Ann Lee"),
            ("Zoe\u{308}", "Zoë"),
            ("Dr. A. (she/her): #1?", "Dr. A. (she/her): #1?"),
            ("山田 太郎", "山田 太郎"),
        ] {
            assert_eq!(DisplayName::parse(given).map(|name| name.to_string()), Ok(shown.to_owned()));
        }
        assert!(DisplayName::parse(&"é".repeat(DISPLAY_NAME_CHARS_MAX)).is_ok());
    }

    #[test]
    fn a_display_name_shows_something_and_plays_no_tricks() {
        for nothing in ["", "   ", "\u{fe0f}", &"x".repeat(65), &"x".repeat(100_000)] {
            assert_eq!(DisplayName::parse(nothing), Err(NameError::Length(DISPLAY_NAME_CHARS_MAX)), "{nothing:?}");
        }
        for trick in
            ["a\nb", "a\u{202e}b", "a\u{2066}b", "\u{200f}a", "a\u{a0}b", "a\tb", "\u{200b}", "a\u{2800}", "\u{1b}[31m"]
        {
            assert!(matches!(DisplayName::parse(trick), Err(NameError::Character(_))), "{trick:?}");
        }
    }
}
