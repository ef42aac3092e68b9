//! The commands that talk to a running server, as its clients: `chat`, `invite`, `admin`, `ready`, `top`.
//!
//! Parsed and run on the main thread. They have no settings, and read no file of them.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, Command};

use super::{admin, invite, ready, top};
use roomd_terminal as terminal;

/// One of these commands, with what it needs to run.
#[derive(Debug, PartialEq)]
pub enum ClientCommand {
    /// Chat in a room of a server.
    Chat(terminal::Arguments),
    /// Make a link that admits to a room.
    Invite(terminal::invite::Invite),
    /// See and do what an admin may.
    Admin(terminal::admin::Admin),
    /// Check whether a server is ready.
    Ready(terminal::ready::Ready),
    /// Show a server live.
    Top(terminal::top::Top),
}

/// Each of them.
pub fn commands() -> [Command; 5] {
    [
        terminal::arguments::command(),
        terminal::invite::command(),
        terminal::admin::command(),
        terminal::ready::command(),
        terminal::top::command(),
    ]
}

/// What the arguments of the command `name` ask for, if it is one of these; the error is a sentence.
pub fn read(
    name: &str,
    flags: &ArgMatches,
    variables: &[(OsString, OsString)],
) -> Option<Result<ClientCommand, String>> {
    Some(match name {
        "chat" => terminal::arguments::read(flags, variables).map(ClientCommand::Chat),
        "invite" => terminal::invite::read(flags).map(ClientCommand::Invite),
        "admin" => terminal::admin::read(flags).map(ClientCommand::Admin),
        "ready" => terminal::ready::read(flags).map(ClientCommand::Ready),
        "top" => terminal::top::read(flags).map(ClientCommand::Top),
        _ => return None,
    })
}

impl ClientCommand {
    /// Runs it. Blocks until it has ended.
    pub fn run(self) -> ExitCode {
        match self {
            Self::Chat(arguments) => terminal::run(arguments),
            Self::Invite(invite) => invite::run(&invite),
            Self::Admin(admin) => admin::run(&admin),
            Self::Ready(ready) => ready::run(&ready),
            Self::Top(top) => top::run(&top),
        }
    }
}
