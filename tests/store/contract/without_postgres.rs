//! The row of the table for PostgreSQL, in a build without it: none.
//!
//! See `postgres.rs`.

use super::TestBackend;

/// None.
pub fn backends() -> &'static [TestBackend] {
    &[]
}
