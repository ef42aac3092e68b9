//! The mode of the terminal: as it was before the line editor, and as the editor wants it when the process continues.
//!
//! The editor sets the mode before each line. When the process is stopped (Ctrl-Z, or a signal) and continues (`fg`),
//! the shell has set its own meanwhile, and the editor does not notice, or sets its own before the process has stopped.
//! So the mode is set on SIGCONT, on the thread that waits for it. Setting it twice does no harm.

use std::io::{self, Write as _};

use rustix::process::getpgrp;
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};

/// Has the terminal mark what is pasted, so that a line end in it is none (xterm's control sequences, "Bracketed
/// Paste Mode").
const BRACKETED_PASTE: &[u8] = b"\x1b[?2004h";

/// The mode of standard input before the editor took it.
pub struct TerminalMode {
    before: Termios,
}

impl TerminalMode {
    /// Reads the mode. `None`: standard input is no terminal.
    #[must_use]
    pub fn read() -> Option<Self> {
        tcgetattr(io::stdin()).ok().map(|before| Self { before })
    }

    /// Sets the mode that the editor wants, if the process has the terminal. False: it is in the background.
    #[must_use]
    pub fn continue_editing(&self) -> bool {
        // To set it from the background would stop the process (SIGTTOU).
        if tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground != getpgrp()) {
            return false;
        }
        let mut raw = self.before.clone();
        raw.input_modes -=
            InputModes::BRKINT | InputModes::ICRNL | InputModes::INPCK | InputModes::ISTRIP | InputModes::IXON;
        raw.control_modes |= ControlModes::CS8;
        raw.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG;
        (raw.special_codes[SpecialCodeIndex::VMIN], raw.special_codes[SpecialCodeIndex::VTIME]) = (1, 0);
        let mut out = io::stdout();
        tcsetattr(io::stdin(), OptionalActions::Drain, &raw).is_ok()
            && out.write_all(BRACKETED_PASTE).and_then(|()| out.flush()).is_ok()
    }

    /// Sets the mode that was there before the editor.
    pub fn restore(&self) {
        // The terminal may be gone.
        _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}
