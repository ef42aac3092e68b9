//! The commands on the data file, carried out: `export`, `import`, `backup`, `check`, `retain`.
//!
//! Called by `main` on the main thread. Results go to standard output and problems to standard error;
//! the exit code is 1 when a command failed, or a check found something.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::process::ExitCode;
use std::time::Duration;

use super::tokens;
use super::{DataCommand, ExportStart, KeysAction, Override};
use crate::settings::Settings;
use crate::store::sqlite::{self, DataFile, DataFileError, Findings, RetentionOverride};
use roomd_cli::value::time_text;

/// Carries out `command`.
#[must_use]
pub fn run(settings: &Settings, command: &DataCommand) -> ExitCode {
    match carry_out(settings, command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("roomd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(settings: &Settings, command: &DataCommand) -> Result<ExitCode, DataFileError> {
    let archive = DataFile::named(&settings.data)?;
    match command {
        DataCommand::Export { room, since } => {
            let since = match since {
                None => sqlite::Since::Seq(0),
                Some(ExportStart::Seq(seq)) => sqlite::Since::Seq(*seq),
                Some(ExportStart::Time(at)) => sqlite::Since::Time(*at),
            };
            archive.export(room, since, &mut BufWriter::new(io::stdout().lock()))?;
        }
        DataCommand::Import { from } => {
            let mut input: Box<dyn BufRead> = match from {
                None => Box::new(io::stdin().lock()),
                Some(path) => {
                    let unread = |error| DataFileError::Io(format!("cannot read {}", path.display()), error);
                    Box::new(BufReader::new(File::open(path).map_err(unread)?))
                }
            };
            let imported = archive.import(&mut input)?;
            say(&format!("{}: {} messages imported, {} there already", imported.room, imported.added, imported.known));
        }
        DataCommand::Backup { to } => {
            let bytes = archive.backup(to)?;
            say(&format!("{}: {bytes} bytes", to.display()));
        }
        DataCommand::Check => {
            let findings = archive.check()?;
            report(&findings);
            if !findings.problems.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
        DataCommand::Token(options) => tokens::sign(&archive, options)?,
        DataCommand::Keys { action: KeysAction::Rotate } => tokens::rotate(&archive)?,
        DataCommand::Keys { action: KeysAction::List } => tokens::list(&archive)?,
        DataCommand::Retain { room, age, messages } => {
            let own = |bound: Override| match bound {
                Override::Clear => None,
                Override::Set(bound) => Some(bound),
            };
            let bounds = archive.retain(room, |bounds| {
                bounds.age_ms = age.map_or(bounds.age_ms, own);
                bounds.count = messages.map_or(bounds.count, own);
            })?;
            say(&format!("{room}: {}", describe(bounds)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A reader that has left, as `head` does, is no failure of the command.
fn say(line: &str) {
    _ = writeln!(io::stdout(), "{line}");
}

fn report(findings: &Findings) {
    for room in &findings.rooms {
        let messages = room.ends.map_or("no messages".to_owned(), |(oldest, newest)| format!("{oldest} to {newest}"));
        say(&format!("{}: {messages}; {}", room.name, describe(room.word)));
    }
    for problem in &findings.problems {
        eprintln!("roomd: {problem}");
    }
    match findings.problems.len() {
        0 => say(&format!("{} rooms, and nothing is wrong", findings.rooms.len())),
        count => eprintln!("roomd: {count} problems: put a backup in its place, or export what can be read"),
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
