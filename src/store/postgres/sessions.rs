//! Sessions as rows, by which one server goes on with what another had.
//!
//! Written on the thread `notifier`, taken on the reader's thread of whoever resumes. The row of a session is its server's:
//! nobody else writes it, until another server takes it, under the row's lock. Who takes a session says so in a note to the
//! server that had it, which otherwise finds it with its next look.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use tokio_postgres::Row;

use super::link::{DatabaseLink, LinkError};
use super::local_attendance::LocalAttendance;
use super::local_sessions::{EnteredSession, LocalSessions, SessionChanges};
use super::notifier::ParkRequest;
use super::pool::Pool;
use super::session_state;
use crate::chat::{ServerId, StoreFailed};
use crate::store::shared_sessions::{Handover, SessionKey, SharedSession, SharedSessions, TakenSession};

/// How long it may take to say that this server stops.
const PARK_MAX: Duration = Duration::from_secs(2);

/// The sessions of the servers of one database.
pub struct PostgresSessions {
    /// The number of this server.
    pub server: i64,
    /// Those of this server.
    pub local: Arc<LocalSessions>,
    /// Who is in which room through it.
    pub attendance: Arc<LocalAttendance>,
    /// Takes sessions.
    pub pool: Arc<Pool>,
}

impl SharedSessions for PostgresSessions {
    fn keep(&self, key: SessionKey, session: &SharedSession) {
        self.local.keep(key, session_state::write(session));
    }

    fn forget(&self, key: SessionKey) {
        self.local.forget(key);
    }

    fn let_go(&self, key: SessionKey, moved: u32) {
        self.local.let_go(key, moved);
    }

    fn take(&self, key: SessionKey) -> Result<TakenSession, StoreFailed> {
        self.pool.write(|link| take(link, self.server, key))
    }

    fn entered(&self, handover: Handover, session: &SharedSession) {
        let user = session.identity.user.clone();
        let rooms = session.rooms.iter().map(|membership| membership.room.clone()).collect();
        self.local.entered(EnteredSession { handover, user, rooms });
    }

    fn park(&self, grace: Duration) {
        self.attendance.freeze();
        let (reply, parked) = bounded(1);
        // If it fails, they can be taken as those of a server that died.
        if self.local.park(ParkRequest { grace, reply }) {
            _ = parked.recv_timeout(PARK_MAX);
        }
    }
}

/// Writes what sessions of this server are, and forgets those that are none any more.
///
/// # Errors
/// That is in doubt: it is written again.
pub fn write(link: &mut DatabaseLink, server: i64, changes: &SessionChanges) -> Result<(), LinkError> {
    let keys: Vec<_> = changes.kept.iter().map(|(key, _)| &key.0[..]).collect();
    let states: Vec<_> = changes.kept.iter().map(|(_, state)| &**state).collect();
    let sql = "INSERT INTO sessions AS s (session, server, state)
        SELECT t.session, $1, t.state FROM unnest($2::bytea[], $3::text[]) AS t (session, state)
        ON CONFLICT (session) DO UPDATE SET state = excluded.state, until = NULL WHERE s.server = excluded.server";
    link.query(sql, &[&server, &keys, &states])?;
    if !changes.gone.is_empty() {
        let gone: Vec<_> = changes.gone.iter().map(|key| &key.0[..]).collect();
        link.query("DELETE FROM sessions WHERE session = ANY($2) AND server = $1", &[&server, &gone])?;
    }
    if !changes.let_go.is_empty() {
        let (keys, moved): (Vec<_>, Vec<_>) =
            changes.let_go.iter().map(|(key, moved)| (&key.0[..], i32::try_from(*moved).unwrap_or(i32::MAX))).unzip();
        let sql = "DELETE FROM handovers h USING unnest($2::bytea[], $3::int[]) AS t (session, moved)
            WHERE h.server = $1 AND h.session = t.session AND h.moved <= t.moved";
        link.query(sql, &[&server, &keys, &moved])?;
    }
    Ok(())
}

