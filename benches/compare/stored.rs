//! What SQLite itself can do: one thread that commits batches of messages, with no one to answer and nothing to index.
//!
//! It stands in the place of the bare loop where messages are stored. A batch has one message of each room, as when each
//! room's publisher waits for its acknowledgement; tables and settings are those of the store. It runs in the bench's
//! process, since it has no clients.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rusqlite::{Connection, params};

use crate::support::generator::Faults;
use crate::support::scenario::{Durability, PAYLOAD_BYTES, Scenario};
use crate::support::trial::{Conditions, Outcome, TrialFile};
use crate::support::usage::{Memory, Usage};

const TABLES: &str = "
CREATE TABLE messages (
    place INTEGER PRIMARY KEY, kind INTEGER, at INTEGER, edited INTEGER, changed INTEGER, user TEXT, friend TEXT, mid TEXT,
    body TEXT, reply INTEGER, reaction INTEGER);
CREATE TABLE mids (room INTEGER, user TEXT, mid TEXT, seq INTEGER, at INTEGER, PRIMARY KEY (room, user, mid)) WITHOUT ROWID;
";

/// One trial.
///
/// # Errors
/// If SQLite reports one.
pub fn run(scenario: &Scenario, durability: Durability, conditions: &Conditions) -> io::Result<Outcome> {
    let file = TrialFile::new(durability)?;
    commit(&file.path(), scenario.clients(), durability, conditions).map_err(io::Error::other)
}

fn commit(
    path: &Path,
    publishers: usize,
    durability: Durability,
    conditions: &Conditions,
) -> Result<Outcome, Box<dyn std::error::Error + Send + Sync>> {
    let connection = Connection::open(path)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    let synchronous = match durability {
        Durability::Fsync => "FULL",
        Durability::Os => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    connection.execute_batch(TABLES)?;
    let mut message =
        connection.prepare("INSERT INTO messages (place, kind, at, user, mid, body) VALUES (?1, 0, ?2, ?3, ?4, ?5)")?;
    let mut mid = connection.prepare("INSERT INTO mids (room, user, mid, seq, at) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut latency = Histogram::<u64>::new(3)?;
    let body = ".".repeat(PAYLOAD_BYTES);
    // There is no server: what it costs is what this process uses, and init uses next to nothing.
    let (server, began) = (1, Instant::now());
    let (mut seq, mut messages, mut from) = (0_i64, 0_u64, None);
    while began.elapsed() < conditions.warm_up + conditions.measuring {
        if from.is_none() && began.elapsed() >= conditions.warm_up {
            from = Some((Usage::now(server)?, Instant::now()));
        }
        seq += 1;
        let start = Instant::now();
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for room in 1..=i64::try_from(publishers)? {
            let (user, name) = (format!("load-{room}"), format!("~#0000{seq:08x}"));
            mid.execute(params![room, user, name, seq, seq])?;
            message.execute(params![room << 40 | seq, seq, user, name, body])?;
        }
        connection.execute_batch("COMMIT")?;
        if from.is_some() {
            messages += publishers as u64;
            latency.record(u64::try_from(start.elapsed().as_nanos())?)?;
        }
    }
    let (before, measuring) = from.ok_or("no time was measured")?;
    Ok(outcome(Usage::now(server)? - before, measuring.elapsed(), messages, &latency))
}

fn outcome(used: Usage, took: Duration, messages: u64, latency: &Histogram<u64>) -> Outcome {
    let (messages, took) = (messages as f64, took.as_secs_f64());
    Outcome {
        cpu_s_per_million: used.generator / messages * 1e6,
        user_share: f64::NAN,
        deliveries_per_s: messages / took,
        p50_ms: latency.value_at_quantile(0.50) as f64 / 1e6,
        p99_ms: latency.value_at_quantile(0.99) as f64 / 1e6,
        connections_per_s: 0.0,
        joins_per_s: 0.0,
        connection_cpu_ms: 0.0,
        memory: Memory { resident: 0.0, kernel: 0.0, machine: 0.0 },
        server_cpus: used.generator / took,
        generator_busy: 0.0,
        other_cpus: used.others() / took,
        faults: Faults::default(),
        title: format!("a loop over SQLite {}", rusqlite::version()),
    }
}
