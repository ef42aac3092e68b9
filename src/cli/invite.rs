//! What `roomd invite` says: the link, alone on its line, and its code for a telephone's camera on a terminal.
//!
//! Called on the main thread.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use super::qr::code;
use roomd_terminal::invite::Invite;

/// Makes the link and says it. Blocks on the server.
pub fn run(invite: &Invite) -> ExitCode {
    let link = match invite.link() {
        Ok(link) => link,
        Err(sentence) => {
            eprintln!("roomd: {sentence}");
            return ExitCode::FAILURE;
        }
    };
    let out = &mut io::stdout();
    let drawn = if out.is_terminal() { code(&link) } else { String::new() };
    let written = writeln!(out, "{link}").and_then(|()| write!(out, "{drawn}"));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
