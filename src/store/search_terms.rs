//! The words of a text, as the full-text index has them: also those of scripts that put no space between words.
//!
//! SQLite's tokenizer splits at what is neither a letter, a digit nor a mark. That finds the words of most languages,
//! and takes a whole sentence of Chinese, Japanese or Thai for one. A run of such characters is therefore indexed as all
//! its pairs, and its last character by itself: `今日は` is `今日 日は は`. A search for two characters or more looks for
//! their pairs in a row, one for a single character for pairs that begin with it; so each finds exactly the texts that
//! contain it. Korean has spaces, and endings that grow onto its words: it is treated alike. Pure; used by whatever
//! writes to the index or reads it.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Words of a search that count; further ones are ignored.
const WORDS_MAX: usize = 32;
/// Characters from which on a word of a search may be the beginning of a longer one.
const PREFIX_CHARACTERS_MIN: usize = 3;

/// Scripts that are written without spaces between words, and Hangul.
const WITHOUT_SPACES: [(char, char); 22] = [
    ('\u{0e00}', '\u{0eff}'),   // Thai, Lao
    ('\u{1000}', '\u{109f}'),   // Myanmar
    ('\u{1100}', '\u{11ff}'),   // Hangul Jamo
    ('\u{1780}', '\u{17ff}'),   // Khmer
    ('\u{19e0}', '\u{19ff}'),   // Khmer symbols
    ('\u{1a20}', '\u{1aaf}'),   // Tai Tham
    ('\u{2e80}', '\u{2fdf}'),   // CJK radicals
    ('\u{3005}', '\u{3007}'),   // iteration mark, zero
    ('\u{3021}', '\u{3029}'),   // Hangzhou numerals
    ('\u{3031}', '\u{303c}'),   // repeat marks
    ('\u{3041}', '\u{312f}'),   // Hiragana, Katakana, Bopomofo
    ('\u{3130}', '\u{31bf}'),   // Hangul compatibility Jamo, Bopomofo
    ('\u{31f0}', '\u{31ff}'),   // Katakana extensions
    ('\u{3400}', '\u{4dbf}'),   // CJK extension A
    ('\u{4e00}', '\u{9fff}'),   // CJK
    ('\u{a960}', '\u{a97f}'),   // Hangul Jamo
    ('\u{aa60}', '\u{aadf}'),   // Myanmar, Tai Viet
    ('\u{ac00}', '\u{d7ff}'),   // Hangul
    ('\u{f900}', '\u{faff}'),   // CJK compatibility
    ('\u{ff66}', '\u{ffdc}'),   // half-width Katakana and Hangul
    ('\u{1b000}', '\u{1b16f}'), // Kana supplement
    ('\u{20000}', '\u{3ffff}'), // CJK extensions
];

/// Whether a word of a search has to stand in a text as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// It has to.
    Whole,
    /// From [`PREFIX_CHARACTERS_MIN`] characters on, a longer word may begin with it.
    Beginning,
}

/// A piece of a text: a run of characters without spaces between words, or anything else.
enum Piece<'a> {
    Run(&'a str),
    Other(&'a str),
}

/// What goes into the index for this text.
pub fn terms_of(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_without_spaces) {
        return Cow::Borrowed(text);
    }
    // Half-width and composed letters are the same as others.
    let text: String = text.nfkc().collect();
    let mut terms = String::with_capacity(2 * text.len());
    for piece in pieces(&text) {
        match piece {
            Piece::Run(run) => add_pairs(run, true, &mut terms),
            Piece::Other(other) => terms.push_str(other),
        }
        terms.push(' ');
    }
    Cow::Owned(terms)
}

/// A search in FTS5's query language, each word quoted and each required. A word without a letter or a digit is
/// ignored; empty: there is no other.
pub fn query_of(text: &str, how: Match) -> String {
    let phrase = |(terms, is_beginning): (String, bool)| {
        let quoted = terms.replace('"', "\"\"");
        if is_beginning { format!("\"{quoted}\" *") } else { format!("\"{quoted}\"") }
    };
    phrases_of(text, how).map(phrase).collect::<Vec<_>>().join(" ")
}

/// What a search looks for: for each word the terms that follow each other, and whether the last of them may be the
/// beginning of a longer one.
pub fn phrases_of(text: &str, how: Match) -> impl Iterator<Item = (String, bool)> {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words = words.filter(|word| word.chars().any(char::is_alphanumeric)).take(WORDS_MAX);
    words.map(move |word| phrase_of(word, how))
}

