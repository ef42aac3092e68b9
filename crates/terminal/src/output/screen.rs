//! Writes lines: above the line that is being edited, or to standard output.
//!
//! Used by the main thread alone, but for the size. Each line is flushed by itself, because a program at the other end of
//! a pipe wants it at once.

use std::io::{self, Write};
use std::sync::Arc;

use rustix::termios::{Winsize, tcgetwinsize};

use super::lines_above::Size;
use super::wrap::wrap;
use crate::input::editor::Printer;
use crate::input::editor_state::EditorState;

/// See the module.
pub enum Screen {
    /// A terminal with a line editor.
    Editor(Printer, Arc<EditorState>),
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
            Self::Editor(printer, editor) => {
                editor.printed(line.to_owned());
                printer.print(wrap(line, size().columns) + "\n")
            }
            Self::Plain => {
                let line = format!("{line}\n");
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes())?;
                out.flush()
            }
        }
    }

    /// Shows anew what is above the line that is being edited, if that has to be since the terminal has another width. Blocks as
    /// [`Screen::line`] does. A line that is entered in this very moment may be missing there.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn redraw(&mut self) -> io::Result<()> {
        match self {
            Self::Editor(printer, editor) => editor.redraw(size()).map_or(Ok(()), |text| printer.print(text)),
            Self::Plain => Ok(()),
        }
    }
}

/// The size of the terminal that standard output is.
pub fn size() -> Size {
    let cells = |size: Winsize| Size { columns: size.ws_col.into(), rows: size.ws_row.into() };
    tcgetwinsize(io::stdout()).map_or(Size::default(), cells)
}
