//! `roomd import slack` and `roomd import mattermost`: the archive of another server, room by room.
//!
//! Each room is one import, whole or not at all; the others are imported all the same when one is refused. Then the names
//! of the users are registered, from the time of the first message that each may read: so nobody else can take a name
//! that is on messages, and conversations can be read by their users.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;

use roomd_archives::{Archive, User, mattermost, slack};

use super::execute::{counted, print};
use crate::chat::Time;
use crate::store::administration::{Administration, AdministrationError};
use crate::store::archive::export_of;

/// Imports the archive of `server`. Failure: some of its rooms were refused.
///
/// # Errors
/// It cannot be read, and nothing was imported; or the database failed.
pub fn import(
    history: &dyn Administration,
    server: &Path,
    path: &Path,
    dry_run: bool,
) -> Result<ExitCode, AdministrationError> {
    let unread = |error| AdministrationError::Io(format!("cannot read {}", path.display()), error);
    let file = BufReader::new(File::open(path).map_err(unread)?);
    let (source, archive) = match server.to_str() {
        Some("mattermost") => ("mattermost", mattermost::read(file)),
        _ => ("slack", slack::read(file)),
    };
    let refused = |error| AdministrationError::Refused(format!("{}: {error}; nothing was imported", path.display()));
    let Archive { users, rooms, left_out } = archive.map_err(refused)?;
    let mut failed = 0;
    for room in &rooms {
        if dry_run {
            print(&format!("{}: {}", room.name, counted(room.messages.len(), "message")));
            continue;
        }
        match history.import(&mut &export_of(source, room)[..]) {
            Ok(imported) => {
                let added = counted(imported.added, "message");
                print(&format!("{}: {added} imported, {} there already", imported.room, imported.known));
            }
            Err(error @ (AdministrationError::Refused(_) | AdministrationError::Line(..))) => {
                eprintln!("roomd: {}: {error}", room.name);
                failed += 1;
            }
            Err(error) => return Err(error),
        }
    }
    if dry_run {
        print(&format!("{} and {}; nothing was imported", counted(rooms.len(), "room"), counted(users.len(), "user")));
    } else {
        register(history, &users)?;
    }
    describe(&left_out);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn register(history: &dyn Administration, users: &[User]) -> Result<(), AdministrationError> {
    let mut taken = Vec::new();
    for user in users {
        let since = Time(user.since_ms);
        let owner = history.prepare_token(&user.name, since, since)?.owner;
        if owner.since != since {
            taken.push(owner.name.to_string());
        }
    }
    if !taken.is_empty() {
        print(&format!("registered here before, and taken to be the same people: {}", taken.join(", ")));
    }
    print(&format!("{} registered; roomd token --user NAME lets each in", counted(users.len(), "name")));
    Ok(())
}

fn describe(left_out: &BTreeMap<String, usize>) {
    for (kind, count) in left_out {
        print(&format!("left out: {kind}: {count}"));
    }
}
