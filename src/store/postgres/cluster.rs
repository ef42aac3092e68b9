//! The servers of the database, for those who ask: what each has said with its last heartbeat, and who is dead.
//!
//! The change feed shows what it does in [`Pulse`], on the thread `subscriber`; heartbeats and the figures read it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_postgres::Row;

use super::link::{DatabaseLink, LinkError};
use super::schema;
use crate::store::cluster::{Cluster, ClusterDatabase, ClusterFigures, ClusterServer, ServerState};

/// How this server is, as it says with each heartbeat.
pub struct Pulse {
    began: Instant,
    /// When a heartbeat was last written.
    written: Mutex<Instant>,
    /// How long that took, in milliseconds.
    answer_ms: AtomicU64,
    /// Other servers at work.
    others: AtomicU64,
    /// Messages that open rooms had not shown yet, at the last look.
    behind: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        let (began, written) = (Instant::now(), Mutex::new(Instant::now()));
        let (answer_ms, others, behind) = Default::default();
        Self { began, written, answer_ms, others, behind }
    }
}

impl Pulse {
    /// Writes the heartbeat of this server, in which so many rooms are open, and whose commits are waited for or not; the other servers at
    /// work, and whether they did not know of this one, or do no longer.
    ///
    /// # Errors
    /// It is not written.
    pub fn beat(
        &self,
        link: &mut DatabaseLink,
        server: i64,
        rooms: usize,
        waits: bool,
    ) -> Result<(BTreeMap<i64, String>, bool), LinkError> {
        let began = Instant::now();
        let (up, rooms) = (milliseconds(self.began.elapsed()), i64::try_from(rooms).unwrap_or(i64::MAX));
        let [behind, answer] =
            [&self.behind, &self.answer_ms].map(|figure| figure.load(Ordering::Relaxed).cast_signed());
        let sql = "SELECT o_server, o_about, o_is_new FROM beat_2($1, $2, $3, $4, $5, $6, $7)";
        let rows = link.query(sql, &[&server, &about(), &up, &rooms, &behind, &answer, &waits])?;
        self.answer_ms.store(milliseconds(began.elapsed()).cast_unsigned(), Ordering::Relaxed);
        *self.written.lock() = Instant::now();
        let (own, others): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.get::<_, i64>(0) == server);
        self.others.store(others.len() as u64, Ordering::Relaxed);
        let is_new = own.iter().any(|row| row.get(2));
        Ok((others.iter().map(|row| (row.get(0), row.get(1))).collect(), is_new))
    }

    /// So many messages are yet to be shown.
    pub fn behind(&self, messages: u64) {
        self.behind.store(messages, Ordering::Relaxed);
    }

    /// What is known now.
    pub fn figures(&self) -> ClusterFigures {
        let [servers, behind] = [&self.others, &self.behind].map(|figure| figure.load(Ordering::Relaxed));
        ClusterFigures { servers: servers + 1, behind, silent_for: self.written.lock().elapsed() }
    }
}

/// What the server says of itself to people.
fn about() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let on = if host.trim().is_empty() { String::new() } else { format!(" on {}", host.trim()) };
    format!("roomd {}{on}, process {}", env!("CARGO_PKG_VERSION"), std::process::id())
}

/// The servers of the database.
///
/// # Errors
/// They cannot be read now.
pub fn read(link: &mut DatabaseLink) -> Result<Cluster, LinkError> {
    let columns = "current_setting('server_version'), coalesce(timeline, 0), generation,
        current_setting('synchronous_standby_names') <> '' AND synchronous";
    let row = schema::installation(link, columns)?;
    let database = ClusterDatabase {
        version: row.get(0),
        timeline: row.get(1),
        generation: row.get(2),
        is_synchronous: row.get(3),
    };
    let sql = "SELECT server, is_dead, (extract(epoch FROM clock_timestamp() - seen) * 1000)::bigint, up_ms, rooms, behind, answer_ms, about,
            (SELECT count(*) FROM attendance a WHERE a.server = s.server AND a.room = '' AND a.connections > 0)
        FROM (SELECT server, false AS is_dead, seen, up_ms, rooms, behind, answer_ms, about FROM servers
            UNION ALL SELECT server, true, seen, up_ms, rooms, behind, answer_ms, about FROM dead_servers) s ORDER BY seen DESC";
    Ok(Cluster { database, servers: link.query(sql, &[])?.iter().map(server_of).collect() })
}

fn server_of(row: &Row) -> ClusterServer {
    let count = |column: usize| row.get::<_, i64>(column).max(0).cast_unsigned();
    let silent_ms: i64 = row.get(2);
    let state = match row.get::<_, bool>(1) {
        true => ServerState::Dead,
        // It has said until when it counts.
        false if silent_ms < 0 => ServerState::Stopped,
        // Nobody is there to find it dead.
        false if silent_ms > 5_000 => ServerState::Dead,
        false => ServerState::Alive,
    };
    let [silent_for, up_for, answer] = [2, 3, 6].map(|column| Duration::from_millis(count(column)));
    let [rooms, behind, users] = [4, 5, 8].map(count);
    let number = row.get::<_, i64>(0).cast_unsigned();
    let users = if state == ServerState::Dead { 0 } else { users };
    ClusterServer { number, state, silent_for, up_for, users, rooms, behind, answer, about: row.get(7) }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
