//! Homes of people: directories in which the terminal client keeps what outlives it.
//!
//! Each test has its own, and none is left behind.

use std::path::PathBuf;
use std::process::Command;

use super::roomd;

/// The program under test, of somebody whose home this is.
pub fn roomd_of(home: &Home) -> Command {
    let mut command = roomd();
    command.env("XDG_STATE_HOME", &home.0);
    command
}

/// A directory that is gone at the end.
pub struct Home(pub PathBuf);

impl Home {
    /// An empty one. `name` is another one in each test.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("roomd-client-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A file in it with this text.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // It may never have been made.
        _ = std::fs::remove_dir_all(&self.0);
    }
}
