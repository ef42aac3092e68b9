//! Names and keys, in the same file as the messages.
//!
//! Read through the pool, written by the journal between its transactions; `roomd keys` and
//! `roomd token` do the same beside a server that runs, so a server does not take its memory for all
//! there is: whoever registers hears what is in the file.

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, TransactionBehavior, params};

use super::data_file::{DataFile, DataFileError};
use super::row::{ms, time};
use super::{Sqlite, StoreFailed, offline_inbox};
use crate::chat::{FoldedName, Time, UserName};
use crate::store::accounts::{Account, AccountStore, ServerKey};

impl AccountStore for Sqlite {
    fn names(&self) -> Result<Vec<Account>, StoreFailed> {
        self.pool.read(|connection| {
            let mut statement = connection.prepare("SELECT name, since FROM names")?;
            let names = statement.query_map([], account)?;
            names.collect()
        })
    }

    fn register(&self, new: &Account) -> Result<Option<Account>, StoreFailed> {
        let new = new.clone();
        self.write(move |connection| register(connection, &new))
    }

    fn keys(&self) -> Result<Vec<ServerKey>, StoreFailed> {
        self.pool.read(keys)
    }

    fn add_key(&self, key: &ServerKey) -> Result<(), StoreFailed> {
        let key = key.clone();
        self.write(move |connection| add_key(connection, &key))
    }

    fn signs(&self, kid: &str, until: Time) -> Result<(), StoreFailed> {
        let kid = kid.to_owned();
        if self.write(move |connection| signs(connection, &kid, until))? { Ok(()) } else { Err(StoreFailed) }
    }
}

impl DataFile {
    /// The keys, the one that signs first.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn keys(&self) -> Result<Vec<ServerKey>, DataFileError> {
        Ok(keys(&self.site.visit(OpenFlags::SQLITE_OPEN_READ_ONLY)?)?)
    }

    /// Has `key` sign from now on, also in a server that runs, and forgets those whose tokens have all
    /// ended. How many of the old ones are left.
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn rotate(&self, key: &ServerKey) -> Result<usize, DataFileError> {
        let mut connection = self.site.visit(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM keys WHERE until < ?1", [ms(key.made)])?;
        let left = transaction.query_row("SELECT count(*) FROM keys", [], |row| row.get::<_, i64>(0))?;
        add_key(&transaction, key)?;
        transaction.commit()?;
        Ok(usize::try_from(left).unwrap_or(0))
    }

    /// Prepares a token of `user` that ends at `until`: registers the name if it belongs to nobody, and
    /// gives the key that is to sign. The owner is the name as it is registered.
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn prepare_token(
        &self,
        user: &UserName,
        now: Time,
        until: Time,
    ) -> Result<(Account, ServerKey), DataFileError> {
        let mut connection = self.site.visit(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let key = match keys(&transaction)?.into_iter().next() {
            Some(key) => key,
            None => {
                let key = ServerKey::draw(now).map_err(|error| DataFileError::Refused(error.to_string()))?;
                add_key(&transaction, &key)?;
                key
            }
        };
        signs(&transaction, &key.kid, until)?;
        let account = Account { name: user.clone(), since: now };
        let owner = register(&transaction, &account)?.unwrap_or(account);
        transaction.commit()?;
        Ok((owner, key))
    }
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
        offline_inbox::begin(connection, &new.name)?;
    }
    Ok(known)
}

fn keys(connection: &Connection) -> rusqlite::Result<Vec<ServerKey>> {
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
fn signs(connection: &Connection, kid: &str, until: Time) -> rusqlite::Result<bool> {
    let sql = "UPDATE keys SET until = max(until, ?2) WHERE kid = ?1";
    Ok(connection.prepare_cached(sql)?.execute(params![kid, ms(until)])? == 1)
}
