//! Accounts, keys and bookmarks, in the same database as the messages.
//!
//! Read and written through the pool, each change in one statement or one short transaction. `roomd keys` and `roomd
//! token` change them beside a running server, so registering a name returns what is in the database.

use std::sync::Arc;

use tokio_postgres::Row;

use super::devices;
use super::link::{DatabaseLink, LinkError};
use super::row::{receipt_number, text};
use super::store::PostgresStore;
use crate::chat::bookmark::BOOKMARKS_MAX;
use crate::chat::device::{Device, DeviceId};
use crate::chat::{
    Bookmark, DisplayName, FoldedName, NotificationLevel, Receipt, RoomName, StoreFailed, Time, UserName,
};
use crate::store::accounts::{Account, AccountStore, ServerKey};
use crate::store::administration::PreparedToken;
use crate::store::columns::{ms, time};

impl AccountStore for PostgresStore {
    fn accounts(&self) -> Result<Vec<Account>, StoreFailed> {
        self.pool.read(|link| Ok(link.query("SELECT name, since FROM names", &[])?.iter().map(account).collect()))
    }

    fn register(&self, account: &Account, first: Option<&Device>) -> Result<Option<Account>, StoreFailed> {
        self.pool.write(|link| {
            link.transact("", |link| {
                let known = register(link, account)?;
                if let (None, Some(first)) = (&known, first) {
                    devices::put(link, &account.name, first)?;
                }
                Ok(known)
            })
        })
    }

    fn subjects(&self) -> Result<Vec<(UserName, Arc<str>)>, StoreFailed> {
        self.pool.read(|link| {
            let rows = link.query("SELECT name, subject FROM subjects", &[])?;
            rows.iter().map(|row| Ok((UserName::stored(row.get(0)), text(row.get(1))?.into()))).collect()
        })
    }

    fn bind_subject(&self, name: &UserName, subject: &Arc<str>) -> Result<Arc<str>, StoreFailed> {
        let folded = FoldedName::of(name);
        self.pool.write(|link| {
            let sql = "INSERT INTO subjects (folded, name, subject) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
            link.execute(sql, &[&folded.as_str(), &name.as_str(), &subject.as_bytes()])?;
            let row = link.row("SELECT subject FROM subjects WHERE folded = $1", &[&folded.as_str()])?;
            let row = row.ok_or_else(|| LinkError::Invalid("lost a subject".to_owned()))?;
            Ok(text(row.get(0))?.into())
        })
    }

    fn unregister(&self, name: &UserName) -> Result<bool, StoreFailed> {
        let folded = FoldedName::of(name);
        self.pool.write(|link| {
            link.transact("", |link| {
                clear(link, name)?;
                devices::clear(link, name)?;
                link.execute("DELETE FROM subjects WHERE folded = $1", &[&folded.as_str()])?;
                Ok(link.execute("DELETE FROM names WHERE folded = $1", &[&folded.as_str()])? > 0)
            })
        })
    }

    fn note_use(&self, name: &UserName, at: Time) -> Result<(), StoreFailed> {
        let folded = FoldedName::of(name);
        let sql = "UPDATE names SET used = $2 WHERE folded = $1";
        self.pool.write(|link| link.execute(sql, &[&folded.as_str(), &ms(at)]).map(|_| ()))
    }

    fn display_names(&self) -> Result<Vec<(UserName, DisplayName)>, StoreFailed> {
        self.pool.read(|link| {
            let rows = link.query("SELECT name, display FROM names WHERE display IS NOT NULL", &[])?;
            Ok(rows.iter().map(|row| (UserName::stored(row.get(0)), DisplayName::stored(row.get(1)))).collect())
        })
    }

    fn set_display_name(&self, user: &UserName, name: Option<&DisplayName>) -> Result<bool, StoreFailed> {
        let (folded, name) = (FoldedName::of(user), name.map(DisplayName::as_str));
        let sql = "UPDATE names SET display = $2 WHERE folded = $1";
        self.pool.write(|link| Ok(link.execute(sql, &[&folded.as_str(), &name])? > 0))
    }

    fn uses(&self) -> Result<Vec<(UserName, Time)>, StoreFailed> {
        self.pool.read(|link| {
            let rows = link.query("SELECT name, used FROM names WHERE used IS NOT NULL", &[])?;
            Ok(rows.iter().map(|row| (UserName::stored(row.get(0)), time(row.get(1)))).collect())
        })
    }

