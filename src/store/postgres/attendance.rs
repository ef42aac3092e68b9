//! The rows that tell servers who is in which room through which of them.
//!
//! Each server writes its own, on the thread `notifier`, and counts them: a row has a greater stamp than all that were
//! written before, so another goes on reading behind the greatest that it knows. A user who has gone leaves a row for a
//! minute, so that those hear of it who go on reading.

use std::collections::BTreeMap;

use tokio_postgres::Row;

use super::link::{DatabaseLink, LinkError};
use super::local_attendance::AttendanceRow;
use super::row::{number, text};
use crate::chat::{Attendance, Attending, LeaveReason, NameError, Note, RoomName, ServerId, Status, Time, UserName};
use crate::store::columns::{ms, time};

/// Where a user is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttendancePlace {
    /// Connected to the server, in whatever rooms.
    Server,
    /// In a room.
    Room(RoomName),
}

impl AttendancePlace {
    /// As it is in the database: no room has the name of the server.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Server => "",
            Self::Room(room) => room.as_str(),
        }
    }

    fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() { Ok(Self::Server) } else { RoomName::parse_known(text).map(Self::Room) }
    }
}

/// A row of another server.
pub struct ReadAttendance {
    pub server: ServerId,
    pub stamp: i64,
    pub place: AttendancePlace,
    pub user: UserName,
    pub attendance: Attendance,
}

/// Writes rows of this server, behind this stamp; the greatest stamp that they have.
///
/// # Errors
/// None of them is written, or that is in doubt: then they are written again, with greater stamps.
pub fn write(link: &mut DatabaseLink, server: i64, stamp: i64, rows: &[AttendanceRow]) -> Result<i64, LinkError> {
    let newest = stamp + rows.len() as i64;
    let stamps: Vec<_> = (stamp + 1..=newest).collect();
    let rooms: Vec<_> = rows.iter().map(|(place, ..)| place.as_str()).collect();
    let users: Vec<_> = rows.iter().map(|(_, user, _)| user.as_str()).collect();
    let columns: Vec<_> = rows.iter().map(|(.., attendance)| Columns::of(attendance)).collect();
    let connections: Vec<_> = columns.iter().map(|columns| columns.connections).collect();
    let [announced, registered, detached] =
        [0, 1, 2].map(|flag| columns.iter().map(|columns| columns.flags[flag]).collect::<Vec<_>>());
    let kinds: Vec<_> = columns.iter().map(|columns| columns.kind).collect();
    let notes: Vec<_> = columns.iter().map(|columns| columns.note.map(str::as_bytes)).collect();
    let [set_at, last_seen] = [0, 1].map(|at| columns.iter().map(|columns| ms(columns.times[at])).collect::<Vec<_>>());
    let [has_written, has_received, has_read] =
        [0, 1, 2].map(|mark| columns.iter().map(|columns| number(columns.marks[mark])).collect::<Vec<_>>());
    let sql = "INSERT INTO attendance AS a
            (server, stamp, room, usr, connections, announced, registered, detached, kind, note, set_at, last_seen,
            has_written, has_received, has_read)
        SELECT $1, t.* FROM unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::boolean[], $7::boolean[],
            $8::boolean[], $9::smallint[], $10::bytea[], $11::bigint[], $12::bigint[],
            $13::bigint[], $14::bigint[], $15::bigint[]) AS t
        ON CONFLICT (server, room, usr) DO UPDATE SET stamp = excluded.stamp, connections = excluded.connections,
            announced = excluded.announced, registered = excluded.registered, detached = excluded.detached,
            kind = excluded.kind, note = excluded.note, set_at = excluded.set_at, last_seen = excluded.last_seen,
            has_written = excluded.has_written, has_received = excluded.has_received, has_read = excluded.has_read,
            written = excluded.written
        WHERE a.stamp < excluded.stamp";
    link.execute(
        sql,
        &[
            &server,
            &stamps,
            &rooms,
            &users,
            &connections,
            &announced,
            &registered,
            &detached,
            &kinds,
            &notes,
            &set_at,
            &last_seen,
            &has_written,
            &has_received,
            &has_read,
        ],
    )?;
    Ok(newest)
}

/// Forgets who has gone a minute ago.
///
/// # Errors
/// They are forgotten later.
pub fn forget_gone(link: &mut DatabaseLink, server: i64) -> Result<(), LinkError> {
    let sql = "DELETE FROM attendance
        WHERE server = $1 AND connections = 0 AND written < clock_timestamp() - interval '1 minute'";
    link.execute(sql, &[&server]).map(|_| ())
}

