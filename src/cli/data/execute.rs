//! Runs the commands on the history: `export`, `import`, `backup`, `restore`, `check`, `retain`.
//!
//! Called by `main` on the main thread. Results go to standard output and problems to standard error; the exit code is
//! 1 when a command failed or a check found a problem, and 2 when this build or backend cannot do it.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::{DataCommand, KeysAction, archives, backups, cluster, hooks, operate, tokens, webhooks};
use crate::settings::Settings;
use crate::store;
use crate::store::administration::{
    AdministrationError, ExportStart, Findings, Restored, RetentionChange, RetentionOverride,
};
use roomd_cli::value::time_text;

/// Runs `command`.
#[must_use]
pub fn run(settings: &Settings, command: &DataCommand) -> ExitCode {
    match execute(settings, command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("roomd: {error}");
            match error {
                AdministrationError::Unsupported(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn execute(settings: &Settings, command: &DataCommand) -> Result<ExitCode, AdministrationError> {
    let history = store::administration(&settings.data)?;
    match command {
        DataCommand::Export { room, since } => {
            let start = since.unwrap_or(ExportStart::Seq(0));
            history.export(room, start, &mut BufWriter::new(io::stdout().lock()))?;
        }
        DataCommand::Import { from: Some(server), archive: Some(path), dry_run } => {
            return archives::import(&*history, server, path, *dry_run);
        }
        DataCommand::Import { from, .. } => {
            let mut input: Box<dyn BufRead> = match from {
                None => Box::new(io::stdin().lock()),
                Some(path) => {
                    let unread = |error| AdministrationError::Io(format!("cannot read {}", path.display()), error);
                    Box::new(BufReader::new(File::open(path).map_err(unread)?))
                }
            };
            let imported = history.import(&mut input)?;
            let added = counted(imported.added, "message");
            print(&format!("{}: {added} imported, {} there already", imported.room, imported.known));
        }
        DataCommand::Backup(options) => backups::run(&*history, options)?,
        DataCommand::Restore { from } => describe_restored(&history.restore(from)?, from),
        DataCommand::Check => {
            let findings = history.check()?;
            report(&findings);
            if !findings.problems.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
        DataCommand::Cluster { json } => cluster::list(&*history, *json)?,
        DataCommand::Hook { room, name: Some(name), .. } => hooks::add(&*history, room, name)?,
        DataCommand::Hook { room, hook: Some(number), .. } => hooks::revoke(&*history, room, *number)?,
        DataCommand::Hook { room, .. } => hooks::list(&*history, room)?,
        DataCommand::Webhook(options) => webhooks::run(&*history, options)?,
        DataCommand::Reload => operate::reload(&*history)?,
        DataCommand::Drain => operate::drain(&*history)?,
        DataCommand::Token(options) => tokens::sign(&*history, options)?,
        DataCommand::Keys { action: KeysAction::Rotate, .. } => tokens::rotate(&*history)?,
        DataCommand::Keys { action: KeysAction::Revoke, key: Some(key) } => tokens::revoke(&*history, key)?,
        DataCommand::Keys { .. } => tokens::list(&*history)?,
        DataCommand::Retain { room, age, messages } => {
            let bounds = history.retain(room, RetentionChange { age_ms: *age, count: *messages })?;
            print(&format!("{room}: {}", describe(bounds)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line. A reader that has gone, as `head` does, is no failure of the command.
pub fn print(line: &str) {
    _ = writeln!(io::stdout(), "{line}");
}

/// So many of something, in words: `1 room`, `2 rooms`.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn describe_restored(restored: &Restored, from: &Path) {
    let Restored { path, rooms, messages, newest, kept, kept_log } = restored;
    let newest = newest.map_or(String::new(), |at| format!(", the newest of {at}"));
    let (rooms, messages) = (counted(*rooms, "room"), counted(*messages, "message"));
    print(&format!("{}: {rooms} and {messages}{newest}, from {}", path.display(), from.display()));
    if let Some(kept) = kept {
        print(&format!("what was there before is kept as {}", kept.display()));
    }
    if let Some(log) = kept_log {
        print(&format!("a log that did not belong to it is kept as {}", log.display()));
    }
    print("the rooms begin new epochs at the next start: clients read their history afresh");
}

fn report(findings: &Findings) {
    for room in &findings.rooms {
        let messages = room.ends.map_or("no messages".to_owned(), |(oldest, newest)| format!("{oldest} to {newest}"));
        print(&format!("{}: {messages}; {}", room.name, describe(room.retention)));
    }
    for problem in &findings.problems {
        eprintln!("roomd: {problem}");
    }
    match findings.problems.len() {
        0 => print(&format!("{}, and nothing is wrong", counted(findings.rooms.len(), "room"))),
        count => {
            let problems = counted(count, "problem");
            eprintln!("roomd: {problems}: put a backup in its place, or export what can be read");
        }
    }
}

fn describe(bounds: RetentionOverride) -> String {
    let age = match bounds.age_ms {
        None => "any age the server keeps".to_owned(),
        Some(0) => "any age".to_owned(),
        Some(ms) => format!("at most {} old", time_text(Duration::from_millis(ms.unsigned_abs()))),
    };
    let count = match bounds.count {
        None => "as many as the server keeps".to_owned(),
        Some(0) => "all".to_owned(),
        Some(count) => format!("at most {count}"),
    };
    format!("{age}, {count}")
}
