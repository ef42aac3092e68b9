//! Which state of its history a file holds, so that a file that went back in time is noticed.
//!
//! Each state has a random id, in the table `state`, and `checkpoint.rs` gives the next one to whatever is about to be
//! taken from the log into the file. The file `….lock` beside it remembers the ids that the file may have, and which
//! file it was. So when a server starts it knows whether the file in this place is the one that was here last, in its
//! last state. One that is not was restored: from a backup, from a copy, or by a machine that lost its newest writes.
//! Its rooms get new epochs, since clients may be ahead of it. A log beside a file of another state is refused: SQLite
//! would write the one into the other.
//!
//! Not noticed, because nothing beside the file tells: the whole machine, or the whole disk, that goes back in time.

use std::fmt;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::schema::{self, FileKind};
use crate::chat::Epoch;
use crate::store::rooms::Durability;

/// Ids that a file may have, at most: before and after a checkpoint, and one that a failed start has left.
const IDS_MAX: usize = 3;
/// The id of a file that no server has opened since it was created, or migrated from a version without states.
pub const NEW: &str = "new";

/// What the last server left beside the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateRecord {
    /// Nothing, or nothing that can be read.
    Unknown,
    /// A server that did not know of states yet was here.
    Older,
    /// The file that was served.
    Known(KnownState),
}

/// The state of the file that was served last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownState {
    /// The ids that it may have, the newest last.
    pub ids: Vec<String>,
    /// Its inode.
    pub inode: u64,
    /// The server that has it open, or has not closed it; `None` once it is closed.
    pub serving: Option<Serving>,
}

/// A server that has the file open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Whether a loss of power could take what it acknowledged.
    pub fsync: bool,
    /// Which start of the machine it belongs to; empty when the system does not tell.
    pub boot: String,
}

/// What a file itself says, without its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// The id of its state; [`NEW`] before the first server.
    pub id: String,
    /// Whether `roomd backup` or `roomd restore` has written it, and no server has opened it.
    pub copied: bool,
    /// The path by which it is open, beside which its log is; `None` once it is closed.
    pub open_at: Option<String>,
}

/// What a server finds in the place of its file.
#[derive(Debug)]
pub struct FoundFile<'a> {
    /// `None`: an older program wrote it.
    pub file: Option<FileState>,
    /// Bytes of the log beside it; `None`: there is none. That of a server which was killed is there, if only empty.
    pub log: Option<u64>,
    /// The inode of the file.
    pub inode: u64,
    /// This start of the machine.
    pub boot: &'a str,
}

/// What to do with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its history goes on.
    Continues,
    /// It was restored: its rooms begin new epochs, for this reason.
    Restored(&'static str),
    /// The log beside it belongs to another state of the file.
    ForeignLog,
}

impl Serving {
    /// This server.
    pub fn now(durability: Durability) -> Self {
        // Without it a restart of the machine is not noticed; it is there on every Linux with /proc.
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self { fsync: durability == Durability::Fsync, boot: boot.trim().to_owned() }
    }
}

impl StateRecord {
    /// Reads what `Display` has written, behind the line of the process id.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        if lines.next().is_none_or(|process| process.trim().parse::<u32>().is_err()) {
            return Self::Unknown;
        }
        let mut known = KnownState::default();
        let mut complete = false;
        for line in lines {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("unknown") => return Self::Unknown,
                Some("state") => known.ids = words.map(str::to_owned).collect(),
                Some("inode") => match words.next().map(str::parse) {
                    Some(Ok(inode)) => known.inode = inode,
                    _ => return Self::Unknown,
                },
                Some("serving") => {
                    let fsync = words.next() == Some("fsync");
                    known.serving = Some(Serving { fsync, boot: words.next().unwrap_or_default().to_owned() });
                }
                Some("end") => complete = true,
                _ => return Self::Unknown,
            }
        }
        match (known == KnownState::default(), complete) {
            (true, false) => Self::Older,
            (false, true) if !known.ids.is_empty() => Self::Known(known),
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for StateRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => writeln!(f, "unknown"),
            Self::Older => Ok(()),
            Self::Known(KnownState { ids, inode, serving }) => {
                writeln!(f, "state {}\ninode {inode}", ids.join(" "))?;
                if let Some(Serving { fsync, boot }) = serving {
                    writeln!(f, "serving {} {boot}", if *fsync { "fsync" } else { "no-fsync" })?;
                }
                writeln!(f, "end")
            }
        }
    }
}

