//! Folds a line at the width of the terminal, between words.
//!
//! Pure; called for each line that is shown above the editor. A part that continues a line is indented, so that none
//! looks like a line of its own. Colours take no place.

use unicode_width::UnicodeWidthChar as _;

/// What stands before each part but the first.
const INDENT: &str = "    ";
/// Below this a line is left to the terminal: parts of it would be short, and the indents a good part of them.
const WIDTH_MIN: usize = 40;

/// Folds each line of a text at so many columns.
#[must_use]
pub fn wrap(text: &str, width: usize) -> String {
    if width < WIDTH_MIN {
        return text.to_owned();
    }
    text.split('\n').map(|line| wrap_line(line, width)).collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str, width: usize) -> String {
    let (mut folded, mut column) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        let shown = columns(word.trim_end_matches(' '));
        // A word that does not fit on a line of its own is left to the terminal.
        if column > INDENT.len() && column + shown > width && INDENT.len() + shown <= width {
            folded.truncate(folded.trim_end_matches(' ').len());
            folded.push('\n');
            folded.push_str(INDENT);
            column = INDENT.len();
        }
        folded.push_str(word);
        column += columns(word);
    }
    folded
}

/// The columns that a text takes, without what sets its colours (`ESC [ … m`).
fn columns(text: &str) -> usize {
    let mut in_sequence = false;
    let mut columns = 0;
    for c in text.chars() {
        match c {
            '\u{1b}' => in_sequence = true,
            'm' if in_sequence => in_sequence = false,
            _ if in_sequence => {}
            c => columns += c.width().unwrap_or(0),
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_folded_between_words() {
        for (line, folded) in [
            ("short", "short"),
            ("one two three four five", "one two three four\n    five"),
            ("\u{1b}[1;32mAnn\u{1b}[0m: 6789 1234 678901", "\u{1b}[1;32mAnn\u{1b}[0m: 6789 1234\n    678901"),
            ("a 0123456789012345678901234567890 b", "a 0123456789012345678901234567890\n    b"),
            ("天気 天気 天気 天気 天気", "天気 天気 天気 天気\n    天気"),
            ("one\n    two three four five six", "one\n    two three four\n    five six"),
            ("", ""),
        ] {
            let lines = line.split('\n').map(|line| wrap_line(line, 20)).collect::<Vec<_>>();
            assert_eq!(lines.join("\n"), folded, "{line}");
        }
        assert_eq!(wrap("one two three", 5), "one two three");
        assert_eq!(wrap(&"word ".repeat(9), 40), format!("{}\n    word ", "word ".repeat(8).trim_end()));
    }
}
