//! The rows of the table for SQLite, in a build without it: none.
//!
//! See `sqlite.rs`.

use super::TestBackend;

pub static BACKENDS: &[TestBackend] = &[];
