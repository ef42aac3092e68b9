//! The tables and functions in the database: made by the first start, and recognized by every other.
//!
//! Called at start, and by the commands. Whatever is not roomd's, or is newer than this roomd, is refused as it is.

use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::{Config, Row};

use super::link::{DatabaseLink, LinkError};
use crate::store::administration::AdministrationError;

/// The version of the tables.
const VERSION: i32 = 2;
/// The oldest PostgreSQL that has all that is used, as it counts its versions.
const SERVER_MIN: i32 = 140_000;
/// What stands beside the tables of the first version; each can be run again.
const LATER: &str = concat!(
    include_str!("changes.sql"),
    include_str!("server.sql"),
    include_str!("failover.sql"),
    include_str!("functions.sql"),
    include_str!("append.sql")
);
/// How often it is tried to bring the database up to date while other servers work on it.
const ATTEMPTS: usize = 5;
/// Names the locks: "room".
const LOCK: i32 = 0x726f_6f6d;

/// How long to wait for those who have the history, and how long before it is asked for again.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_AGAIN: Duration = Duration::from_millis(50);

/// Takes the lock of maintenance for one statement, if no other server has it.
pub const MAINTENANCE: &str = "pg_try_advisory_xact_lock(1919905645, hashtext(current_schema()) + 2)";

/// The same of the sorting of words.
pub const SORTING: &str = "pg_try_advisory_xact_lock(1919905645, hashtext(current_schema()) + 3)";

/// Why the database cannot be used: a sentence that says what to do.
#[derive(Debug)]
pub struct Unusable(pub String);

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

impl From<Unusable> for AdministrationError {
    fn from(error: Unusable) -> Self {
        Self::Open(Box::new(error))
    }
}

impl From<LinkError> for AdministrationError {
    fn from(error: LinkError) -> Self {
        Self::Database(Box::new(error))
    }
}

/// What messages call the database: without the user's password.
pub fn name_of(config: &Config) -> String {
    let host = config.get_hosts().first().map(|host| match host {
        tokio_postgres::config::Host::Tcp(host) => host.clone(),
        tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
    });
    let name = config.get_dbname().or(config.get_user()).unwrap_or("postgres");
    format!("the database {name} at {}", host.unwrap_or_else(|| "the local host".to_owned()))
}

/// Why this database cannot be used.
pub fn unusable(config: &Config, error: &LinkError) -> Unusable {
    Unusable(format!("{} cannot be used: {error}", name_of(config)))
}

/// Connects, and sees whether the database can be used. Blocks for some seconds at most.
///
/// # Errors
/// It cannot be used.
pub fn connect(config: &Config) -> Result<DatabaseLink, Unusable> {
    let unusable = |error: LinkError| unusable(config, &error);
    let mut link = DatabaseLink::open(config).map_err(unusable)?;
    let row = link.row("SELECT current_setting('server_version_num')::int, current_setting('server_encoding')", &[]);
    if let Some(row) = row.map_err(unusable)? {
        let (version, encoding) = (row.get::<_, i32>(0), row.get::<_, &str>(1));
        if version < SERVER_MIN {
            let sentence =
                format!("{} is of PostgreSQL {}: roomd needs 14 or later", name_of(config), version / 10_000);
            return Err(Unusable(sentence));
        }
        if encoding != "UTF8" {
            return Err(Unusable(format!("{} has the encoding {encoding}: roomd needs UTF8", name_of(config))));
        }
    }
    Ok(link)
}

/// Makes the tables if there are none, and the functions of this version, unless a server of the same build has done so:
/// that takes locks for which others wait. The comment on a table says of which build they are.
///
/// # Errors
/// The database is as it was.
pub fn prepare(link: &mut DatabaseLink, config: &Config) -> Result<(), Unusable> {
    let mut prepared = prepare_once(link);
    for _ in 1..ATTEMPTS {
        if !prepared.as_ref().is_err_and(LinkError::may_pass) {
            break;
        }
        prepared = prepare_once(link);
    }
    prepared.map_err(|error| unusable(config, &error))
}

