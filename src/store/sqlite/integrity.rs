//! What SQLite's check of a file reports, told apart: damage, or a disk that cannot be read.
//!
//! Used at start. A file that cannot be read now must not be called damaged: the operator would put a backup in its
//! place.

use rusqlite::{ErrorCode, ffi};

/// What `PRAGMA quick_check` reports.
#[derive(Debug, PartialEq, Eq)]
pub enum Integrity {
    /// Nothing was found.
    Intact,
    /// A page could not be read: the disk fails, or memory is short. That says nothing about what is in the file.
    Unreadable(String),
    /// The content of the file is wrong.
    Damaged(String),
}

impl Integrity {
    /// The meaning of a report of SQLite.
    pub fn of(report: &str) -> Self {
        if report == "ok" {
            return Self::Intact;
        }
        let what = report.trim_start_matches("*** in database main ***").trim().replace('\n', " ");
        // SQLite reports the failure of a read as text, with the extended result code at its end.
        let code = what.split_once("error code=").or_else(|| what.split_once("error code ")).map(|(_, code)| code);
        let code = code.and_then(|code| code.split(|c: char| !c.is_ascii_digit()).next()?.parse::<i32>().ok());
        match code.map(|code| ffi::Error::new(code).code) {
            Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory | ErrorCode::CannotOpen) => Self::Unreadable(what),
            _ => Self::Damaged(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_cannot_be_read_is_not_called_damage() {
        for (report, unreadable) in [
            ("Tree 2 page 3: unable to get the page. error code=10", true),
            ("*** in database main ***\nTree 2 page 3 cell 0: unable to get the page. error code=266", true),
            ("Tree 2 page 3: btreeInitPage() returns error code 7", true),
            ("Tree 2 page 3: btreeInitPage() returns error code 11", false),
            ("*** in database main ***\nPage 4: never used", false),
        ] {
            assert_eq!(matches!(Integrity::of(report), Integrity::Unreadable(_)), unreadable, "{report}");
        }
        assert_eq!(Integrity::of("ok"), Integrity::Intact);
        let damaged = Integrity::of("*** in database main ***\nPage 4: never used");
        assert_eq!(damaged, Integrity::Damaged("Page 4: never used".to_owned()));
    }
}
