//! The directory for what `roomd chat` keeps between conversations: `$XDG_STATE_HOME/roomd`.
//!
//! Only its user can read it. If the variable is not set it is in `~/.local/state`, as the XDG Base
//! Directory Specification says. Called on the main thread before the conversation begins.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The path of a file in it; `None` if neither `XDG_STATE_HOME` nor `HOME` is set.
pub fn path(name: &str) -> Option<PathBuf> {
    Some(directory(|variable| std::env::var_os(variable))?.join(name))
}

/// The same, and creates the directory if it does not exist. Blocks on the disk.
///
/// # Errors
/// Neither variable is set, or the directory cannot be created.
pub fn create(name: &str) -> io::Result<PathBuf> {
    let none = || io::Error::new(io::ErrorKind::NotFound, "neither XDG_STATE_HOME nor HOME is set");
    let path = path(name).ok_or_else(none)?;
    let directory = path.parent().ok_or_else(none)?;
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    Ok(path)
}

/// The part of a file name that stands for a server: its host and port, percent-encoded.
pub fn server_name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    utf8_percent_encode(&authority, NON_ALPHANUMERIC).to_string()
}

/// The specification declares a relative path in a variable invalid.
fn directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("roomd"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_follows_the_specification() {
        for (state, home, found) in [
            (Some("/s"), Some("/h"), Some("/s/roomd")),
            (None, Some("/h"), Some("/h/.local/state/roomd")),
            (Some("relative"), Some("/h"), Some("/h/.local/state/roomd")),
            (Some(""), None, None),
        ] {
            let variable = |name: &str| if name == "HOME" { home } else { state }.map(OsString::from);
            assert_eq!(directory(variable), found.map(PathBuf::from));
        }
    }

    #[test]
    fn a_server_is_its_host_and_port() {
        for (url, name) in [
            ("ws://Example.org:8000", "example%2Eorg%3A8000"),
            ("wss://[::1]:1/ws?x", "%5B%3A%3A1%5D%3A1"),
            ("http://a/../..", "a"),
        ] {
            assert_eq!(server_name(url), name);
        }
    }
}
