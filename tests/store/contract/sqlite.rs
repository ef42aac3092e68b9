//! The rows of the table for SQLite: on a file, and in memory.
//!
//! A history in memory is gone when it is closed, and only its own process can administer it.

use super::Promise::{Administration, Backups, Exclusion, History, Reopening};
use super::TestBackend;
use crate::database::direct;

pub static BACKENDS: &[TestBackend] = &[
    TestBackend {
        name: "SQLite on a file",
        url: |directory| format!("sqlite:{}", directory.data()),
        promises: &[History, Reopening, Exclusion, Administration, Backups],
        fail_appends: Some(|directory| {
            for table in ["messages", "buffered"] {
                let sql = format!(
                    "CREATE TRIGGER {table}_fails BEFORE INSERT ON {table} WHEN new.body = 'fail'
                     BEGIN SELECT raise(ABORT, 'no'); END"
                );
                direct(&directory.data()).execute_batch(&sql).unwrap();
            }
        }),
    },
    TestBackend {
        name: "SQLite in memory",
        url: |_| ":memory:".to_owned(),
        promises: &[History, Backups],
        fail_appends: None,
    },
];
