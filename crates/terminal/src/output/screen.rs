//! Writes lines: above the line that is being edited, or to standard output.
//!
//! Used by the main thread alone. Each line is flushed by itself, because a program at the other end of
//! a pipe wants it at once.

use std::io::{self, Write};

use rustix::termios::tcgetwinsize;

use super::wrap::wrap;
use crate::input::editor::Printer;

/// See the module.
pub enum Screen {
    /// A terminal with a line editor.
    Editor(Printer),
    /// Standard output.
    Plain,
}

impl Screen {
    /// Writes a line, given without its line end. Blocks on the terminal or the pipe.
    ///
    /// # Errors
    /// The reader is gone.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        match self {
            Self::Editor(printer) => {
                let width = tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
                printer.print(wrap(line, width) + "\n")
            }
            Self::Plain => {
                let line = format!("{line}\n");
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes())?;
                out.flush()
            }
        }
    }
}