impl KnownState {
    /// Adds an id that the file may have from now on.
    pub fn add(&mut self, id: &str) {
        if !self.ids.iter().any(|known| known == id) {
            self.ids.push(id.to_owned());
        }
        let surplus = self.ids.len().saturating_sub(IDS_MAX);
        self.ids.drain(..surplus);
    }
}

/// What is to be done with a file, after what the last server has left.
pub fn judge(record: &StateRecord, found: &FoundFile<'_>) -> Verdict {
    let has_log = found.log.is_some_and(|bytes| bytes > 0);
    let restored = |reason| if has_log { Verdict::ForeignLog } else { Verdict::Restored(reason) };
    let copied = found.file.as_ref().is_some_and(|file| file.copied);
    match (record, &found.file) {
        (StateRecord::Known(known), Some(file)) if known.ids.contains(&file.id) => {
            if known.inode != found.inode {
                return Verdict::Restored("it is a copy of the file that was served last");
            }
            match &known.serving {
                Some(Serving { fsync: false, boot }) if boot != found.boot && !boot.is_empty() => {
                    Verdict::Restored("the machine was restarted while the newest messages were not on the disk yet")
                }
                Some(_) if found.log.is_none() => Verdict::Restored("its log is gone, and with it the newest messages"),
                _ => Verdict::Continues,
            }
        }
        (StateRecord::Known(_), _) => restored("it is not in the state in which it was served last"),
        _ if copied => restored("it is a backup that was put in this place"),
        (StateRecord::Older, None) => Verdict::Continues,
        // Created, and not served yet.
        (_, Some(file)) if file.id == NEW => Verdict::Continues,
        _ => Verdict::Restored("nothing beside it tells that it is the file that was served last"),
    }
}

/// What the file at `path` says of itself, its log left aside. `None`: an older program, or another one, wrote it.
///
/// # Errors
/// It cannot be read.
pub fn read_file(path: &Path) -> rusqlite::Result<Option<FileState>> {
    // Immutable: neither the log is looked at, nor anything created beside it.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable(path), flags)?;
    match schema::identify(&connection)? {
        FileKind::Ours(version) if version >= schema::VERSION_WITH_STATE => read(&connection),
        _ => Ok(None),
    }
}

/// The address of a file that SQLite is to read alone.
pub fn immutable(path: &Path) -> String {
    format!("file:{}?immutable=1", percent_encode(path.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC))
}

/// What the history says of its state.
///
/// # Errors
/// It cannot be read.
pub fn read(connection: &Connection) -> rusqlite::Result<Option<FileState>> {
    let row = connection.query_row("SELECT id, copied, open_at FROM state", [], |row| {
        Ok(FileState { id: row.get(0)?, copied: row.get(1)?, open_at: row.get(2)? })
    });
    row.optional()
}

/// Gives the history this state.
///
/// # Errors
/// The transaction must be rolled back.
pub fn write(connection: &Connection, state: &FileState) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM state")?.execute([])?;
    let sql = "INSERT INTO state (id, copied, open_at) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![state.id, state.copied, state.open_at]).map(|_| ())
}

/// Writes next to nothing.
///
/// # Errors
/// The history cannot be written.
pub fn touch(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE state SET id = id")?.execute([]).map(|_| ())
}

/// Draws the id of a new state.
///
/// # Errors
/// The system has no randomness to give.
pub fn draw() -> rusqlite::Result<String> {
    let drawn = getrandom::u64().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    Ok(format!("{drawn:016x}"))
}

