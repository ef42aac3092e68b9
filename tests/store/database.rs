//! The file of a history through SQLite alone, as another process would have it.
//!
//! For what only the tables show, and for what another program does to them.

use std::process::Command;

use crate::harness::{TestDirectory, TestStore};

/// Another connection to the file.
pub fn direct(data: &str) -> rusqlite::Connection {
    rusqlite::Connection::open(data).unwrap()
}

/// The only number that a query gives.
pub fn number(data: &str, sql: &str) -> i64 {
    direct(data).query_row(sql, [], |row| row.get(0)).unwrap()
}

impl TestStore {
    /// The history in the file of the directory.
    pub fn file(directory: &TestDirectory) -> Self {
        Self::with(&directory.data(), |_| ()).unwrap()
    }
}

impl TestDirectory {
    /// `roomd` with these arguments, on the history in it.
    pub fn roomd(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomd"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROOMD_")) {
            command.env_remove(name);
        }
        command.args(arguments).args(["--data", &self.data()]).env("RUST_LOG", "error");
        command
    }
}