/// Takes a session for a server.
fn take(link: &mut DatabaseLink, server: i64, key: SessionKey) -> Result<TakenSession, LinkError> {
    let row = link.row("SELECT o_server, o_moved, o_state FROM take_session_1($1, $2)", &[&&key.0[..], &server])?;
    let Some(row) = row else { return Ok(TakenSession::Unknown) };
    let from = row.get::<_, i64>(0);
    if from == server {
        return Ok(TakenSession::Own);
    }
    let handover = Handover { key, from: ServerId(from.cast_unsigned()), moved: moved(&row, 1) };
    // What a later version has written cannot be gone on with.
    let session = session_state::read(row.get(2)).ok();
    Ok(session.map_or(TakenSession::Unknown, |session| TakenSession::Moved(Box::new(session), handover)))
}

fn moved(row: &Row, column: usize) -> u32 {
    u32::try_from(row.get::<_, i32>(column)).unwrap_or(0)
}

/// The rooms of a session are entered that another server had; whether that server is to be told. If it has stopped, it is done
/// for it: its user is in the rooms once less through it.
///
/// # Errors
/// It is not done, or that is in doubt: it is done again.
pub fn release(
    link: &mut DatabaseLink,
    server: i64,
    EnteredSession { handover, user, rooms }: &EnteredSession,
) -> Result<bool, LinkError> {
    let rooms: Vec<_> = rooms.iter().map(|room| room.as_str()).collect();
    let Handover { key, from, moved } = handover;
    let moved = i32::try_from(*moved).unwrap_or(i32::MAX);
    let sql = "SELECT release_session_1($1, $2, $3, $4, $5, $6)";
    let row = link.row(sql, &[&server, &from.0.cast_signed(), &&key.0[..], &moved, &user.as_str(), &rooms])?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// The sessions of this server that others have taken.
///
/// # Errors
/// They cannot be read now.
pub fn taken(link: &mut DatabaseLink, server: i64) -> Result<Vec<(SessionKey, u32)>, LinkError> {
    let rows = link.query("SELECT session, moved FROM handovers WHERE server = $1 AND entered", &[&server])?;
    Ok(rows
        .iter()
        .filter_map(|row| Some((SessionKey(row.get::<_, &[u8]>(0).try_into().ok()?), moved(row, 1))))
        .collect())
}

/// This server stops: its sessions can be taken for so long.
///
/// # Errors
/// They can be taken as long as those of a server that died.
pub fn park(link: &mut DatabaseLink, server: i64, grace: Duration) -> Result<(), LinkError> {
    let sql = "UPDATE sessions SET until = clock_timestamp() + $2 * interval '1 second' WHERE server = $1";
    link.query(sql, &[&server, &grace.as_secs_f64()]).map(|_| ())
}

/// Those of this server end with it again: another had taken it for dead.
///
/// # Errors
/// They may end earlier.
pub fn unpark(link: &mut DatabaseLink, server: i64) -> Result<(), LinkError> {
    link.query("UPDATE sessions SET until = NULL WHERE server = $1 AND until IS NOT NULL", &[&server]).map(|_| ())
}

/// Forgets sessions that nobody can resume any more; those of servers that died can be for a while.
///
/// # Errors
/// They are forgotten later.
pub fn forget_old(link: &mut DatabaseLink) -> Result<(), LinkError> {
    link.execute(
        "UPDATE sessions SET until = clock_timestamp() + interval '1 minute' WHERE until IS NULL
            AND NOT EXISTS (SELECT FROM servers WHERE servers.server = sessions.server)",
        &[],
    )?;
    link.execute("DELETE FROM sessions WHERE until < clock_timestamp()", &[])?;
    // A session that the server had no more when it was taken is never let go.
    let sql = "DELETE FROM handovers WHERE at < clock_timestamp() - interval '1 minute'";
    link.execute(sql, &[]).map(|_| ())
}
