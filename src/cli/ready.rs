//! What `roomd ready` says: nothing when the server is ready, or why it is not.
//!
//! Called on the main thread.

use std::process::ExitCode;

use roomd_terminal::ready::Ready;

/// Checks it. Blocks on the server, for seconds at most.
pub fn run(ready: &Ready) -> ExitCode {
    match ready.check() {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("roomd: {sentence}");
            ExitCode::FAILURE
        }
    }
}
