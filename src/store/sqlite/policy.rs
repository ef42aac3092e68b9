//! Policies and the audit, as rows.
//!
//! The journal writes them, inside the transaction of the messages that were published with them; a room reads its own
//! when it opens, the server reads them all when it starts, and the audit is read on request. An entry of the audit is
//! never changed; a room that ends takes its policy and its audit with it.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::invitations;
use super::message_key::RoomId;
use crate::chat::policy::{
    AuditEntry, Description, ModerationAction, ModerationChange, Policy, Role, RoomSettings, RoomSubject, SubjectAuthor,
};
use crate::chat::{Note, RoomName, Time, UserName};
use crate::store::audit_value::{change_of, value_of};
use crate::store::columns::{ms, time};

/// The column `sanctions.kind`.
const BAN: i64 = 0;
/// See [`BAN`].
const MUTE: i64 = 1;

/// Applies a change, and records it in the audit.
///
/// # Errors
/// The transaction must be rolled back.
pub fn moderate(
    connection: &Connection,
    room: RoomId,
    by: &UserName,
    action: &ModerationAction,
    at: Time,
) -> rusqlite::Result<()> {
    change(connection, room, by, &action.change, at)?;
    record(connection, room, by, action, at)
}

/// Records a change in the audit alone.
///
/// # Errors
/// The transaction must be rolled back.
pub fn record(
    connection: &Connection,
    room: RoomId,
    by: &UserName,
    action: &ModerationAction,
    at: Time,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO audit (room, number, at, user, what, about, until, value, note)
        SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM audit WHERE room = ?1";
    let ModerationAction { change, note } = action;
    let (about, until) = (change.user().map(UserName::as_str), change.until().map(ms));
    let values = params![room, ms(at), by.as_str(), change.as_str(), about, until, value_of(change), note.as_deref()];
    connection.prepare_cached(sql)?.execute(values).map(|_| ())
}

fn change(
    connection: &Connection,
    room: RoomId,
    by: &UserName,
    change: &ModerationChange,
    at: Time,
) -> rusqlite::Result<()> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<()> {
        connection.prepare_cached(sql)?.execute(values).map(|_| ())
    };
    let set_role = |user: &UserName, role: Role| {
        // Who is on the list already has no new invitation.
        let sql = "INSERT INTO people (room, user, role, invited_by, invited_at) VALUES (?1, ?2, ?3, ?4, ?5) \
                   ON CONFLICT (room, user) DO UPDATE SET role = ?3";
        execute(sql, &[&room, &user.as_str(), &role_number(role), &by.as_str(), &ms(at)])
    };
    let remove =
        |user: &UserName| execute("DELETE FROM people WHERE room = ?1 AND user = ?2", &[&room, &user.as_str()]);
    let private = matches!(change, ModerationChange::Created { private: true, .. });
    execute("INSERT INTO charters (room, private) VALUES (?1, ?2) ON CONFLICT DO NOTHING", &[&room, &private])?;
    match change {
        ModerationChange::Created { owner, members, .. } => {
            members.iter().try_for_each(|user| set_role(user, Role::Member))?;
            owner.iter().try_for_each(|user| {
                set_role(user, Role::Owner)?;
                invitations::entered(connection, room, user)
            })
        }
        ModerationChange::Invited { user } => execute(
            "INSERT INTO people (room, user, role, invited_by, invited_at) VALUES (?1, ?2, 0, ?3, ?4)
                ON CONFLICT DO NOTHING",
            &[&room, &user.as_str(), &by.as_str(), &ms(at)],
        ),
        ModerationChange::InvitationCreated { .. }
        | ModerationChange::InvitationRevoked { .. }
        | ModerationChange::Admitted { .. }
        | ModerationChange::Accepted { .. } => invitations::change(connection, room, by, change, at),
        ModerationChange::Removed { user } => remove(user),
        ModerationChange::Banned { user, until } => {
            remove(user)?;
            sanction(connection, room, BAN, user, *until, at)
        }
        ModerationChange::Muted { user, until } => sanction(connection, room, MUTE, user, *until, at),
        ModerationChange::Unbanned { user } => lift(connection, room, BAN, user),
        ModerationChange::Unmuted { user } => lift(connection, room, MUTE, user),
        ModerationChange::Role { user, role, .. } => {
            if *role == Role::Owner {
                let sql = "UPDATE people SET role = ?2 WHERE room = ?1 AND role = ?3";
                execute(sql, &[&room, &role_number(Role::Moderator), &role_number(Role::Owner)])?;
            }
            set_role(user, *role)
        }
        ModerationChange::Settings(RoomSettings { slow_mode_s, announcement, members_max, open_subject }) => {
            let sql = "UPDATE charters SET slow_mode_s = coalesce(?2, slow_mode_s), \
                       announcement = coalesce(?3, announcement), members_max = coalesce(?4, members_max), \
                       open_subject = coalesce(?5, open_subject) WHERE room = ?1";
            execute(sql, &[&room, slow_mode_s, announcement, members_max, open_subject])
        }
        ModerationChange::Described(Description { subject, description }) => {
            let set = |column: &str, text: &Option<Arc<str>>| match text.as_deref() {
                None => Ok(()),
                Some(text) => {
                    let sql = format!("UPDATE charters SET {column} = nullif(?2, '') WHERE room = ?1");
                    execute(&sql, &[&room, &text])
                }
            };
            set("subject", subject)?;
            set("description", description)
        }
        ModerationChange::Pinned { seq } => {
            execute("INSERT INTO pins (room, seq) VALUES (?1, ?2) ON CONFLICT DO NOTHING", &[&room, &seq.cast_signed()])
        }
        ModerationChange::Unpinned { seq } => {
            execute("DELETE FROM pins WHERE room = ?1 AND seq = ?2", &[&room, &seq.cast_signed()])
        }
        ModerationChange::Kicked { .. } | ModerationChange::Deleted { .. } | ModerationChange::Ended => Ok(()),
    }
}