fn prepare_once(link: &mut DatabaseLink) -> Result<(), LinkError> {
    link.transact("", |link| {
        // Two servers that start at once make them one after the other.
        link.execute("SELECT pg_advisory_xact_lock($1, hashtext(current_schema()) + 1)", &[&LOCK])?;
        let there =
            link.row("SELECT to_regclass('rooms') IS NOT NULL, to_regclass('installation') IS NOT NULL", &[])?;
        let (has_rooms, is_ours) = there.map_or((false, false), |row| (row.get(0), row.get(1)));
        if has_rooms && !is_ours {
            return Err(LinkError::Invalid(
                "a table rooms that is not roomd's: give roomd a database of its own".to_owned(),
            ));
        }
        if !is_ours {
            let seed = getrandom::u64().map_err(|error| LinkError::System(error.into()))?;
            link.run(include_str!("schema.sql"))?;
            let sql = "INSERT INTO installation (version, seed) VALUES ($1, $2)";
            link.execute(sql, &[&VERSION, &seed.cast_signed()])?;
        }
        check_version(link)?;
        let sql = "SELECT d, d IS NOT DISTINCT FROM obj_description('installation'::regclass, 'pg_class') \
                   FROM encode(sha256(convert_to($1, 'UTF8')), 'hex') AS d";
        let build = link.row(sql, &[&LATER])?.map(|row| (row.get::<_, String>(0), row.get(1)));
        if let Some((digest, false)) = build {
            link.run(LATER)?;
            link.run(&format!("COMMENT ON TABLE installation IS '{digest}'"))?;
        }
        Ok(())
    })
}

/// Whether the tables are those of this roomd.
///
/// # Errors
/// They are not, or there are none.
pub fn check(link: &mut DatabaseLink, config: &Config) -> Result<(), Unusable> {
    let there = link.row("SELECT to_regclass('installation') IS NOT NULL", &[]);
    let unusable = |error: LinkError| unusable(config, &error);
    if !there.map_err(unusable)?.is_some_and(|row| row.get(0)) {
        return Err(Unusable(format!("{} has no history of roomd: start the server on it first", name_of(config))));
    }
    check_version(link).map_err(unusable)
}

fn check_version(link: &mut DatabaseLink) -> Result<(), LinkError> {
    let version = link.row("SELECT version FROM installation", &[])?.map_or(0, |row| row.get::<_, i32>(0));
    if version == VERSION {
        return Ok(());
    }
    Err(LinkError::Invalid(format!(
        "tables of version {version}, and this roomd knows version {VERSION}: use the roomd that made them"
    )))
}

/// Has the history to itself, for as long as the connection lives. Blocks for two seconds at most.
///
/// # Errors
/// That cannot be told now.
pub fn lock(link: &mut DatabaseLink) -> Result<bool, LinkError> {
    obtain(link, "pg_try_advisory_lock")
}

/// Shares the history with other servers, for as long as the connection lives. Blocks for two seconds at most.
///
/// # Errors
/// Somebody has it to themselves.
pub fn share(link: &mut DatabaseLink) -> Result<(), LinkError> {
    if obtain(link, "pg_try_advisory_lock_shared")? {
        return Ok(());
    }
    Err(LinkError::Invalid("an import going on: try again when it is done".to_owned()))
}

/// Obtains the history by this function, unless others keep it: the database has let go of one that has just ended only when it
/// has noticed that.
fn obtain(link: &mut DatabaseLink, function: &str) -> Result<bool, LinkError> {
    let sql = format!("SELECT {function}($1, hashtext(current_schema()))");
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        let is_obtained = link.row(&sql, &[&LOCK])?.is_some_and(|row| row.get(0));
        if is_obtained || Instant::now() >= deadline {
            return Ok(is_obtained);
        }
        thread::sleep(LOCK_AGAIN);
    }
}

/// The channel of the notes between the servers of this installation.
///
/// # Errors
/// It cannot be read.
pub fn channel(link: &mut DatabaseLink) -> Result<String, LinkError> {
    Ok(installation(link, "'roomd_' || to_hex(seed)")?.get(0))
}

/// What the row of the installation says, in these columns.
///
/// # Errors
/// It cannot be read, or there is none.
pub fn installation(link: &mut DatabaseLink, columns: &str) -> Result<Row, LinkError> {
    link.row(&format!("SELECT {columns} FROM installation"), &[])?.ok_or_else(no_installation)
}

/// That the row of the installation is gone.
pub fn no_installation() -> LinkError {
    LinkError::Invalid("no row of its installation".to_owned())
}