/// Gives each room another epoch: clients that know numbers of the old one read afresh.
///
/// # Errors
/// The transaction must be rolled back.
pub fn begin_new_epochs(connection: &Connection) -> rusqlite::Result<usize> {
    let drawn = getrandom::u64().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let mut rooms = connection.prepare("SELECT room FROM rooms WHERE ended = 0")?;
    let rooms = rooms.query_map([], |row| row.get::<_, i64>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut update = connection.prepare("UPDATE rooms SET epoch = ?2 WHERE room = ?1")?;
    for room in &rooms {
        // Different rooms need no different randomness: an epoch is compared with those of its own room.
        update.execute(params![room, Epoch(drawn.wrapping_add(room.cast_unsigned())).to_string()])?;
    }
    Ok(rooms.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(ids: &[&str], inode: u64, serving: Option<(bool, &str)>) -> StateRecord {
        let serving = serving.map(|(fsync, boot)| Serving { fsync, boot: boot.to_owned() });
        StateRecord::Known(KnownState { ids: ids.iter().map(|id| (*id).to_owned()).collect(), inode, serving })
    }

    #[test]
    fn a_record_survives_its_text() {
        for record in [
            StateRecord::Unknown,
            StateRecord::Older,
            known(&["a"], 7, None),
            known(&["a", "b"], 7, Some((true, "boot"))),
            known(&["a", "b"], 7, Some((false, ""))),
        ] {
            assert_eq!(StateRecord::parse(&format!("1234\n{record}\n\n\n")), record);
        }
        for torn in
            ["", "\0\0\0", "1234\nstate a b\ninode", "1234\nstate a\ninode 7\nserv", "1234\nstate\ninode 7\nend"]
        {
            assert_eq!(StateRecord::parse(torn), StateRecord::Unknown, "{torn:?}");
        }
        assert_eq!(StateRecord::parse("1234\n"), StateRecord::Older);
    }

    #[test]
    fn a_file_goes_on_or_was_restored_or_has_a_log_that_is_not_its_own() {
        let served = || known(&["a", "b"], 7, Some((true, "boot 1")));
        let closed = || known(&["c"], 7, None);
        let unsafe_until = |boot| known(&["a"], 7, Some((false, boot)));
        let (goes_on, restored, foreign) = (Some(true), Some(false), None);
        for (what, record, file, has_log, inode, expected) in [
            ("a clean start", closed(), Some(("c", false)), false, 7, goes_on),
            ("a crash", served(), Some(("a", false)), true, 7, goes_on),
            ("a crash in a checkpoint", served(), Some(("b", false)), true, 7, goes_on),
            ("a crash without a log", served(), Some(("b", false)), false, 7, restored),
            ("a file that was copied with its record", closed(), Some(("c", false)), false, 8, restored),
            ("a crash, copied with log and record", served(), Some(("a", false)), true, 8, restored),
            ("an older copy", closed(), Some(("a", false)), false, 7, restored),
            ("an older copy over a crash", served(), Some(("z", false)), true, 7, foreign),
            ("a backup", closed(), Some(("x", true)), false, 7, restored),
            ("a backup over a crash", served(), Some(("x", true)), true, 7, foreign),
            (
                "a backup that crashed at its first start",
                known(&["x", "y"], 7, None),
                Some(("x", true)),
                true,
                7,
                goes_on,
            ),
            ("a backup elsewhere", StateRecord::Unknown, Some(("x", true)), false, 7, restored),
            ("a backup over an unknown log", StateRecord::Unknown, Some(("x", true)), true, 7, foreign),
            ("a copy elsewhere", StateRecord::Unknown, Some(("a", false)), false, 7, restored),
            ("a copy elsewhere with its log", StateRecord::Unknown, Some(("a", false)), true, 7, restored),
            ("a new file", StateRecord::Unknown, Some((NEW, false)), false, 7, goes_on),
            ("an older program's file", StateRecord::Older, None, false, 7, goes_on),
            ("an older program's file after a crash", StateRecord::Older, None, true, 7, goes_on),
            ("an older program's file without its lock file", StateRecord::Unknown, None, false, 7, restored),
            ("an older program's backup", closed(), None, false, 7, restored),
            ("an older program's backup over a crash", served(), None, true, 7, foreign),
            ("a crash of the server alone", unsafe_until("boot 2"), Some(("a", false)), true, 7, goes_on),
            ("a crash of the machine", unsafe_until("boot 1"), Some(("a", false)), true, 7, restored),
        ] {
            let file = file.map(|(id, copied): (&str, bool)| FileState { id: id.to_owned(), copied, open_at: None });
            let verdict = judge(&record, &FoundFile { file, log: has_log.then_some(9), inode, boot: "boot 2" });
            let found = match verdict {
                Verdict::Continues => Some(true),
                Verdict::Restored(_) => Some(false),
                Verdict::ForeignLog => None,
            };
            assert_eq!(found, expected, "{what}: {verdict:?}");
        }
    }
}
