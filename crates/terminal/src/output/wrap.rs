//! Folds a line at the width of the terminal, between words, and computes where it ends.
//!
//! Pure; called for each line that is shown above the editor. A part that continues a line is indented, so that none
//! looks like a line of its own. Colours take no place.

use unicode_width::UnicodeWidthChar as _;

/// What stands before each part but the first.
const INDENT: &str = "    ";
/// Below this a line is left to the terminal: parts of it would be short, and the indents a good part of them.
const WIDTH_MIN: usize = 40;
/// What a tab goes to a multiple of.
const TAB_STOP: usize = 8;

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

/// Where a text ends that begins in the first column of a terminal of so many columns, as row and column, both from 0. The
/// column is the width if the row is full. With a width of 0 nothing is folded.
#[must_use]
pub fn end(text: &str, width: usize) -> (usize, usize) {
    let (mut row, mut column) = (0, 0);
    for c in visible(text) {
        let taken = match c {
            '\n' => {
                (row, column) = (row + 1, 0);
                continue;
            }
            '\t' => TAB_STOP - column % TAB_STOP,
            c => c.width().unwrap_or(0),
        };
        column += taken;
        if column > width && width > 0 {
            (row, column) = (row + 1, taken);
        }
    }
    (row, column)
}

/// The columns that a text takes.
fn columns(text: &str) -> usize {
    visible(text).map(|c| c.width().unwrap_or(0)).sum()
}

/// A text without what sets its colours (`ESC [ … m`).
fn visible(text: &str) -> impl Iterator<Item = char> {
    let mut in_sequence = false;
    text.chars().filter(move |c| {
        let is_hidden = in_sequence || *c == '\u{1b}';
        in_sequence = is_hidden && *c != 'm';
        !is_hidden
    })
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

    #[test]
    fn a_text_ends_where_the_terminal_folds_it() {
        for (text, width, place) in [
            ("", 20, (0, 0)),
            ("12345", 5, (0, 5)),
            ("123456", 5, (1, 1)),
            ("\u{1b}[1;32mAnn\u{1b}[0m: 6", 5, (1, 1)),
            ("天気天", 5, (1, 2)),
            ("1\n12", 5, (1, 2)),
            ("1\t9", 20, (0, 9)),
            ("123456", 0, (0, 6)),
        ] {
            assert_eq!(end(text, width), place, "{text}");
        }
    }
}
