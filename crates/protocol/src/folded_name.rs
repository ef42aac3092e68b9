//! When two spellings are one name.
//!
//! A name that is registered as `Alice` belongs to nobody else as `alice`, `ALICE` or `Ａｌｉｃｅ`: names are
//! compared after compatibility decomposition and Unicode case folding (UAX #15 NFKC, UAX #44
//! `CaseFolding`). Letters of different scripts that only look alike stay different.

use std::sync::Arc;

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;

use super::names::{RoomName, UserName};

/// What all spellings of one name have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoldedName(Arc<str>);

impl FoldedName {
    /// What this spelling has in common with the others.
    #[must_use]
    pub fn of(name: &UserName) -> Self {
        Self(fold(name.as_str()).into())
    }

    /// The same for the name of a room, where a protocol does not tell spellings apart.
    #[must_use]
    pub fn of_room(name: &RoomName) -> Self {
        Self(fold(name.as_str()).into())
    }

    /// The folded name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The form in which spellings are compared.
pub(crate) fn fold(name: &str) -> String {
    let decomposed: String = name.nfkc().collect();
    UniCase::new(decomposed).to_folded_case().nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(one: &str, other: &str) -> bool {
        let of = |text| FoldedName::of(&UserName::parse(text).unwrap());
        of(one) == of(other)
    }

    #[test]
    fn spellings_in_other_cases_widths_and_compositions_are_one_name() {
        for (one, other) in [
            ("Alice", "aLICE"),
            ("Zoë", "ZOE\u{308}"),
            ("Ａlice", "alice"),
            ("straße", "STRASSE"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("ﬁona", "FIONA"),
            ("ІВАН", "іван"),
        ] {
            assert!(like(one, other), "{one} {other}");
        }
    }

    #[test]
    fn other_names_stay_other_names() {
        for (one, other) in [("Alice", "Alice2"), ("Zoe", "Zoë"), ("Alice", "Аlice"), ("i", "ı")] {
            assert!(!like(one, other), "{one} {other}");
        }
    }
}
