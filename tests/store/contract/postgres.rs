//! The row of the table for PostgreSQL: a database of its own for each directory, on the server that `tests/cluster/run`
//! has started.
//!
//! Without such a server (`ROOMD_TEST_POSTGRES`, the URL of its database `postgres` up to the name) there is no row. The
//! database of another process or an earlier run is never met: the name has the directory's path in it.

use std::process::Command;

use super::Promise::{Administration, History, Reopening};
use super::TestBackend;
use crate::harness::TestDirectory;

static POSTGRES: &[TestBackend] = &[TestBackend {
    name: "PostgreSQL",
    url,
    promises: &[History, Reopening, Administration],
    fail_appends: Some(|directory| {
        let sql = "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
            CREATE TRIGGER fails BEFORE INSERT ON messages FOR EACH ROW WHEN (new.body = 'fail'::bytea)
            EXECUTE FUNCTION fails()";
        psql(&url(directory), sql);
    }),
}];

/// The backends, where there is a server.
pub fn backends() -> &'static [TestBackend] {
    if server().is_some() { POSTGRES } else { &[] }
}

/// The URL of the server up to the name of a database.
pub fn server() -> Option<String> {
    std::env::var("ROOMD_TEST_POSTGRES").ok()
}

/// The URL of the directory's database, which is made if there is none.
pub fn url(directory: &TestDirectory) -> String {
    let server = server().expect("there is a server");
    let made = directory.file("database");
    let name = std::fs::read_to_string(&made).unwrap_or_else(|_| {
        let name = format!("t{:016x}", getrandom::u64().unwrap());
        psql(&format!("{server}postgres"), &format!("CREATE DATABASE {name}"));
        std::fs::write(&made, &name).unwrap();
        name
    });
    format!("{server}{name}")
}

/// Has another program do this in the database; what it answers.
pub fn psql(url: &str, sql: &str) -> String {
    let done = Command::new("psql").args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}
