//! The schema of the file: whose a file is, of which version, and its way to ours.
//!
//! Each step (`schema_steps.rs`) takes a file from one version to the next; a new file goes through all of them. Opening
//! a file for a server runs them inside one transaction, so that an interrupted step has not happened.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::schema_steps::STEPS;

/// The application id of our files: `room` in ASCII.
pub const APPLICATION_ID: i32 = 0x726f_6f6d;
/// The version that this program reads and writes.
pub const VERSION: usize = STEPS.len();
/// The first version with the table `state`.
pub const VERSION_WITH_STATE: usize = 7;

/// Who wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Nobody: it is empty.
    Empty,
    /// We did, in this version.
    Ours(usize),
    /// Another program.
    Foreign,
}

/// Reads the application id and the version from the header.
///
/// # Errors
/// It is not a database, or cannot be read.
pub fn identify(connection: &Connection) -> rusqlite::Result<FileKind> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let (application, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    if application == i64::from(APPLICATION_ID) {
        return Ok(FileKind::Ours(usize::try_from(version).unwrap_or(usize::MAX)));
    }
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(if application == 0 && version == 0 && tables == 0 { FileKind::Empty } else { FileKind::Foreign })
}

/// Migrates a file of version `from` to ours: all steps, or none.
///
/// # Errors
/// The file is unchanged.
pub fn migrate(connection: &mut Connection, from: usize) -> rusqlite::Result<()> {
    if from == VERSION {
        return Ok(());
    }
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    for step in &STEPS[from..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION as i64)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Body, RoomName};
    use crate::store::sqlite::row;
    use crate::store::sqlite::schema_steps::{DATA, DEVICES, VOICE};

    #[test]
    fn a_name_that_was_claimed_before_devices_has_the_first() {
        let mut connection = Connection::open_in_memory().unwrap();
        let before = STEPS.iter().position(|step| *step == DEVICES).unwrap();
        STEPS[..before].iter().for_each(|step| connection.execute_batch(step).unwrap());
        connection.execute_batch("INSERT INTO names (likeness, name, since) VALUES ('ann', 'Ann', 7)").unwrap();
        migrate(&mut connection, before).unwrap();
        let sql = "SELECT likeness, device, created, seen FROM devices";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let found: (String, i64, i64, Option<i64>) = connection.query_row(sql, [], row).unwrap();
        assert_eq!(found, ("ann".to_owned(), 0, 7, None));
    }

    #[test]
    fn who_was_on_a_list_before_there_were_voices_still_is() {
        let mut connection = Connection::open_in_memory().unwrap();
        let before = STEPS.iter().position(|step| *step == VOICE).unwrap();
        STEPS[..before].iter().for_each(|step| connection.execute_batch(step).unwrap());
        let people = "INSERT INTO people (room, user, role, invited_by, invited_at) VALUES (1, 'Bob', 0, 'Ann', 7)";
        connection.execute_batch(people).unwrap();
        migrate(&mut connection, before).unwrap();
        let sql = "UPDATE people SET role = 3 WHERE role = 0 RETURNING room, user, invited_by, invited_at";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let found: (i64, String, String, i64) = connection.query_row(sql, [], row).unwrap();
        assert_eq!(found, (1, "Bob".to_owned(), "Ann".to_owned(), 7));
    }

    #[test]
    fn what_was_said_before_there_were_bytes_is_what_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        let before = STEPS.iter().position(|step| *step == DATA).unwrap();
        STEPS[..before].iter().for_each(|step| connection.execute_batch(step).unwrap());
        let old =
            "INSERT INTO messages (place, kind, at, user, body) VALUES (1, 0, 7, 'Ann', 'hi'), (2, 1, 7, 'Ann', '{}');
            INSERT INTO buffered (place, kind, at, user, body) VALUES (3, 1, 7, 'Ann', '{\"n\":1}')";
        connection.execute_batch(old).unwrap();
        migrate(&mut connection, before).unwrap();
        let sql = format!("SELECT {} FROM history ORDER BY place", row::COLUMNS);
        let room = RoomName::parse("den").unwrap();
        let mut statement = connection.prepare(&sql).unwrap();
        let bodies = statement.query_map([], |found| Ok(row::read(found, &room)?.body)).unwrap();
        let bodies: Vec<_> = bodies.map(Result::unwrap).collect();
        assert_eq!(bodies, [Body::Text("hi".into()), Body::Cipher("{}".into()), Body::Cipher("{\"n\":1}".into())]);
    }
}