    fn devices(&self) -> Result<Vec<(UserName, Device)>, StoreFailed> {
        self.pool.read(devices::all)
    }

    fn put_device(&self, name: &UserName, device: &Device) -> Result<bool, StoreFailed> {
        self.pool.write(|link| devices::put(link, name, device))
    }

    fn remove_device(&self, name: &UserName, id: DeviceId) -> Result<bool, StoreFailed> {
        self.pool.write(|link| devices::remove(link, name, id))
    }

    fn keys(&self) -> Result<Vec<ServerKey>, StoreFailed> {
        self.pool.read(keys)
    }

    fn add_key(&self, key: &ServerKey) -> Result<(), StoreFailed> {
        self.pool.write(|link| add_key(link, key))
    }

    fn extend_key(&self, kid: &str, until: Time) -> Result<(), StoreFailed> {
        if self.pool.write(|link| extend_key(link, kid, until))? { Ok(()) } else { Err(StoreFailed) }
    }

    fn remove_key(&self, kid: &str) -> Result<bool, StoreFailed> {
        self.pool.write(|link| remove_key(link, kid))
    }

    fn bookmarks(&self, user: &UserName) -> Result<Vec<Bookmark>, StoreFailed> {
        self.pool.read(|link| {
            let sql = "SELECT b.room, notify, (SELECT max(seq) FROM marks JOIN rooms USING (room)
                WHERE rooms.name = b.room AND marks.usr = $1 AND receipt = $2) FROM bookmarks b WHERE usr = $1 ORDER BY b.room";
            let mut bookmarks = Vec::new();
            for row in link.query(sql, &[&user.as_str(), &receipt_number(Receipt::Read)])? {
                // A name that is no longer valid cannot be joined.
                if let Ok(room) = RoomName::parse_known(row.get(0)) {
                    let read = row.get::<_, Option<i64>>(2).map(i64::cast_unsigned);
                    bookmarks.push(Bookmark { room, notify: level_of(row.get(1))?, read });
                }
            }
            Ok(bookmarks)
        })
    }

    fn set_bookmark(
        &self,
        user: &UserName,
        room: &RoomName,
        notify: Option<NotificationLevel>,
    ) -> Result<Option<NotificationLevel>, StoreFailed> {
        self.pool.write(|link| {
            // Of two at once at the limit both may be added: it bounds what a user can make grow, and no more.
            let sql = "INSERT INTO bookmarks (usr, room, notify) SELECT $1, $2, coalesce($3::smallint, $4::smallint)
                WHERE EXISTS (SELECT 1 FROM bookmarks WHERE usr = $1 AND room = $2)
                    OR (SELECT count(*) FROM bookmarks WHERE usr = $1) < $5::bigint
                ON CONFLICT (usr, room) DO UPDATE SET notify = coalesce($3::smallint, bookmarks.notify) RETURNING notify";
            let (given, usual) = (notify.map(number_of), number_of(NotificationLevel::default()));
            let max = i64::try_from(BOOKMARKS_MAX).unwrap_or(i64::MAX);
            let row = link.row(sql, &[&user.as_str(), &room.as_str(), &given, &usual, &max])?;
            row.map(|row| level_of(row.get(0))).transpose()
        })
    }

    fn remove_bookmark(&self, user: &UserName, room: &RoomName) -> Result<bool, StoreFailed> {
        let sql = "DELETE FROM bookmarks WHERE usr = $1 AND room = $2";
        self.pool.write(|link| Ok(link.execute(sql, &[&user.as_str(), &room.as_str()])? > 0))
    }
}

/// Deletes what belongs to a name alone, beside its subject.
fn clear(link: &mut DatabaseLink, name: &UserName) -> Result<(), LinkError> {
    link.execute("DELETE FROM undelivered WHERE usr = $1", &[&name.as_str()])?;
    link.execute("DELETE FROM bookmarks WHERE usr = $1", &[&name.as_str()]).map(|_| ())
}

