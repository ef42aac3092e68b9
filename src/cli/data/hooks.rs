//! `roomd hook add`, `list` and `revoke`: the hooks of a room, made and revoked by the operator.
//!
//! Called by `execute.rs` on the main thread, whether or not a server runs on the data file, which takes notice at once.
//! The path of a new hook goes to standard output, alone on its line; what a person should know of it to standard error.

use std::io::{self, Write};
use std::time::SystemTime;

use crate::auth::hooks;
use crate::chat::hook::{HOOKS_MAX, Hook, NewHook};
use crate::chat::{RoomName, Time, UserName};
use crate::store::administration::{Administration, AdministrationError};

/// Makes a hook and prints its path.
pub fn add(history: &dyn Administration, room: &RoomName, name: &UserName) -> Result<(), AdministrationError> {
    let made = NewHook { room: room.clone(), name: name.clone(), by: None, created: now() };
    let (token, digest) = hooks::draw().map_err(|error| AdministrationError::Refused(error.to_string()))?;
    let Some(number) = history.add_hook(&made, &digest)? else {
        let sentence = format!("the room {room} has {HOOKS_MAX} hooks: revoke one first");
        return Err(AdministrationError::Refused(sentence));
    };
    print(&format!("/hooks/{}", token.reveal()))?;
    eprintln!(
        "roomd: hook {number} of {room}: whoever has this path, behind the server's address, speaks there as {name}"
    );
    Ok(())
}

/// Prints the hooks of a room, those that were revoked too.
pub fn list(history: &dyn Administration, room: &RoomName) -> Result<(), AdministrationError> {
    for Hook { number, made: NewHook { name, by, created, .. }, revoked } in history.hooks(room)? {
        let revoked = revoked.map_or(String::new(), |(at, by)| format!(", revoked {at} by {}", who(by.as_ref())));
        print(&format!("{number} {name}: made {created} by {}{revoked}", who(by.as_ref())))?;
    }
    Ok(())
}

/// Revokes a hook.
pub fn revoke(history: &dyn Administration, room: &RoomName, number: u64) -> Result<(), AdministrationError> {
    if history.revoke_hook(room, number, now())? {
        return print(&format!("hook {number} of {room} is revoked"));
    }
    Err(AdministrationError::Refused(format!("the room {room} has no hook {number} in force")))
}

/// Who it was, in words.
pub(super) fn who(by: Option<&UserName>) -> &str {
    by.map_or("the operator", UserName::as_str)
}

/// The time.
pub(super) fn now() -> Time {
    Time::from(SystemTime::now())
}

/// Prints a line.
pub(super) fn print(line: &str) -> Result<(), AdministrationError> {
    let written = writeln!(io::stdout(), "{line}");
    written.map_err(|error| AdministrationError::Io("cannot write to standard output".to_owned(), error))
}
