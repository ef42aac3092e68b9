//! The baseline: one thread that commits batches of messages to SQLite, with no one to answer and nothing to index.
//!
//! Its tables hold what the store's hold of a message, and its settings are the store's. A batch has one message of each
//! room, as when each room's publisher waits for its acknowledgement.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use hdrhistogram::Histogram;
use roomd::store::Durability;
use rusqlite::{Connection, params};

use super::arguments::Arguments;
use super::message_text::text;
use super::table::Outcome;
use super::{Trial, synchronous};

/// How many fsyncs are timed.
pub const FSYNCS: usize = 200;

const TABLES: &str = "
CREATE TABLE messages (
    place INTEGER PRIMARY KEY, kind INTEGER, at INTEGER, edited INTEGER, changed INTEGER, user TEXT, friend TEXT, mid TEXT,
    body TEXT);
CREATE TABLE mids (room INTEGER, user TEXT, mid TEXT, seq INTEGER, at INTEGER, PRIMARY KEY (room, user, mid)) WITHOUT ROWID;
";

pub fn run(data: &str, durability: Durability, publishers: usize, arguments: &Arguments) -> Trial {
    let connection = Connection::open(data)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", synchronous(durability))?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    connection.execute_batch(TABLES)?;
    let mut message = connection.prepare(
        "INSERT INTO messages (place, kind, at, user, friend, mid, body) VALUES (?1, 0, ?2, ?3, NULL, ?4, ?5)",
    )?;
    let mut mid = connection.prepare("INSERT INTO mids (room, user, mid, seq, at) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut latency = Histogram::<u64>::new(3)?;
    let (began, mut messages, mut seq) = (Instant::now(), 0, 0_i64);
    let ends = arguments.warm_up + arguments.measuring;
    while began.elapsed() < ends {
        seq += 1;
        let body = text(seq.cast_unsigned());
        let start = Instant::now();
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for room in 1..=publishers {
            let room = i64::try_from(room)?;
            let (user, name) = (format!("user-{room}"), format!("mid-{seq}"));
            mid.execute(params![room, user, name, seq, seq])?;
            message.execute(params![room << 40 | seq, seq, user, name, body])?;
        }
        connection.execute_batch("COMMIT")?;
        if began.elapsed() > arguments.warm_up {
            messages += publishers as u64;
            latency.record(u64::try_from(start.elapsed().as_nanos())?)?;
        }
    }
    Ok(Outcome { per_s: messages as f64 / arguments.measuring.as_secs_f64(), latency })
}

/// What an fsync takes after a write of 4 KiB at the end of a file: the median, in microseconds.
pub fn fsync_us(directory: &Path) -> std::io::Result<f64> {
    let path = directory.join("fsync");
    let mut file = File::create(&path)?;
    let mut took = Vec::with_capacity(FSYNCS);
    for _ in 0..FSYNCS {
        file.write_all(&[7; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        took.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    took.sort();
    Ok(took[FSYNCS / 2].as_secs_f64() * 1e6)
}
