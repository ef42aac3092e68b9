//! The words of a text as PostgreSQL's full-text index has them, and the query for a search.
//!
//! PostgreSQL's own parsers neither strip accents nor know scripts without spaces; so the words are made here, from the
//! terms that `search_terms.rs` makes for SQLite, the way SQLite's tokenizer goes on: a word is a run of letters, digits
//! and marks, in lower case and without accents. Pure; used by whatever writes to the index or reads it.

use std::collections::BTreeMap;
use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::chat::Body;
use crate::store::search_terms::{Match, phrases_of, terms_of};

/// Words of one text that are indexed: beyond that PostgreSQL knows no order of them.
const WORDS_MAX: u16 = 16_383;
/// Bytes of one word, at most; a longer one is nobody's word.
const WORD_BYTES_MAX: usize = 1_024;
/// Bytes of all words of one text: PostgreSQL takes a megabyte.
const TEXT_BYTES_MAX: usize = 512 * 1024;

/// Places of one word that are indexed, at most: PostgreSQL takes no more.
const PLACES_MAX: usize = 255;

/// The words of a text, and the places of each: a `tsvector`, in PostgreSQL's binary form (`tsvectorrecv`), since to read its
/// text costs more than to index it.
#[derive(Debug, PartialEq)]
pub struct Words(BTreeMap<String, Vec<u16>>);

/// The words of a message. Of a text alone: ciphertext has no words, and bytes neither.
pub fn words_of(body: &Body) -> Option<Words> {
    match body {
        Body::Text(text) => Some(Words::of(text)),
        Body::Cipher(_) | Body::Data(_) | Body::Deleted(_) => None,
    }
}

impl Words {
    /// Of a very long text only the beginning is indexed.
    fn of(text: &str) -> Self {
        let (mut found, mut bytes) = (BTreeMap::<_, Vec<_>>::new(), 0);
        for (word, place) in words(&terms_of(text)).zip(1..=WORDS_MAX) {
            bytes += word.len() + 8;
            if bytes > TEXT_BYTES_MAX {
                break;
            }
            let places = found.entry(word).or_default();
            if places.len() < PLACES_MAX {
                places.push(place);
            }
        }
        Self(found)
    }
}

impl ToSql for Words {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i32(i32::try_from(self.0.len())?);
        // Ascending by their bytes, as PostgreSQL has them. A word has no zero byte.
        for (word, places) in &self.0 {
            out.put_slice(word.as_bytes());
            out.put_u8(0);
            out.put_u16(u16::try_from(places.len())?);
            places.iter().for_each(|place| out.put_u16(*place));
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TS_VECTOR
    }

    to_sql_checked!();
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
        for (text, expected) in [
            ("Hello, Wörld!", &[("hello", &[1_u16][..]), ("world", &[2])][..]),
            (
                "it's \\ 100% 'quoted': it is",
                &[("100", &[3]), ("is", &[6]), ("it", &[1, 5]), ("quoted", &[4]), ("s", &[2])],
            ),
            ("今日は", &[("は", &[3]), ("今日", &[1]), ("日は", &[2])]),
            (" !? ", &[]),
        ] {
            let expected = expected.iter().map(|&(word, places)| (word.to_owned(), places.to_vec())).collect();
            assert_eq!(Words::of(text), Words(expected), "{text}");
        }
    }

    #[test]
    fn of_a_long_text_no_more_is_indexed_than_postgresql_takes() {
        let Words(one) = Words::of(&"word ".repeat(100_000));
        assert_eq!(one["word"], (1..=255).collect::<Vec<_>>());
        let Words(many) = Words::of(&(0..100_000).map(|number| format!("w{number} ")).collect::<String>());
        assert_eq!(many.values().max(), Some(&vec![WORDS_MAX]));
        let Words(large) = Words::of(&(0..10_000).map(|number| format!("{number:0>1000} ")).collect::<String>());
        assert!(large.keys().map(String::len).sum::<usize>() < TEXT_BYTES_MAX);
    }

    #[test]
    fn words_are_sent_as_a_tsvector() {
        let mut sent = BytesMut::new();
        Words::of("no, no: yes").to_sql(&Type::TS_VECTOR, &mut sent).expect("words are sent");
        assert_eq!(&sent[..], b"\0\0\0\x02no\0\0\x02\0\x01\0\x02yes\0\0\x01\0\x03");
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
