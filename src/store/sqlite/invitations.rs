//! Who is invited to a room, and its invitations, as rows: a part of its policy.
//!
//! Written and read on behalf of `policy.rs`.

use rusqlite::{Connection, params};

use super::message_key::RoomId;
use crate::chat::policy::{Invitation, Invited, ModerationChange, Policy};
use crate::chat::{Time, UserName};
use crate::store::columns::{ms, time};

/// Applies a change that concerns invitations.
///
/// # Errors
/// The transaction must be rolled back.
pub fn change(
    connection: &Connection,
    room: RoomId,
    by: &UserName,
    change: &ModerationChange,
    at: Time,
) -> rusqlite::Result<()> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<()> {
        connection.prepare_cached(sql)?.execute(values).map(|_| ())
    };
    match change {
        ModerationChange::InvitationCreated { number, code, until, uses } => {
            execute("DELETE FROM invitations WHERE room = ?1 AND until <= ?2", &[&room, &ms(at)])?;
            let number = number.cast_signed();
            execute("UPDATE charters SET invitations = ?2 WHERE room = ?1", &[&room, &number])?;
            let sql = "INSERT INTO invitations (room, number, code, author, at, until, uses, used)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)";
            execute(sql, &[&room, &number, &code.reveal(), &by.as_str(), &ms(at), &ms(*until), uses])
        }
        ModerationChange::InvitationRevoked { number } => {
            execute("DELETE FROM invitations WHERE room = ?1 AND number = ?2", &[&room, &number.cast_signed()])
        }
        ModerationChange::Admitted { user, invitation } => {
            let sql = "INSERT INTO people (room, user, role) VALUES (?1, ?2, 0) ON CONFLICT DO NOTHING";
            execute(sql, &[&room, &user.as_str()])?;
            let sql = "UPDATE invitations SET used = used + 1 WHERE room = ?1 AND number = ?2";
            execute(sql, &[&room, &invitation.cast_signed()])?;
            execute("DELETE FROM invitations WHERE room = ?1 AND used >= uses", &[&room])
        }
        ModerationChange::Accepted { user } => entered(connection, room, user),
        _ => Ok(()),
    }
}

/// Notes that a user on the list has entered.
///
/// # Errors
/// The transaction must be rolled back.
pub fn entered(connection: &Connection, room: RoomId, user: &UserName) -> rusqlite::Result<()> {
    let sql = "UPDATE people SET invited_by = NULL, invited_at = NULL WHERE room = ?1 AND user = ?2";
    connection.prepare_cached(sql)?.execute(params![room, user.as_str()]).map(|_| ())
}

/// The policy of the room, with its invitations.
///
/// # Errors
/// They cannot be read.
pub fn read(connection: &Connection, room: RoomId, policy: Policy) -> rusqlite::Result<Policy> {
    let sql = "SELECT user, invited_by, invited_at FROM people WHERE room = ?1 AND invited_by IS NOT NULL";
    let mut invited = connection.prepare_cached(sql)?;
    let invited = invited.query_map([room], |row| {
        let by = UserName::stored(row.get_ref(1)?.as_str()?);
        Ok((UserName::stored(row.get_ref(0)?.as_str()?), Invited { by, at: time(row.get(2)?) }))
    })?;
    let invited: Vec<_> = invited.collect::<rusqlite::Result<_>>()?;
    let sql = "SELECT number, code, author, at, until, uses, used FROM invitations WHERE room = ?1 ORDER BY number";
    let mut invitations = connection.prepare_cached(sql)?;
    let invitations = invitations.query_map([room], |row| {
        Ok(Invitation {
            number: row.get::<_, i64>(0)?.cast_unsigned(),
            code: row.get_ref(1)?.as_str()?.into(),
            by: UserName::stored(row.get_ref(2)?.as_str()?),
            at: time(row.get(3)?),
            until: time(row.get(4)?),
            uses: row.get(5)?,
            used: row.get(6)?,
        })
    })?;
    let invitations = invitations.collect::<rusqlite::Result<_>>()?;
    let sql = "SELECT invitations FROM charters WHERE room = ?1";
    let made: i64 = connection.prepare_cached(sql)?.query_row([room], |row| row.get(0))?;
    Ok(policy.with_invitations(invited, invitations, made.cast_unsigned()))
}
