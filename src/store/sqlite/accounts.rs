//! Accounts and keys, in the same file as the messages.
//!
//! Read through the pool, written by the journal in transactions of their own. `roomd keys` and `roomd token` change
//! them beside a running server, so the server does not take what it has in memory for all there is: registering a name
//! returns what is in the file.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::offline_inbox;
use super::row::{ms, time};
use super::store::SqliteStore;
use crate::chat::StoreFailed;
use crate::chat::{FoldedName, Time, UserName};
use crate::store::accounts::{Account, AccountStore, ServerKey};
use crate::store::administration::{AdministrationError, PreparedToken};

impl AccountStore for SqliteStore {
    fn accounts(&self) -> Result<Vec<Account>, StoreFailed> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT name, since FROM names")?;
            let accounts = statement.query_map([], account)?;
            accounts.collect()
        })
    }

    fn register(&self, new: &Account) -> Result<Option<Account>, StoreFailed> {
        let new = new.clone();
        self.write(move |connection| register(connection, &new))
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
    }
    Ok(known)
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

/// Whether there is such a key.
fn extend_key(connection: &Connection, kid: &str, until: Time) -> rusqlite::Result<bool> {
    let sql = "UPDATE keys SET until = max(until, ?2) WHERE kid = ?1";
    Ok(connection.prepare_cached(sql)?.execute(params![kid, ms(until)])? == 1)
}
