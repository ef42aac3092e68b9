//! A database of the PostgreSQL that `tests/cluster/run` has started, for several servers.

use std::process::Command;

use roomd::Settings;

use super::bus::TestBus;

/// A database of its own, owned by a user of its own who is no superuser. Left behind: its server goes with the tests.
pub struct Database {
    server: String,
    name: String,
    /// What carries the notes of its servers, if that is not the database.
    bus: Option<TestBus>,
}

impl Database {
    /// `None`, and said so: there is no PostgreSQL (`ROOMD_TEST_POSTGRES`, its URL up to the name of a database).
    pub fn new() -> Option<Self> {
        let Ok(server) = std::env::var("ROOMD_TEST_POSTGRES") else {
            println!("skipped: there is no PostgreSQL; tests/cluster/run starts one");
            return None;
        };
        let bus = match std::env::var_os("ROOMD_TEST_BUS") {
            Some(_) => Some(TestBus::new()?),
            None => None,
        };
        let database = Self { server, name: format!("c{:016x}", getrandom::u64().unwrap()), bus };
        database.administrate(&format!("CREATE ROLE {0} LOGIN", database.name));
        database.administrate(&format!("CREATE DATABASE {0} OWNER {0}", database.name));
        Some(database)
    }

    /// For `--data`.
    pub fn url(&self) -> String {
        format!("{}{}", self.server.replace("//postgres@", &format!("//{}@", self.name)), self.name)
    }

    /// A server with these settings is one of its servers. Notes go over a Redis where that is asked for (`ROOMD_TEST_BUS`).
    pub fn use_in(&self, settings: &mut Settings) {
        settings.data = self.url();
        settings.bus = self.bus.as_ref().and_then(TestBus::url);
    }

    /// What the superuser reads or does in it.
    pub fn psql(&self, sql: &str) -> String {
        psql(&format!("{}{}", self.server, self.name), sql)
    }

    /// No server of this database hears of another by notes through it.
    pub fn lose_notes(&self) {
        self.psql("REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC");
    }

    /// The database is away: connections are ended, and new ones refused.
    pub fn stop(&self) {
        self.administrate(&format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", self.name));
        self.end_connections();
    }

    /// It is there again.
    pub fn start(&self) {
        self.administrate(&format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", self.name));
    }

    /// Each connection breaks.
    pub fn end_connections(&self) {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname =";
        self.administrate(&format!("{sql} '{}'", self.name));
    }

    fn administrate(&self, sql: &str) {
        psql(&format!("{}postgres", self.server), sql);
    }
}

fn psql(url: &str, sql: &str) -> String {
    let done = Command::new("psql").args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}