/// The terms of a word, which have to follow each other.
fn phrase_of(word: &str, how: Match) -> (String, bool) {
    let normal: Cow<'_, str> =
        if word.chars().any(is_without_spaces) { word.nfkc().collect::<String>().into() } else { word.into() };
    let mut terms = String::new();
    let pieces: Vec<_> = pieces(&normal).collect();
    let last = pieces.iter().rposition(|piece| match piece {
        Piece::Run(_) => true,
        Piece::Other(other) => other.chars().any(char::is_alphanumeric),
    });
    let mut is_beginning = false;
    for (at, piece) in pieces.iter().enumerate() {
        let is_last = last == Some(at);
        match piece {
            Piece::Run(run) => {
                let is_single = run.chars().nth(1).is_none();
                // What follows the last run of the search is not known: its last character may begin a pair.
                add_pairs(run, !is_last || is_single, &mut terms);
                is_beginning |= is_last && is_single;
            }
            Piece::Other(other) => {
                terms.push_str(other);
                let word = other.chars().rev().skip_while(|c| !c.is_alphanumeric());
                let count = word.take_while(|c| c.is_alphanumeric()).count();
                is_beginning |= is_last && how == Match::Beginning && count >= PREFIX_CHARACTERS_MIN;
            }
        }
        terms.push(' ');
    }
    terms.truncate(terms.trim_end().len());
    (terms, is_beginning)
}

/// Adds the pairs of a run, and its last character if that is wanted.
fn add_pairs(run: &str, with_last: bool, terms: &mut String) {
    let mut previous: Option<char> = None;
    for c in run.chars() {
        if let Some(previous) = previous {
            terms.extend([previous, c, ' ']);
        }
        previous = Some(c);
    }
    terms.extend(previous.filter(|_| with_last));
}

/// The pieces of a text, in order.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_run = is_without_spaces(rest.chars().next()?);
        let end = rest.find(|c| is_without_spaces(c) != is_run).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(if is_run { Piece::Run(piece) } else { Piece::Other(piece) })
    })
}

/// Whether it is a letter, a digit or a mark of a script without spaces between words.
fn is_without_spaces(c: char) -> bool {
    let in_script =
        c >= WITHOUT_SPACES[0].0 && WITHOUT_SPACES.iter().any(|(first, last)| (*first..=*last).contains(&c));
    in_script && (c.is_alphanumeric() || is_combining_mark(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_spaces_is_all_its_pairs_and_its_last_character() {
        for (text, terms) in [
            ("hello, wörld", "hello, wörld"),
            ("今日は", "今日 日は は "),
            ("天", "天 "),
            ("iPhoneを買った。OK", "iPhone を買 買っ った た 。OK "),
            ("ﾃﾝｷ", "テン ンキ キ "),
            ("학교에서 봐", "학교 교에 에서 서   봐 "),
            ("ที่นี่", "ที ี่ ่น นี ี่ ่ "),
        ] {
            assert_eq!(terms_of(text), terms, "{text}");
        }
    }

    #[test]
    fn a_users_words_never_act_as_query_syntax() {
        for (text, whole, beginning) in [
            ("", "", ""),
            (" !! ?", "", ""),
            ("hello  world", "\"hello\" \"world\"", "\"hello\" * \"world\" *"),
            ("a OR b*", "\"a\" \"OR\" \"b*\"", "\"a\" \"OR\" \"b*\""),
            ("say \"hi", "\"say\" \"\"\"hi\"", "\"say\" * \"\"\"hi\""),
            ("nul\0byte", "\"nul\" \"byte\"", "\"nul\" * \"byte\" *"),
            ("body:x ^y", "\"body:x\" \"^y\"", "\"body:x\" \"^y\""),
            ("foo-bar!", "\"foo-bar!\"", "\"foo-bar!\" *"),
            ("天気", "\"天気\"", "\"天気\""),
            ("いい天気", "\"いい い天 天気\"", "\"いい い天 天気\""),
            ("天", "\"天\" *", "\"天\" *"),
            ("天気iPhone", "\"天気 気 iPhone\"", "\"天気 気 iPhone\" *"),
            ("天気。", "\"天気  。\"", "\"天気  。\""),
        ] {
            assert_eq!(query_of(text, Match::Whole), whole, "{text:?}");
            assert_eq!(query_of(text, Match::Beginning), beginning, "{text:?}");
        }
        assert_eq!(query_of(&"w ".repeat(100), Match::Whole).split(' ').count(), WORDS_MAX);
    }
}
