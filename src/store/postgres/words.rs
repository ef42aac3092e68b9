//! The words of a text as PostgreSQL's full-text index has them, and the query for a search.
//!
//! PostgreSQL's own parsers neither strip accents nor know scripts without spaces; so the words are made here, from the
//! terms that `search_terms.rs` makes for SQLite, the way SQLite's tokenizer goes on: a word is a run of letters, digits
//! and marks, in lower case and without accents. Pure; used by whatever writes to the index or reads it.

use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::store::search_terms::{Match, phrases_of, terms_of};

/// Words of one text that are indexed: beyond that PostgreSQL knows no order of them.
const WORDS_MAX: usize = 16_383;
/// Bytes of one word, at most; a longer one is nobody's word.
const WORD_BYTES_MAX: usize = 1_024;
/// Bytes of all words of one text: PostgreSQL takes a megabyte.
const TEXT_BYTES_MAX: usize = 512 * 1024;

/// The words of a text, as a literal of the type `tsvector`. Of a very long text only the beginning is indexed.
pub fn vector_of(text: &str) -> String {
    let (mut vector, mut bytes) = (String::new(), 0);
    for (word, place) in words(&terms_of(text)).zip(1..=WORDS_MAX) {
        bytes += word.len() + 8;
        if bytes > TEXT_BYTES_MAX {
            break;
        }
        // A word has neither quotes nor backslashes.
        write!(vector, "'{word}':{place} ").expect("a string takes every character");
    }
    vector
}

/// A search, as a literal of the type `tsquery`: each word required, and the parts of each in a row. Empty: there is no
/// word in it.
pub fn query_of(text: &str, how: Match) -> String {
    let mut query = Vec::new();
    for (terms, is_beginning) in phrases_of(text, how) {
        let words: Vec<_> = words(&terms).collect();
        let last = words.len().saturating_sub(1);
        let part = |(at, word)| format!("'{word}'{}", if is_beginning && at == last { ":*" } else { "" });
        let phrase: Vec<_> = words.iter().enumerate().map(part).collect();
        if !phrase.is_empty() {
            query.push(format!("({})", phrase.join(" <-> ")));
        }
    }
    query.join(" & ")
}

fn words(terms: &str) -> impl Iterator<Item = String> {
    let words = terms.split(|c: char| !is_of_a_word(c)).filter(|word| !word.is_empty() && word.len() <= WORD_BYTES_MAX);
    words.map(folded).filter(|word| !word.is_empty())
}

fn is_of_a_word(c: char) -> bool {
    // Letters, digits, marks, and what fonts of one's own have.
    c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '\u{e000}'..='\u{f8ff}')
}

/// A word in lower case, without accents.
fn folded(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let accent = |c: &char| matches!(c, '\u{300}'..='\u{36f}');
    word.nfd().filter(|c| !accent(c)).nfc().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_its_words_in_lower_case_without_accents() {
        for (text, vector) in [
            ("Hello, Wörld!", "'hello':1 'world':2 "),
            ("it's \\ 100% 'quoted'", "'it':1 's':2 '100':3 'quoted':4 "),
            ("今日は", "'今日':1 '日は':2 'は':3 "),
            (" !? ", ""),
        ] {
            assert_eq!(vector_of(text), vector, "{text}");
        }
        assert!(vector_of(&"word ".repeat(100_000)).len() < 2 * TEXT_BYTES_MAX);
    }

    #[test]
    fn a_users_words_never_act_as_query_syntax() {
        for (text, query) in [
            ("hello world", "('hello':*) & ('world':*)"),
            ("a | b & !c", "('a') & ('b') & ('c')"),
            ("foo-bar'", "('foo' <-> 'bar':*)"),
            ("天気", "('天気')"),
            (" !? ", ""),
        ] {
            assert_eq!(query_of(text, Match::Beginning), query, "{text}");
        }
        assert_eq!(query_of("hello", Match::Whole), "('hello')");
    }
}
