//! What `roomd admin` says: lists on standard output, problems on standard error.
//!
//! Called on the main thread. It exits with 1 when the server refuses, or was not reached.

use std::io;
use std::process::ExitCode;

use roomd_terminal::admin::Admin;

/// Does it. Blocks on the server.
pub fn run(admin: &Admin) -> ExitCode {
    match admin.run(&mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("roomd: {sentence}");
            ExitCode::FAILURE
        }
    }
}
