//! What `roomd top` says when it cannot go on: a sentence on standard error.
//!
//! Called on the main thread. The frames are written by the terminal's crate; it exits with 1 when the server refuses, or was
//! not reached at the start.

use std::process::ExitCode;

use roomd_terminal::top::Top;

/// Shows the server. Blocks until a key or a signal ends it.
pub fn run(top: &Top) -> ExitCode {
    match top.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("roomd: {sentence}");
            ExitCode::FAILURE
        }
    }
}
