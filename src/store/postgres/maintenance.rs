//! Retention, and what rooms that have ended leave behind: in slices, between the journal's statements.
//!
//! Called by the journal while nothing waits. A sweep goes from room to room; the next begins a minute after the last has
//! ended. Each slice is one statement, which locks its room alone; of several servers one does it at a time, and the others
//! leave the room to it.

use std::time::{Duration, Instant};

use super::link::{DatabaseLink, LinkError};
use super::open_rooms::OpenRooms;
use super::schema::MAINTENANCE;
use crate::chat::{RoomName, Time};
use crate::store::columns::ms;
use crate::store::rooms::Retention;

/// How long after a sweep the next one begins.
const PAUSE: Duration = Duration::from_secs(60);
/// Rows that one slice deletes of a table, at most.
const ROWS: i32 = 500;
/// How long the row of a room that has ended stays, by the wall clock.
const ENDED_FOR: i64 = 60 * 60 * 1_000;

/// See the module.
pub struct PostgresMaintenance {
    retention: Box<dyn Fn() -> Retention + Send>,
    now: Box<dyn Fn() -> Time + Send>,
    rooms: OpenRooms,
    due_at: Instant,
    /// The rooms up to this one are done.
    done: i64,
    failing: bool,
}

impl PostgresMaintenance {
    /// The first sweep is due at once.
    pub fn new(
        retention: Box<dyn Fn() -> Retention + Send>,
        now: Box<dyn Fn() -> Time + Send>,
        rooms: OpenRooms,
    ) -> Self {
        Self { retention, now, rooms, due_at: Instant::now(), done: 0, failing: false }
    }

    /// When there is something to do.
    pub fn due_at(&self) -> Instant {
        self.due_at
    }

    /// Nothing can be done now.
    pub fn postpone(&mut self) {
        self.due_at = self.due_at.max(Instant::now() + Duration::from_secs(1));
    }

    /// Does a slice of the sweep.
    pub fn run_slice(&mut self, link: &mut DatabaseLink) {
        match self.sweep(link) {
            Ok(true) => self.failing = false,
            Ok(false) => (self.due_at, self.done, self.failing) = (Instant::now() + PAUSE, 0, false),
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    log::error!(error:%; "maintenance of the history failed");
                }
                self.due_at = Instant::now() + PAUSE;
            }
        }
    }

    /// Returns whether there is more to do.
    fn sweep(&mut self, link: &mut DatabaseLink) -> Result<bool, LinkError> {
        let retention = (self.retention)();
        let has_bounds = retention != Retention::default();
        let sql = "SELECT room, retain_ms, retain_count, ended IS NOT NULL, name FROM rooms WHERE room > $1
            AND ($2 OR retain_ms IS NOT NULL OR retain_count IS NOT NULL OR ended IS NOT NULL) ORDER BY room LIMIT 1";
        let now = ms((self.now)());
        let Some(row) = link.row(sql, &[&self.done, &has_bounds])? else { return Ok(false) };
        let (room, name): (i64, String) = (row.get(0), row.get(4));
        let is_done = if row.get(3) {
            let sql = format!("SELECT bury_1($1, $2, $3) WHERE {MAINTENANCE}");
            let buried = link.row(&sql, &[&room, &now.saturating_sub(ENDED_FOR), &ROWS])?;
            buried.is_none_or(|row| row.get(0))
        } else {
            let bound = |own: Option<i64>, server: i64| Some(own.unwrap_or(server)).filter(|bound| *bound > 0);
            let age = i64::try_from(retention.age.as_millis()).unwrap_or(i64::MAX);
            let cutoff = bound(row.get(1), age).map(|age| now.saturating_sub(age));
            let count = bound(row.get(2), i64::try_from(retention.count).unwrap_or(i64::MAX));
            if cutoff.is_none() && count.is_none() {
                true
            } else {
                let sql = format!(
                    "SELECT (p).o_last, (p).o_complete FROM (SELECT prune_1($1, $2, $3, $4) AS p WHERE {MAINTENANCE} OFFSET 0) AS x"
                );
                let row = link.row(&sql, &[&room, &cutoff, &count, &ROWS])?;
                let (last, is_complete) = row.map_or((None, true), |row| (row.get::<_, Option<i64>>(0), row.get(1)));
                if let (Some(last), Ok(name)) = (last, RoomName::parse_known(&name)) {
                    self.rooms.pruned(&name, room, last.cast_unsigned());
                }
                is_complete
            }
        };
        if is_done {
            self.done = room;
        }
        Ok(true)
    }
}
