//! Which database a journal writes to: after a failover it is another one, and may lack what was acknowledged.
//!
//! Each connection of a journal begins with it, before anything is written (`failover.sql`): where the database may have lost
//! something, all rooms have new epochs by then, and what was numbered for the old ones is not stored. On the journal's thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::link::{DatabaseLink, LinkError, STATEMENT};
use super::schema;

/// How long it may take to begin new epochs in all rooms.
const ALL_ROOMS: Duration = Duration::from_secs(120);

/// See the module.
pub struct Recognition {
    server: i64,
    /// The newest batch that was acknowledged.
    acknowledged: Arc<AtomicI64>,
    /// Whether a commit is waited for, until the database has it on its disk, and on that of a standby where it has one.
    waits: bool,
    /// The system and the timeline of the last connection.
    last: Mutex<Option<(i64, i64)>>,
}

impl Recognition {
    /// For the journal of the server of this number.
    pub fn new(server: i64, acknowledged: Arc<AtomicI64>, waits: bool) -> Self {
        Self { server, acknowledged, waits, last: Mutex::new(None) }
    }

    /// Recognizes the database at the other end.
    ///
    /// # Errors
    /// It is a standby, or a primary that another has taken the place of.
    pub fn recognize(&self, link: &mut DatabaseLink) -> Result<(), LinkError> {
        let sql = "SELECT o_system, o_timeline, o_is_new, o_lost FROM recognize_1($1, $2, $3)";
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        let last = *self.last.lock();
        let row = match link.row(sql, &[&self.server, &acknowledged, &self.waits]) {
            // A database with many rooms that has lost something.
            Err(error) if error.is_timeout() => {
                link.limit(ALL_ROOMS)?;
                let row = link.row(sql, &[&self.server, &acknowledged, &self.waits]);
                link.limit(STATEMENT)?;
                row
            }
            row => row,
        };
        let row = row?.ok_or_else(schema::no_installation)?;
        let (system, timeline): (i64, i64) = (row.get(0), row.get(1));
        if last.is_some_and(|(known, later)| known == system && timeline < later) {
            let sentence = "an earlier timeline than before: it is a primary that another has taken the place of";
            return Err(LinkError::Invalid(sentence.to_owned()));
        }
        *self.last.lock() = Some((system, timeline));
        match (row.get(2), row.get(3)) {
            (_, true) => {
                log::error!(timeline; "the database may have lost what was acknowledged: all rooms begin new epochs");
            }
            (true, false) => {
                log::info!(timeline; "the database has failed over, and nothing that was acknowledged is lost")
            }
            (false, false) => {}
        }
        Ok(())
    }
}

/// Which of its own histories a database has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// How often all epochs have changed.
    pub generation: i64,
    /// The first transaction after the last failover; `None`: there was none.
    pub since: Option<String>,
}

impl History {
    /// That of this database.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn read(link: &mut DatabaseLink) -> Result<Self, LinkError> {
        let row = schema::installation(link, "generation, since::text")?;
        Ok(Self { generation: row.get(0), since: row.get(1) })
    }
}
