//! The page in `docs/` that benches write their tables into.
//!
//! A bench replaces what is between two marks with its name; the text around them stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/performance.md";

/// Replaces the text between the marks of `name`.
///
/// # Errors
/// If the page cannot be read or written, or has no such marks.
pub fn replace(name: &str, text: &str) -> io::Result<()> {
    let path = path(PAGE);
    let page = fs::read_to_string(&path)?;
    let replaced = replaced(&page, name, text);
    let replaced = replaced.ok_or_else(|| io::Error::other(format!("{PAGE} has no marks of {name}")))?;
    fs::write(&path, replaced)?;
    println!("written: {PAGE}");
    Ok(())
}

/// The path of a file of the project.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->\n"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}
