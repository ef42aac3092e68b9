//! Where lines go: above the line that is being edited, or simply to standard output.
//!
//! Used by the main thread alone. Lines that are followed by others at once are written one by one:
//! whoever reads them from a pipe wants each when it is there.

use std::io::{self, Write};

use super::editor::Printer;

/// See the module.
pub enum Screen {
    /// A terminal with an editor.
    Editor(Printer),
    /// Standard output.
    Plain,
}

impl Screen {
    /// Writes a line, given without its end.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        let line = format!("{line}\n");
        match self {
            Self::Editor(printer) => printer.print(line),
            Self::Plain => {
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes())?;
                out.flush()
            }
        }
    }
}
