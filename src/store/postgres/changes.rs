//! What was changed of that which servers keep in memory: policies, registered names, devices, bans, keys.
//!
//! Triggers note each change with the transaction that made it (`changes.sql`). A look reads what was changed by
//! transactions that the look before it did not see the end of: none is missed, and some are told twice.

use tokio_postgres::Row;

use super::link::{DatabaseLink, LinkError};
use super::{accounts, devices, history, policy, server};
use crate::chat::device::DeviceId;
use crate::chat::{DisplayName, FoldedName, RoomName, UserName};
use crate::store::accounts::Account;
use crate::store::change_feed::{AccountState, StoreChange};
use crate::store::columns::time;
use crate::store::rooms::PolicyVersion;

/// Where the next look begins.
#[derive(Debug)]
pub struct ChangesSince {
    /// The first transaction that it looks at.
    from: String,
    /// Whether announcements are left out: they may have been heard.
    is_again: bool,
}

impl ChangesSince {
    /// What is changed from now on is new.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn now(link: &mut DatabaseLink) -> Result<Self, LinkError> {
        let row = link.row("SELECT pg_snapshot_xmin(pg_current_snapshot())::text", &[])?;
        row.map(|row| Self { from: row.get(0), is_again: false })
            .ok_or_else(|| LinkError::Invalid("no snapshot".to_owned()))
    }

    /// The database is another one, which numbers its transactions anew: the next look is at all that is remembered.
    pub fn begin_again(&mut self) {
        *self = Self { from: "0".to_owned(), is_again: true };
    }

    /// What was changed since, as it is now; the next look begins here, if all of it could be read.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn look(&mut self, link: &mut DatabaseLink) -> Result<Vec<StoreChange>, LinkError> {
        // Numbers of transactions that are yet to come are from another installation, whose dump was restored here.
        let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, kind, subject
            FROM (SELECT 1) AS one LEFT JOIN changes
                ON changed >= $1::text::xid8 AND changed < pg_snapshot_xmax(pg_current_snapshot()) AND NOT (kind = 4 AND $2)
            ORDER BY changed";
        let rows = link.query(sql, &[&self.from, &self.is_again])?;
        let mut changes = Vec::new();
        for row in rows.iter().filter(|row| row.get::<_, Option<i16>>(1).is_some()) {
            changes.extend(change(link, row)?);
        }
        if let Some(row) = rows.first() {
            *self = Self { from: row.get(0), is_again: false };
        }
        Ok(changes)
    }
}

/// What has become of the subject of a row; nothing of one whose name is not valid any more.
fn change(link: &mut DatabaseLink, row: &Row) -> Result<Option<StoreChange>, LinkError> {
    let (kind, subject): (i16, &str) = (row.get(1), row.get(2));
    Ok(match kind {
        0 => match RoomName::parse(subject) {
            Ok(room) => Some(link.snapshot(|link| policy_of(link, room))?),
            Err(_) => None,
        },
        1 => Some(StoreChange::Account(link.snapshot(|link| account_of(link, UserName::stored(subject)))?)),
        2 => subject.parse().ok().map(|number: i64| StoreChange::DeviceEnded(DeviceId(number.cast_unsigned()))),
        3 => match subject.parse::<u64>() {
            Ok(number) => Some(StoreChange::Ban(number, server::ban(link, number.cast_signed())?.map(Box::new))),
            Err(_) => None,
        },
        4 => match subject.parse::<i64>() {
            Ok(number) => server::entry(link, number)?.map(|entry| StoreChange::Announced(Box::new(entry))),
            Err(_) => None,
        },
        5 => Some(StoreChange::Key(subject.into(), accounts::key(link, subject)?)),
        // Of a later version of roomd.
        _ => None,
    })
}

fn policy_of(link: &mut DatabaseLink, room: RoomName) -> Result<StoreChange, LinkError> {
    let standing = history::standing(link, &room)?;
    let policy = policy::policy(link, standing.id)?;
    let version = PolicyVersion { room: standing.id.cast_unsigned(), change: standing.version };
    Ok(StoreChange::Policy(room, policy.map(Box::new), version))
}

fn account_of(link: &mut DatabaseLink, name: UserName) -> Result<AccountState, LinkError> {
    let folded = FoldedName::of(&name);
    let row = link.row("SELECT name, since, display FROM names WHERE folded = $1", &[&folded.as_str()])?;
    let account = row.as_ref().map(|row| Account { name: UserName::stored(row.get(0)), since: time(row.get(1)) });
    let display_name = row.as_ref().and_then(|row| row.get::<_, Option<&str>>(2)).map(DisplayName::stored);
    Ok(AccountState { devices: devices::of(link, &name)?, name, account, display_name })
}