/// Adds a ban or a mute, and deletes those that have expired.
fn sanction(
    connection: &Connection,
    room: RoomId,
    kind: i64,
    user: &UserName,
    until: Option<Time>,
    at: Time,
) -> rusqlite::Result<()> {
    let sql = "DELETE FROM sanctions WHERE room = ?1 AND kind = ?2 AND (user = ?3 OR until <= ?4)";
    connection.prepare_cached(sql)?.execute(params![room, kind, user.as_str(), ms(at)])?;
    let sql = "INSERT INTO sanctions (room, kind, user, until) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![room, kind, user.as_str(), until.map(ms)]).map(|_| ())
}

fn lift(connection: &Connection, room: RoomId, kind: i64, user: &UserName) -> rusqlite::Result<()> {
    let sql = "DELETE FROM sanctions WHERE room = ?1 AND kind = ?2 AND user = ?3";
    connection.prepare_cached(sql)?.execute(params![room, kind, user.as_str()]).map(|_| ())
}

/// The room's policy; `None`: it has none.
///
/// # Errors
/// It cannot be read.
pub fn policy(connection: &Connection, room: RoomId) -> rusqlite::Result<Option<Policy>> {
    let sql = "SELECT private, slow_mode_s, announcement, subject, description, members_max, open_subject \
               FROM charters WHERE room = ?1";
    let found = connection.prepare_cached(sql)?.query_row([room], |row| {
        let description = Description { subject: row.get(3)?, description: row.get(4)? };
        let settings = RoomSettings {
            slow_mode_s: row.get(1)?,
            announcement: row.get(2)?,
            members_max: row.get(5)?,
            open_subject: row.get(6)?,
        };
        Ok((row.get(0)?, settings, description))
    });
    let Some((private, settings, description)) = found.optional()? else { return Ok(None) };
    let mut pinned = connection.prepare_cached("SELECT seq FROM pins WHERE room = ?1")?;
    let pinned = pinned.query_map([room], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))?;
    let subject = RoomSubject { description, pinned: pinned.collect::<rusqlite::Result<_>>()? };
    let mut people = connection.prepare_cached("SELECT user, role FROM people WHERE room = ?1")?;
    let people = people.query_map([room], |row| Ok((user(row, 0)?, role_of(row.get(1)?)?)))?;
    let people: Vec<_> = people.collect::<rusqlite::Result<_>>()?;
    let sanctions = |kind: i64| -> rusqlite::Result<Vec<_>> {
        let sql = "SELECT user, until FROM sanctions WHERE room = ?1 AND kind = ?2";
        let mut found = connection.prepare_cached(sql)?;
        let found =
            found.query_map(params![room, kind], |row| Ok((user(row, 0)?, row.get::<_, Option<i64>>(1)?.map(time))))?;
        found.collect()
    };
    let policy = Policy::stored(private, settings, people, sanctions(BAN)?, sanctions(MUTE)?);
    let policy =
        policy.with_subject(subject).with_origin(created(connection, room)?, subject_author(connection, room)?);
    invitations::read(connection, room, policy).map(Some)
}

