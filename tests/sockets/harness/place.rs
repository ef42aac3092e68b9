//! A place for a server's data, which outlives the server.

use std::fs;
use std::path::PathBuf;

use roomd::Settings;

use super::TestServer;

/// A directory that is removed with the test.
pub struct Place(pub PathBuf);

impl Place {
    /// The name is the test's own.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("roomd-test-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A server on the data file in it.
    pub fn server(&self, change: impl FnOnce(&mut Settings)) -> TestServer {
        let data = self.0.join("room.db").to_str().unwrap().to_owned();
        TestServer::with(|settings| {
            settings.data = data;
            change(settings);
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A failed test leaves its files for inspection.
        _ = fs::remove_dir_all(&self.0);
    }
}
