//! Which code points show nothing, and whether a text shows anything.
//!
//! A name that holds one could pass for another, and a text of nothing else is an empty bubble to its readers. The
//! former are refused in names, the latter wherever a person is to be shown a text: messages, edits, notes.

/// Whether a text has something to show: not only white space, control characters and code points that show nothing.
#[must_use]
pub fn shows_something(text: &str) -> bool {
    !text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// Code points that show nothing: Unicode's `Default_Ignorable_Code_Point` (`DerivedCoreProperties.txt`, Unicode 16), the
/// marks of annotations, and two blanks that it does not count.
pub(crate) fn is_invisible(c: char) -> bool {
    // Nearly all text is below the first of them.
    if c < '\u{ad}' {
        return false;
    }
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' | '\u{2800}' | '\u{1d159}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_blanks_and_of_what_shows_nothing_shows_nothing() {
        for text in
            ["", " ", "\n\t\r\n", "\u{200b}", "\u{200b} \u{2060}\u{feff}", "\u{a0}\u{3000}", "\u{2800}", "\u{ad}", "\0"]
        {
            assert!(!shows_something(text), "{text:?}");
        }
    }

    #[test]
    fn one_sign_is_something_whatever_stands_around_it() {
        for text in
            ["a", "\u{200b}a\u{200b}", " . ", "\u{301}", "\u{2764}\u{fe0f}", "\u{1f469}\u{200d}\u{1f680}", "\u{fffd}"]
        {
            assert!(shows_something(text), "{text:?}");
        }
    }
}