/// Forgets what servers have left behind that are gone.
///
/// # Errors
/// It is forgotten later.
pub fn forget_servers(link: &mut DatabaseLink) -> Result<(), LinkError> {
    let sql = "DELETE FROM attendance WHERE (server, room, usr) IN (SELECT server, room, usr FROM attendance a
        WHERE NOT EXISTS (SELECT FROM servers s WHERE s.server = a.server) FOR UPDATE SKIP LOCKED)";
    link.execute(sql, &[]).map(|_| ())
}

/// The rows of these servers behind a stamp of each, in their order.
///
/// # Errors
/// They cannot be read now.
pub fn read(link: &mut DatabaseLink, servers: &BTreeMap<i64, i64>) -> Result<Vec<ReadAttendance>, LinkError> {
    let (numbers, stamps): (Vec<_>, Vec<_>) = servers.iter().map(|(server, stamp)| (*server, *stamp)).unzip();
    let sql = "SELECT a.server, a.stamp, room, usr, connections, announced, registered, detached, kind, note, set_at, last_seen,
            has_written, has_received, has_read
        FROM unnest($1::bigint[], $2::bigint[]) AS known (server, stamp)
            JOIN attendance a ON a.server = known.server AND a.stamp > known.stamp
        ORDER BY a.server, a.stamp";
    let rows = link.query(sql, &[&numbers, &stamps])?;
    // A name of a later version is left out.
    rows.iter().filter_map(|row| read_row(row).transpose()).collect()
}

fn read_row(row: &Row) -> Result<Option<ReadAttendance>, LinkError> {
    let Ok(place) = AttendancePlace::parse(row.get(2)) else { return Ok(None) };
    let note = row.get::<_, Option<&[u8]>>(9).map(text).transpose()?.map(Note::stored);
    let kind = row.get::<_, i16>(8);
    let marks = [12, 13, 14].map(|column: usize| row.get::<_, i64>(column).cast_unsigned());
    let attendance = match usize::try_from(row.get::<_, i32>(4)).unwrap_or(0) {
        0 => Attendance::Gone(reason_of(kind, note), marks),
        connections => Attendance::Here(Attending {
            connections,
            announced: row.get(5),
            registered: row.get(6),
            detached: row.get(7),
            status: if kind == AWAY { Status::Away } else { Status::Online },
            note,
            set_at: time(row.get(10)),
            last_seen: time(row.get(11)),
            marks,
        }),
    };
    let server = ServerId(row.get::<_, i64>(0).cast_unsigned());
    Ok(Some(ReadAttendance { server, stamp: row.get(1), place, user: UserName::stored(row.get(3)), attendance }))
}

/// The kind of who is there: away by its own word.
const AWAY: i16 = 1;

/// The columns of a row that say how a user is there.
struct Columns<'a> {
    connections: i32,
    /// Announced, registered, detached.
    flags: [bool; 3],
    /// The status of who is there, the reason of who is not.
    kind: i16,
    note: Option<&'a str>,
    /// When the status was set, and when the user was last active.
    times: [Time; 2],
    marks: [u64; 3],
}

impl<'a> Columns<'a> {
    fn of(attendance: &'a Attendance) -> Self {
        match attendance {
            Attendance::Here(here) => Self {
                connections: i32::try_from(here.connections).unwrap_or(i32::MAX),
                flags: [here.announced, here.registered, here.detached],
                kind: if here.status == Status::Away { AWAY } else { 0 },
                note: here.note.as_deref(),
                times: [here.set_at, here.last_seen],
                marks: here.marks,
            },
            Attendance::Gone(reason, marks) => Self {
                connections: 0,
                flags: [false; 3],
                kind: kind_of(reason),
                note: reason.note().map(|note| &**note),
                times: [Time::default(); 2],
                marks: *marks,
            },
        }
    }
}

/// A name that is taken instead is not told with the leave: to those on other servers the user leaves.
fn kind_of(reason: &LeaveReason) -> i16 {
    match reason {
        LeaveReason::Left(_) | LeaveReason::Renamed => 0,
        LeaveReason::Disconnected | LeaveReason::Closing => 1,
        LeaveReason::Quit(_) => 2,
        LeaveReason::Evicted => 3,
    }
}

fn reason_of(kind: i16, note: Option<Note>) -> LeaveReason {
    match kind {
        0 => LeaveReason::Left(note),
        2 => LeaveReason::Quit(note),
        3 => LeaveReason::Evicted,
        _ => LeaveReason::Disconnected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_kept_as_far_as_others_are_told() {
        let note = Note::parse("bye").ok();
        let (left, quit) = (LeaveReason::Left(note.clone()), LeaveReason::Quit(note.clone()));
        for reason in [left, quit, LeaveReason::Disconnected, LeaveReason::Evicted] {
            assert_eq!(reason_of(kind_of(&reason), reason.note().cloned()), reason);
        }
        assert_eq!(reason_of(kind_of(&LeaveReason::Renamed), None), LeaveReason::Left(None));
    }
}