/// When the room was created, as the audit says.
fn created(connection: &Connection, room: RoomId) -> rusqlite::Result<Option<Time>> {
    let sql = "SELECT at FROM audit WHERE room = ?1 AND what = 'founded' ORDER BY number LIMIT 1";
    connection.prepare_cached(sql)?.query_row([room], |row| row.get(0).map(time)).optional()
}

/// Who has described the room last so that its subject changed, as the audit says.
fn subject_author(connection: &Connection, room: RoomId) -> rusqlite::Result<Option<SubjectAuthor>> {
    let sql = "SELECT user, at FROM audit WHERE room = ?1 AND what = 'described' AND value NOT LIKE '[null,%'
        ORDER BY number DESC LIMIT 1";
    let author = |row: &Row<'_>| Ok(SubjectAuthor { by: user(row, 0)?, at: time(row.get(1)?) });
    connection.prepare_cached(sql)?.query_row([room], author).optional()
}

/// The policies of all rooms that have one.
///
/// # Errors
/// They cannot be read.
pub fn policies(connection: &Connection) -> rusqlite::Result<Vec<(RoomName, Policy)>> {
    let mut rooms = connection.prepare("SELECT room, name FROM rooms WHERE room IN (SELECT room FROM charters)")?;
    let rooms = rooms.query_map([], |row| Ok((row.get::<_, RoomId>(0)?, row.get::<_, String>(1)?)))?;
    let mut policies = Vec::new();
    for found in rooms {
        let (room, name) = found?;
        // A name that is no longer valid cannot be joined.
        if let (Ok(name), Some(policy)) = (RoomName::parse(&name), policy(connection, room)?) {
            policies.push((name, policy));
        }
    }
    Ok(policies)
}

/// The newest entries before the number `before`, oldest first; at most `count`.
///
/// # Errors
/// They cannot be read.
pub fn audit(connection: &Connection, room: RoomId, before: u64, count: usize) -> rusqlite::Result<Vec<AuditEntry>> {
    let sql = "SELECT number, at, user, what, about, until, value, note FROM audit
        WHERE room = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3";
    let before = i64::try_from(before).unwrap_or(i64::MAX);
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let mut entries = connection.prepare_cached(sql)?;
    let entries = entries.query_map(params![room, before, count], entry)?;
    let mut entries: Vec<_> = entries.collect::<rusqlite::Result<_>>()?;
    entries.reverse();
    Ok(entries)
}

/// Deletes the room's policy and audit.
///
/// # Errors
/// The transaction must be rolled back.
pub fn delete(connection: &Connection, room: RoomId) -> rusqlite::Result<()> {
    for table in ["charters", "people", "invitations", "sanctions", "pins", "audit"] {
        connection.prepare_cached(&format!("DELETE FROM {table} WHERE room = ?1"))?.execute([room])?;
    }
    Ok(())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let invalid = |what: &str| rusqlite::Error::InvalidColumnName(format!("an entry of the audit: {what}"));
    let what: String = row.get(3)?;
    let about = row.get_ref(4)?.as_str_or_null()?.map(UserName::stored);
    let until = row.get::<_, Option<i64>>(5)?.map(time);
    let value = row.get_ref(6)?.as_str_or_null()?.unwrap_or_default();
    let change = change_of(&what, about, until, value).ok_or_else(|| invalid(&what))?;
    let note = row.get_ref(7)?.as_str_or_null()?.map(Note::stored);
    let number = row.get::<_, i64>(0)?.cast_unsigned();
    Ok(AuditEntry { number, at: time(row.get(1)?), by: user(row, 2)?, action: ModerationAction { change, note } })
}

fn user(row: &Row<'_>, column: usize) -> rusqlite::Result<UserName> {
    Ok(UserName::stored(row.get_ref(column)?.as_str()?))
}

/// The column `people.role`.
fn role_number(role: Role) -> i64 {
    match role {
        Role::Member => 0,
        Role::Moderator => 1,
        Role::Owner => 2,
        Role::Voice => 3,
    }
}

fn role_of(number: i64) -> rusqlite::Result<Role> {
    let role = Role::ALL.into_iter().find(|role| role_number(*role) == number);
    role.ok_or(rusqlite::Error::IntegralValueOutOfRange(1, number))
}
