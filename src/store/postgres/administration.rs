//! The administration of a history in PostgreSQL: each command connects, does one thing and ends.
//!
//! Runs beside the server that writes, or without one; only an import needs the history to itself. Backups are the
//! database's own affair: `pg_dump` has one moment of all tables, and whoever runs PostgreSQL has a way of doing it.

use std::io::{BufRead, Write};
use std::path::Path;

use tokio_postgres::Config;

use super::history::{self, Standing};
use super::link::{DatabaseLink, LinkError};
use super::schema::{self, Unusable};
use super::webhooks::{PostgresWebhookRows, PostgresWebhooks};
use super::{accounts, check, cluster, hooks, import, policy, server};
use crate::chat::hook::{Hook, HookDigest, NewHook};
use crate::chat::{RoomName, Time, UserName};
use crate::store::accounts::ServerKey;
use crate::store::administration::{
    Administration, AdministrationError, ExportStart, Findings, Imported, PreparedToken, Restored, RetentionChange,
    RetentionOverride, ServerProcess, WebhookAdministration,
};
use crate::store::cluster::Cluster;
use crate::store::columns::ms;
use crate::store::export_reader::ExportReader;
use crate::store::export_writer::{self, PAGE};
use crate::store::jsonl::Header;

/// See the module.
pub struct Database {
    config: Config,
}

impl Database {
    /// The administration of the database that `config` names.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    fn link(&self) -> Result<DatabaseLink, Unusable> {
        let mut link = schema::connect(&self.config)?;
        schema::check(&mut link, &self.config)?;
        Ok(link)
    }

    fn unsupported<T>(&self, what: &str, tool: &str) -> Result<T, AdministrationError> {
        let name = schema::name_of(&self.config);
        let sentence = format!("cannot {what} {name}: PostgreSQL has its own tools for that, such as {tool}");
        Err(AdministrationError::Unsupported(sentence))
    }
}

impl Administration for Database {
    fn export(&self, room: &RoomName, start: ExportStart, out: &mut dyn Write) -> Result<u64, AdministrationError> {
        let mut link = self.link()?;
        let found = history::standing(&mut link, room)?;
        if found.is_blank() {
            return Err(AdministrationError::NoRoom(room.clone()));
        }
        let Standing { id, epoch, newest, .. } = found;
        let private = policy::policy(&mut link, id)?.is_some_and(|policy| policy.is_private());
        let header = Header::new(room, &epoch, newest, private);
        let last = match start {
            ExportStart::Seq(seq) => seq,
            ExportStart::Time(at) => last_before(&mut link, id, at)?,
        };
        export_writer::write(out, &header, last, |last| history::after(&mut link, id, room, last, PAGE))
    }

    fn import(&self, input: &mut dyn BufRead) -> Result<Imported, AdministrationError> {
        let export = ExportReader::open(input)?;
        let mut link = self.link()?;
        if !schema::lock(&mut link)? {
            let name = schema::name_of(&self.config);
            return Err(AdministrationError::Refused(format!("{name} is in use by another roomd")));
        }
        link.transact("", |link| import::import(export, link))
    }

    fn backup(&self, _: &Path) -> Result<u64, AdministrationError> {
        self.unsupported("make a backup of", "pg_dump --format=custom")
    }

    fn restore(&self, _: &Path) -> Result<Restored, AdministrationError> {
        self.unsupported("restore", "pg_restore")
    }

    fn cluster(&self) -> Result<Cluster, AdministrationError> {
        Ok(self.link()?.snapshot(cluster::read)?)
    }

    fn server(&self) -> Result<Option<ServerProcess>, AdministrationError> {
        self.unsupported("find the server of", "kill or systemctl on its machine, with SIGHUP or SIGTERM,")
    }

    fn check(&self) -> Result<Findings, AdministrationError> {
        Ok(self.link()?.snapshot(check::check)?)
    }

    fn retain(&self, room: &RoomName, change: RetentionChange) -> Result<RetentionOverride, AdministrationError> {
        Ok(self.link()?.transact("", |link| server::retain(link, room, change))?)
    }

    fn add_hook(&self, hook: &NewHook, digest: &HookDigest) -> Result<Option<u64>, AdministrationError> {
        Ok(self.link()?.transact("", |link| hooks::add(link, hook, digest))?)
    }

    fn hooks(&self, room: &RoomName) -> Result<Vec<Hook>, AdministrationError> {
        Ok(hooks::of_room(&mut self.link()?, room)?)
    }

    fn revoke_hook(&self, room: &RoomName, number: u64, at: Time) -> Result<bool, AdministrationError> {
        Ok(hooks::revoke(&mut self.link()?, room, number, None, at)?)
    }

    fn webhooks(&self) -> Result<WebhookAdministration<'_>, AdministrationError> {
        Ok(Box::new(PostgresWebhooks(self)))
    }

    fn keys(&self) -> Result<Vec<ServerKey>, AdministrationError> {
        Ok(accounts::keys(&mut self.link()?)?)
    }

    fn rotate_keys(&self, key: &ServerKey) -> Result<usize, AdministrationError> {
        Ok(self.link()?.transact("", |link| accounts::rotate_keys(link, key))?)
    }

    fn revoke_key(&self, kid: &str) -> Result<bool, AdministrationError> {
        Ok(accounts::remove_key(&mut self.link()?, kid)?)
    }

    fn prepare_token(&self, user: &UserName, now: Time, until: Time) -> Result<PreparedToken, AdministrationError> {
        Ok(self.link()?.transact("", |link| accounts::prepare_token(link, user, now, until))?)
    }
}

impl PostgresWebhookRows for Database {
    type Error = AdministrationError;

    fn read_rows<T>(&self, read: impl Fn(&mut DatabaseLink) -> Result<T, LinkError>) -> Result<T, AdministrationError> {
        Ok(read(&mut self.link()?)?)
    }

    fn write_rows<T>(
        &self,
        write: impl FnOnce(&mut DatabaseLink) -> Result<T, LinkError>,
    ) -> Result<T, AdministrationError> {
        Ok(self.link()?.transact("", write)?)
    }

    /// The server beside it finds out by itself.
    fn movements_wanted(&self, _: bool) {}

    /// None: a command has no heartbeat, and delivers nothing.
    fn server(&self) -> i64 {
        0
    }
}

/// The number before the first message that is not older than `at`.
fn last_before(link: &mut DatabaseLink, id: i64, at: Time) -> Result<u64, LinkError> {
    let sql = "SELECT seq FROM messages WHERE room = $1 AND at >= $2 ORDER BY seq LIMIT 1";
    let row = link.row(sql, &[&id, &ms(at)])?;
    Ok(row.map_or(u64::MAX, |row| row.get::<_, i64>(0).cast_unsigned() - 1))
}
