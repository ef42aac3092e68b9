//! The lines that stand above the one that is being typed, to be shown again when the terminal has another width.
//!
//! Pure; kept in `input/editor_state.rs`. A terminal with another width folds its lines anew, or cuts them: which, and so
//! where on the screen the line that is typed begins, a program cannot tell. What is certain is the first row. So the
//! screen is cleared from there, and what fits is printed again. Nothing is lost by that: what others wrote
//! goes to the scrollback first, and what no longer fits is printed as well and scrolls there. Some of it may then be there twice.

use std::collections::VecDeque;

use super::wrap::{end, wrap};

/// The size of a terminal. 0 is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// What is kept, at most: more than the largest of screens shows. The oldest lines are forgotten.
const BYTES_MAX: usize = 128 * 1024;

/// Clears the screen and goes to its first row. Not all at once: some terminals (tmux) keep in the scrollback what is cleared so.
const CLEAR: &str = "\x1b[2H\x1b[J\x1b[H\x1b[K";

/// See the module.
#[derive(Debug, Default)]
pub struct LinesAbove {
    /// As they were before they were folded, the oldest first, without the end of the line.
    lines: VecDeque<String>,
    /// Their size, with a line end each.
    bytes: usize,
    /// How many were added since others wrote to the terminal.
    since_others: usize,
}

impl LinesAbove {
    /// Adds a line at the end.
    pub fn push(&mut self, line: String) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        self.since_others += 1;
        while self.bytes > BYTES_MAX
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= oldest.len() + 1;
        }
    }

    /// Takes note that others have written to the terminal, below the lines that are there.
    pub fn others_wrote(&mut self) {
        self.since_others = 0;
    }

    /// What to print in place of the screen of a terminal that has another size now, and in which so many rows are taken by
    /// what follows. The cursor is where that begins.
    #[must_use]
    pub fn redraw(&self, before: Size, now: Size, following: usize) -> String {
        let space = now.rows.saturating_sub(following);
        let (fitting, _) = self.newest(self.lines.len(), now.columns, space);
        let shows_others = |columns, rows| self.newest(self.since_others, columns, rows).1 < rows;
        let (mut text, mut count) = (String::new(), fitting);
        if shows_others(before.columns, before.rows) || shows_others(now.columns, space) {
            // Scrolls by as many rows as there are above the cursor.
            text.push_str(&"\n".repeat(now.rows.saturating_sub(1)));
        } else {
            count = fitting.max(self.newest(self.lines.len(), before.columns, before.rows).0);
        }
        text.push_str(CLEAR);
        for line in self.lines.range(self.lines.len() - count..) {
            text.push_str(&wrap(line, now.columns));
            text.push('\n');
        }
        text
    }

    /// How many of the newest lines, of so many, take these rows of a terminal, the first of them perhaps in part; and how many rows
    /// they take.
    fn newest(&self, of: usize, columns: usize, rows: usize) -> (usize, usize) {
        let (mut count, mut taken) = (0, 0);
        for line in self.lines.iter().rev().take(of) {
            if taken >= rows {
                break;
            }
            taken += end(&wrap(line, columns), columns).0 + 1;
            count += 1;
        }
        (count, taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Size = Size { columns: 100, rows: 5 };

    fn above(lines: &[&str]) -> LinesAbove {
        let mut above = LinesAbove::default();
        lines.iter().for_each(|line| above.push((*line).to_owned()));
        above
    }

    #[test]
    fn what_fits_is_shown_again_above_what_follows() {
        let above = above(&["a", "b", "c", "d", "e", "f"]);
        assert_eq!(above.redraw(WIDE, WIDE, 1), format!("{CLEAR}b\nc\nd\ne\nf\n"), "five were visible");
        let higher = Size { rows: 9, ..WIDE };
        assert_eq!(above.redraw(WIDE, higher, 3), format!("{CLEAR}a\nb\nc\nd\ne\nf\n"));
    }

    #[test]
    fn what_was_visible_and_does_not_fit_any_more_goes_to_the_scrollback() {
        let long = "0123456789012345678901234567890123456789 01234567";
        let above = above(&[long; 9]);
        let folded = "0123456789012345678901234567890123456789\n    01234567\n";
        assert_eq!(above.redraw(WIDE, Size { columns: 40, rows: 5 }, 1), format!("{CLEAR}{}", folded.repeat(5)));
    }

    #[test]
    fn what_others_wrote_goes_to_the_scrollback_before_the_screen_is_cleared() {
        let mut above = above(&["a", "b"]);
        assert_eq!(above.redraw(WIDE, WIDE, 1), format!("\n\n\n\n{CLEAR}a\nb\n"));
        ["c", "d", "e"].iter().for_each(|line| above.push((*line).to_owned()));
        assert_eq!(above.redraw(WIDE, WIDE, 1), format!("{CLEAR}a\nb\nc\nd\ne\n"));
        above.others_wrote();
        assert_eq!(above.redraw(WIDE, WIDE, 2), format!("\n\n\n\n{CLEAR}c\nd\ne\n"));
    }

    #[test]
    fn the_oldest_lines_are_forgotten() {
        let line = "x".repeat(1023);
        let above = above(&vec![line.as_str(); 200]);
        assert_eq!((above.lines.len(), above.bytes), (128, BYTES_MAX));
    }
}
