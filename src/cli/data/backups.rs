//! `roomd backup`: one copy of the history, or one each hour with the newest kept, in a folder or for a command.
//!
//! Called by `execute.rs` on the main thread, while the server runs. A copy appears under its name when it is whole; the
//! names of copies in a folder are their times, so that they sort, and nothing else in the folder is touched. With
//! `--every` the command runs until it is ended, and a copy that fails is said and tried again at the next time.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;

use super::execute::print;
use crate::chat::Time;
use crate::store::administration::{Administration, AdministrationError};
use roomd_cli::parser::checked;
use roomd_cli::value::{self, DAY, time_text};

/// How long a command that takes a copy may run, unless the next copy is later than that.
const COMMAND_MAX: Duration = Duration::from_secs(6 * 60 * 60);
/// From look to look whether the command has ended.
const COMMAND_LOOK: Duration = Duration::from_millis(50);

/// Where copies go, and when.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupOptions {
    /// The copy, which must not exist yet
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A folder for copies, which are named by their times; made if it is missing
    #[arg(long = "to", value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// How many of the copies in the folder are kept, the newest [default: all]
    #[arg(long, value_name = "N", value_parser = checked(parse_keep))]
    pub keep: Option<usize>,
    /// Make a copy now and then again and again, such as 1h, until the command is ended
    #[arg(long, value_name = "TIME", value_parser = checked(parse_every))]
    pub every: Option<Duration>,
    /// A command of the shell that reads each copy on its standard input, such as
    /// 'ssh backup@host "cat > roomd.db"'
    #[arg(long, value_name = "COMMAND", verbatim_doc_comment)]
    pub pipe: Option<String>,
}

impl BackupOptions {
    /// What the parser of flags cannot see. An error is a sentence.
    pub fn check(&self) -> Result<(), String> {
        let Self { file, folder, keep, every, pipe } = self;
        let sentence = match (file, folder) {
            (None, None) if pipe.is_none() => "backup needs a FILE, --to FOLDER or --pipe COMMAND",
            (Some(_), Some(_)) => "backup takes a FILE or --to FOLDER, not both",
            (Some(_), None) if every.is_some() => "--every needs --to or --pipe: each copy has a name of its own",
            (_, None) if keep.is_some() => "--keep is for --to FOLDER",
            _ => return Ok(()),
        };
        Err(sentence.to_owned())
    }
}

/// Makes the copy, or one after the other.
pub fn run(history: &dyn Administration, options: &BackupOptions) -> Result<(), AdministrationError> {
    // The first decides whether this can be done at all.
    copy(history, options)?;
    let Some(every) = options.every else { return Ok(()) };
    let mut next = Instant::now() + every;
    loop {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        if let Err(error) = copy(history, options) {
            eprintln!("roomd: {error}; the next copy is tried in {}", time_text(every));
        }
        while next <= Instant::now() {
            next += every;
        }
    }
}

/// Makes one copy, gives it to the command, and deletes old ones.
fn copy(history: &dyn Administration, options: &BackupOptions) -> Result<(), AdministrationError> {
    let scratch = if options.file.is_none() && options.folder.is_none() { Some(ScratchFolder::new()?) } else { None };
    let folder = options.folder.as_deref().or(scratch.as_ref().map(|folder| folder.0.as_path()));
    let path = match (&options.file, folder) {
        (Some(file), _) => file.clone(),
        (None, folder) => {
            let folder = folder.unwrap_or(Path::new("."));
            let unmade = |error| AdministrationError::Io(format!("{} could not be made", folder.display()), error);
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unmade)?;
            folder.join(name_at(Time::from(SystemTime::now())))
        }
    };
    let bytes = history.backup(&path)?;
    if let Some(command) = &options.pipe {
        give(&path, command, options.every.unwrap_or_default().max(COMMAND_MAX))?;
        print(&format!("{command}: {bytes} bytes"));
    }
    if scratch.is_none() {
        print(&format!("{}: {bytes} bytes", path.display()));
    }
    if let (Some(folder), Some(keep)) = (&options.folder, options.keep) {
        delete_old(folder, keep)?;
    }
    Ok(())
}

/// The name of a copy: `roomd-20261120T180000.000Z.db`.
fn name_at(at: Time) -> String {
    let time: String = at.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("roomd-{time}.db")
}

/// Whether a file has the name of a copy, or of one that was not finished.
fn is_copy(name: &str) -> bool {
    let pattern = "roomd-########T######.###Z.db";
    let name = name.strip_suffix(".partial").unwrap_or(name);
    name.len() == pattern.len()
        && name.chars().zip(pattern.chars()).all(|(c, of)| if of == '#' { c.is_ascii_digit() } else { c == of })
}

/// Deletes all copies in a folder but the newest, and what is left of those that were not finished.
fn delete_old(folder: &Path, keep: usize) -> Result<(), AdministrationError> {
    let failed = |error| AdministrationError::Io(format!("old copies in {} stay", folder.display()), error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string().ok().filter(|name| is_copy(name)));
    }
    names.sort_unstable();
    let (partial, whole): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.ends_with(".partial"));
    let old = &whole[..whole.len().saturating_sub(keep)];
    for name in partial.iter().chain(old) {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Has a command read the copy. Blocks until it has ended, for at most this time.
fn give(path: &Path, command: &str, at_most: Duration) -> Result<(), AdministrationError> {
    let failed = |error| AdministrationError::Io(format!("{command:?} could not be run"), error);
    let copy = File::open(path).map_err(failed)?;
    let mut child = Command::new("sh").arg("-c").arg(command).stdin(Stdio::from(copy)).spawn().map_err(failed)?;
    let until = Instant::now() + at_most;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() >= until {
            _ = child.kill();
            _ = child.wait();
            let sentence = format!("{command:?} had not ended after {}, and was killed", time_text(at_most));
            return Err(AdministrationError::Refused(sentence));
        }
        thread::sleep(COMMAND_LOOK);
    };
    if ExitStatus::success(&status) {
        return Ok(());
    }
    Err(AdministrationError::Refused(format!("{command:?} failed: {status}")))
}

/// A folder that only this user can read, deleted with what is in it.
struct ScratchFolder(PathBuf);

impl ScratchFolder {
    fn new() -> Result<Self, AdministrationError> {
        let failed = |error| AdministrationError::Io("a folder for the copy could not be made".to_owned(), error);
        let drawn = getrandom::u64().map_err(|error| failed(io::Error::other(error)))?;
        let path = std::env::temp_dir().join(format!("roomd-backup-{drawn:016x}"));
        DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        Ok(Self(path))
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn parse_keep(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|keep| *keep > 0).ok_or_else(|| format!("must be a whole number from 1 on, not {text:?}"))
}

fn parse_every(text: &str) -> Result<Duration, String> {
    value::time(text, &(Duration::from_secs(1)..=366 * DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_known_by_its_name_and_nothing_else_is() {
        let name = name_at(Time(1_795_197_600_007));
        assert_eq!(name, "roomd-20261120T180000.007Z.db");
        assert!(is_copy(&name) && is_copy(&format!("{name}.partial")));
        for other in
            ["roomd.db", "roomd-20261120.db", "roomd-20261120T180000.007Z.db-wal", "roomd-2026112xT180000.007Z.db"]
        {
            assert!(!is_copy(other), "{other}");
        }
    }
}