/// Registers a name, in a transaction; `Some`: it was registered already.
fn register(link: &mut DatabaseLink, new: &Account) -> Result<Option<Account>, LinkError> {
    let folded = FoldedName::of(&new.name);
    let sql = "INSERT INTO names (folded, name, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    if link.execute(sql, &[&folded.as_str(), &new.name.as_str(), &ms(new.since)])? == 1 {
        // Earlier messages to it were for somebody else.
        clear(link, &new.name)?;
        return Ok(None);
    }
    let known = link.row("SELECT name, since FROM names WHERE folded = $1", &[&folded.as_str()])?;
    Ok(known.as_ref().map(account))
}

fn account(row: &Row) -> Account {
    Account { name: UserName::stored(row.get(0)), since: time(row.get(1)) }
}

/// The keys, the newest first.
///
/// # Errors
/// They cannot be read.
pub fn keys(link: &mut DatabaseLink) -> Result<Vec<ServerKey>, LinkError> {
    link.query("SELECT kid, secret, made, until FROM keys ORDER BY key DESC", &[])?.iter().map(read_key).collect()
}

/// The key of this id, if there is one.
///
/// # Errors
/// It cannot be read.
pub fn key(link: &mut DatabaseLink, kid: &str) -> Result<Option<ServerKey>, LinkError> {
    link.row("SELECT kid, secret, made, until FROM keys WHERE kid = $1", &[&kid])?.as_ref().map(read_key).transpose()
}

fn read_key(row: &Row) -> Result<ServerKey, LinkError> {
    let secret = row.get::<_, &[u8]>(1).try_into();
    let secret = secret.map_err(|_| LinkError::Invalid("a key of another length".to_owned()))?;
    Ok(ServerKey { kid: row.get::<_, &str>(0).into(), secret, made: time(row.get(2)), until: time(row.get(3)) })
}

/// Adds `key`, deletes those whose tokens have all expired, and counts the old ones that are left. In a transaction.
///
/// # Errors
/// The transaction must be rolled back.
pub fn rotate_keys(link: &mut DatabaseLink, key: &ServerKey) -> Result<usize, LinkError> {
    link.execute("DELETE FROM keys WHERE until < $1", &[&ms(key.made)])?;
    let left = keys(link)?.len();
    add_key(link, key)?;
    Ok(left)
}

/// Registers the name if it is free, creates a key if there is none, and extends the one that signs. In a transaction.
///
/// # Errors
/// The transaction must be rolled back.
pub fn prepare_token(
    link: &mut DatabaseLink,
    user: &UserName,
    now: Time,
    until: Time,
) -> Result<PreparedToken, LinkError> {
    let key = match keys(link)?.into_iter().next() {
        Some(key) => key,
        None => {
            let key = ServerKey::draw(now).map_err(|error| LinkError::System(error.into()))?;
            add_key(link, &key)?;
            key
        }
    };
    extend_key(link, &key.kid, until)?;
    let account = Account { name: user.clone(), since: now };
    let owner = register(link, &account)?.unwrap_or(account);
    Ok(PreparedToken { owner, key })
}

fn add_key(link: &mut DatabaseLink, key: &ServerKey) -> Result<(), LinkError> {
    let sql = "INSERT INTO keys (kid, secret, made, until) VALUES ($1, $2, $3, $4)";
    link.execute(sql, &[&&*key.kid, &key.secret.as_slice(), &ms(key.made), &ms(key.until)]).map(|_| ())
}

/// Removes a key; whether there was one of this id.
///
/// # Errors
/// Nothing has changed.
pub fn remove_key(link: &mut DatabaseLink, kid: &str) -> Result<bool, LinkError> {
    Ok(link.execute("DELETE FROM keys WHERE kid = $1", &[&kid])? == 1)
}

/// Whether there is such a key.
fn extend_key(link: &mut DatabaseLink, kid: &str, until: Time) -> Result<bool, LinkError> {
    let sql = "UPDATE keys SET until = greatest(until, $2) WHERE kid = $1";
    Ok(link.execute(sql, &[&kid, &ms(until)])? == 1)
}

/// The column `bookmarks.notify`.
fn number_of(level: NotificationLevel) -> i16 {
    match level {
        NotificationLevel::All => 0,
        NotificationLevel::Mentions => 1,
        NotificationLevel::Nothing => 2,
    }
}

fn level_of(number: i16) -> Result<NotificationLevel, LinkError> {
    let level = NotificationLevel::ALL.into_iter().find(|level| number_of(*level) == number);
    level.ok_or_else(|| LinkError::Invalid(format!("a bookmark of the level {number}")))
}
