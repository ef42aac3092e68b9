//! Accounts and keys, in the same file as the messages.
//!
//! Read through the pool, written by the journal in transactions of their own. `roomd keys` and `roomd token` change
//! them beside a running server, so the server does not take what it has in memory for all there is: registering a name
//! returns what is in the file.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::store::SqliteStore;
use super::{bookmarks, devices, offline_inbox};
use crate::chat::StoreFailed;
use crate::chat::device::{Device, DeviceId};
use crate::chat::{Bookmark, DisplayName, FoldedName, NotificationLevel, RoomName, Time, UserName};
use crate::store::accounts::{Account, AccountStore, ServerKey};
use crate::store::administration::{AdministrationError, PreparedToken};
use crate::store::columns::{ms, time};

impl AccountStore for SqliteStore {
    fn accounts(&self) -> Result<Vec<Account>, StoreFailed> {
        self.read(accounts)
    }

    fn register(&self, new: &Account, first: Option<&Device>) -> Result<Option<Account>, StoreFailed> {
        let (new, first) = (new.clone(), first.cloned());
        self.write(move |connection| {
            let known = register(connection, &new)?;
            if let (None, Some(first)) = (&known, &first) {
                devices::put(connection, &new.name, first)?;
            }
            Ok(known)
        })
    }

    fn subjects(&self) -> Result<Vec<(UserName, Arc<str>)>, StoreFailed> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT name, subject FROM subjects")?;
            let subjects = statement.query_map([], |row| {
                Ok((UserName::stored(row.get_ref(0)?.as_str()?), row.get_ref(1)?.as_str()?.into()))
            })?;
            subjects.collect()
        })
    }

    fn bind_subject(&self, name: &UserName, subject: &Arc<str>) -> Result<Arc<str>, StoreFailed> {
        let (name, subject) = (name.clone(), Arc::clone(subject));
        self.write(move |connection| bind_subject(connection, &name, &subject))
    }

    fn unregister(&self, name: &UserName) -> Result<bool, StoreFailed> {
        let name = name.clone();
        self.write(move |connection| {
            offline_inbox::clear(connection, &name)?;
            bookmarks::clear(connection, &name)?;
            devices::clear(connection, &name)?;
            let folded = FoldedName::of(&name);
            connection.prepare_cached("DELETE FROM subjects WHERE likeness = ?1")?.execute([folded.as_str()])?;
            let sql = "DELETE FROM names WHERE likeness = ?1";
            Ok(connection.prepare_cached(sql)?.execute([folded.as_str()])? > 0)
        })
    }

    fn note_use(&self, name: &UserName, at: Time) -> Result<(), StoreFailed> {
        let folded = FoldedName::of(name);
        self.write(move |connection| {
            let sql = "UPDATE names SET used = ?2 WHERE likeness = ?1";
            connection.prepare_cached(sql)?.execute(params![folded.as_str(), ms(at)]).map(|_| ())
        })
    }

    fn uses(&self) -> Result<Vec<(UserName, Time)>, StoreFailed> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT name, used FROM names WHERE used IS NOT NULL")?;
            let uses =
                statement.query_map([], |row| Ok((UserName::stored(row.get_ref(0)?.as_str()?), time(row.get(1)?))))?;
            uses.collect()
        })
    }

    fn devices(&self) -> Result<Vec<(UserName, Device)>, StoreFailed> {
        self.read(devices::all)
    }

    fn put_device(&self, name: &UserName, device: &Device) -> Result<bool, StoreFailed> {
        let (name, device) = (name.clone(), device.clone());
        self.write(move |connection| devices::put(connection, &name, &device))
    }

    fn remove_device(&self, name: &UserName, id: DeviceId) -> Result<bool, StoreFailed> {
        let name = name.clone();
        self.write(move |connection| devices::remove(connection, &name, id))
    }

    fn display_names(&self) -> Result<Vec<(UserName, DisplayName)>, StoreFailed> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT name, display FROM names WHERE display IS NOT NULL")?;
            let names = statement.query_map([], |row| {
                let (user, name) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
                Ok((UserName::stored(user), DisplayName::stored(name)))
            })?;
            names.collect()
        })
    }

    fn set_display_name(&self, user: &UserName, name: Option<&DisplayName>) -> Result<bool, StoreFailed> {
        let (folded, name) = (FoldedName::of(user), name.cloned());
        self.write(move |connection| {
            let sql = "UPDATE names SET display = ?2 WHERE likeness = ?1";
            let values = params![folded.as_str(), name.as_ref().map(DisplayName::as_str)];
            Ok(connection.prepare_cached(sql)?.execute(values)? > 0)
        })
    }

    fn keys(&self) -> Result<Vec<ServerKey>, StoreFailed> {
        self.read(keys)
    }

    fn add_key(&self, key: &ServerKey) -> Result<(), StoreFailed> {
        let key = key.clone();
        self.write(move |connection| add_key(connection, &key))
    }

    fn extend_key(&self, kid: &str, until: Time) -> Result<(), StoreFailed> {
        let kid = kid.to_owned();
        if self.write(move |connection| extend_key(connection, &kid, until))? { Ok(()) } else { Err(StoreFailed) }
    }

    fn remove_key(&self, kid: &str) -> Result<bool, StoreFailed> {
        let kid = kid.to_owned();
        self.write(move |connection| remove_key(connection, &kid))
    }

    fn bookmarks(&self, user: &UserName) -> Result<Vec<Bookmark>, StoreFailed> {
        self.read(|connection| bookmarks::of_user(connection, user))
    }

    fn set_bookmark(
        &self,
        user: &UserName,
        room: &RoomName,
        notify: Option<NotificationLevel>,
    ) -> Result<Option<NotificationLevel>, StoreFailed> {
        let (user, room) = (user.clone(), room.clone());
        self.write(move |connection| bookmarks::set(connection, &user, &room, notify))
    }

    fn remove_bookmark(&self, user: &UserName, room: &RoomName) -> Result<bool, StoreFailed> {
        let (user, room) = (user.clone(), room.clone());
        self.write(move |connection| bookmarks::remove(connection, &user, &room))
    }
}

