//! The commands on the file of messages: `export`, `import`, `backup`, `check`, `retain`.
//!
//! Called by `main` on the main thread. What they have to say goes to standard output, what went wrong
//! to standard error; the exit code is 1 when a command failed, or a check found something.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::process::ExitCode;
use std::time::Duration;

use super::tokens;
use super::{Bound, Since, Task};
use crate::settings::Settings;
use crate::store::sqlite::{self, Archive, ArchiveError, Findings, Word};
use roomd_cli::value::time_text;

/// Does what is asked.
#[must_use]
pub fn run(settings: &Settings, task: &Task) -> ExitCode {
    match done(settings, task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("roomd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn done(settings: &Settings, task: &Task) -> Result<ExitCode, ArchiveError> {
    let archive = Archive::named(&settings.data)?;
    match task {
        Task::Export { room, since } => {
            let since = match since {
                Since::Seq(seq) => sqlite::Since::Seq(*seq),
                Since::Time(at) => sqlite::Since::Time(*at),
            };
            archive.export(room, since, &mut BufWriter::new(io::stdout().lock()))?;
        }
        Task::Import { from } => {
            let mut input: Box<dyn BufRead> = match from {
                None => Box::new(io::stdin().lock()),
                Some(path) => {
                    let unread = |error| ArchiveError::Io(format!("cannot read {}", path.display()), error);
                    Box::new(BufReader::new(File::open(path).map_err(unread)?))
                }
            };
            let imported = archive.import(&mut input)?;
            say(&format!("{}: {} messages imported, {} there already", imported.room, imported.added, imported.known));
        }
        Task::Backup { to } => {
            let bytes = archive.backup(to)?;
            say(&format!("{}: {bytes} bytes", to.display()));
        }
        Task::Check => {
            let findings = archive.check()?;
            report(&findings);
            if !findings.problems.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Task::Token(minting) => tokens::mint(&archive, minting)?,
        Task::Keys { rotate: true } => tokens::rotate(&archive)?,
        Task::Keys { rotate: false } => tokens::list(&archive)?,
        Task::Retain { room, age, messages } => {
            let own = |bound: &Bound| match bound {
                Bound::Server => None,
                Bound::Own(bound) => Some(*bound),
            };
            let word = archive.retain(room, |word| {
                word.age_ms = age.as_ref().map_or(word.age_ms, own);
                word.count = messages.as_ref().map_or(word.count, own);
            })?;
            say(&format!("{room}: {}", words(word)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Nobody may be reading any more, as when `head` has enough: that is no failure of ours.
fn say(line: &str) {
    _ = writeln!(io::stdout(), "{line}");
}

fn report(findings: &Findings) {
    for room in &findings.rooms {
        let messages = room.ends.map_or("no messages".to_owned(), |(oldest, newest)| format!("{oldest} to {newest}"));
        say(&format!("{}: {messages}; {}", room.name, words(room.word)));
    }
    for problem in &findings.problems {
        eprintln!("roomd: {problem}");
    }
    match findings.problems.len() {
        0 => say(&format!("{} rooms, and nothing is wrong", findings.rooms.len())),
        count => eprintln!("roomd: {count} problems: put a backup in its place, or export what can be read"),
    }
}

fn words(word: Word) -> String {
    let age = match word.age_ms {
        None => "any age the server keeps".to_owned(),
        Some(0) => "any age".to_owned(),
        Some(ms) => format!("at most {} old", time_text(Duration::from_millis(ms.unsigned_abs()))),
    };
    let count = match word.count {
        None => "as many as the server keeps".to_owned(),
        Some(0) => "all".to_owned(),
        Some(count) => format!("at most {count}"),
    };
    format!("{age}, {count}")
}