/// The accounts, in any order.
///
/// # Errors
/// They cannot be read.
pub fn accounts(connection: &Connection) -> rusqlite::Result<Vec<Account>> {
    let mut statement = connection.prepare("SELECT name, since FROM names")?;
    let accounts = statement.query_map([], account)?;
    accounts.collect()
}

/// Adds `key`, deletes those whose tokens have all expired, and counts the old ones that are left.
///
/// # Errors
/// The transaction must be rolled back.
pub fn rotate_keys(connection: &Connection, key: &ServerKey) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM keys WHERE until < ?1", [ms(key.made)])?;
    let left = connection.query_row("SELECT count(*) FROM keys", [], |row| row.get::<_, i64>(0))?;
    add_key(connection, key)?;
    Ok(usize::try_from(left).unwrap_or(0))
}

/// Registers the name if it is free, creates a key if there is none, and extends the one that signs.
///
/// # Errors
/// The transaction must be rolled back.
pub fn prepare_token(
    connection: &Connection,
    user: &UserName,
    now: Time,
    until: Time,
) -> Result<PreparedToken, AdministrationError> {
    let key = match keys(connection)?.into_iter().next() {
        Some(key) => key,
        None => {
            let key = ServerKey::draw(now).map_err(|error| AdministrationError::Refused(error.to_string()))?;
            add_key(connection, &key)?;
            key
        }
    };
    extend_key(connection, &key.kid, until)?;
    let account = Account { name: user.clone(), since: now };
    let owner = register(connection, &account)?.unwrap_or(account);
    Ok(PreparedToken { owner, key })
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account { name: UserName::stored(row.get_ref(0)?.as_str()?), since: time(row.get(1)?) })
}

fn register(connection: &Connection, new: &Account) -> rusqlite::Result<Option<Account>> {
    let folded = FoldedName::of(&new.name);
    let known = connection
        .prepare_cached("SELECT name, since FROM names WHERE likeness = ?1")?
        .query_row([folded.as_str()], account)
        .optional()?;
    if known.is_none() {
        let values = params![folded.as_str(), new.name.as_str(), ms(new.since)];
        connection.prepare_cached("INSERT INTO names (likeness, name, since) VALUES (?1, ?2, ?3)")?.execute(values)?;
        offline_inbox::clear(connection, &new.name)?;
        bookmarks::clear(connection, &new.name)?;
    }
    Ok(known)
}

/// The subject to which the name is bound now.
fn bind_subject(connection: &Connection, name: &UserName, subject: &str) -> rusqlite::Result<Arc<str>> {
    let folded = FoldedName::of(name);
    let sql = "INSERT INTO subjects (likeness, name, subject) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    connection.prepare_cached(sql)?.execute(params![folded.as_str(), name.as_str(), subject])?;
    let sql = "SELECT subject FROM subjects WHERE likeness = ?1";
    connection.prepare_cached(sql)?.query_row([folded.as_str()], |row| Ok(row.get_ref(0)?.as_str()?.into()))
}

/// The keys, the newest first.
pub fn keys(connection: &Connection) -> rusqlite::Result<Vec<ServerKey>> {
    let mut statement = connection.prepare_cached("SELECT kid, secret, made, until FROM keys ORDER BY key DESC")?;
    let keys = statement.query_map([], |row| {
        Ok(ServerKey {
            kid: row.get_ref(0)?.as_str()?.into(),
            secret: row.get(1)?,
            made: time(row.get(2)?),
            until: time(row.get(3)?),
        })
    })?;
    keys.collect()
}

fn add_key(connection: &Connection, key: &ServerKey) -> rusqlite::Result<()> {
    let values = params![&*key.kid, key.secret, ms(key.made), ms(key.until)];
    connection.execute("INSERT INTO keys (kid, secret, made, until) VALUES (?1, ?2, ?3, ?4)", values).map(|_| ())
}

/// Removes a key; whether there was one of this id.
///
/// # Errors
/// Nothing has changed.
pub fn remove_key(connection: &Connection, kid: &str) -> rusqlite::Result<bool> {
    Ok(connection.execute("DELETE FROM keys WHERE kid = ?1", [kid])? == 1)
}

/// Whether there is such a key.
fn extend_key(connection: &Connection, kid: &str, until: Time) -> rusqlite::Result<bool> {
    let sql = "UPDATE keys SET until = max(until, ?2) WHERE kid = ?1";
    Ok(connection.prepare_cached(sql)?.execute(params![kid, ms(until)])? == 1)
}
