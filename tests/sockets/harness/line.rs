//! A client of the line port: what a person with `nc` does.

use std::io::{BufRead, BufReader, Read, Write};

use super::{Stream, TestServer};

/// See the module.
pub struct LineClient {
    stream: BufReader<Stream>,
    /// Who it is.
    pub name: String,
}

impl LineClient {
    /// One who has come in, and has heard nothing yet.
    pub fn knock(server: &TestServer) -> Self {
        Self { stream: BufReader::new(server.lines()), name: String::new() }
    }

    /// A guest in the lobby.
    pub fn guest(server: &TestServer) -> Self {
        let mut client = Self::knock(server);
        client.enter();
        client
    }

    /// One with a name in the lobby.
    pub fn named(server: &TestServer, name: &str) -> Self {
        let mut client = Self::guest(server);
        client.say(&format!("/nick {name}"));
        client.wait_for(&format!("{name} joined the room"));
        client.name = name.to_owned();
        client
    }

    /// Is served: hears of its own coming, and so its name.
    pub fn enter(&mut self) {
        let line = self.handle();
        let name = line.strip_suffix(" joined the room").unwrap_or_else(|| panic!("no greeting: {line}"));
        assert!(name.starts_with("guest-"), "no guest: {name}");
        self.name = name.to_owned();
    }

    /// Sends a line.
    pub fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes());
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// Says that nothing more will come.
    pub fn finish(&mut self) {
        self.stream.get_mut().finish();
    }

    /// What it reads from.
    pub fn stream(&self) -> &Stream {
        self.stream.get_ref()
    }

    /// Its connection breaks.
    pub fn reset(self) {
        let now = Some(std::time::Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&**self.stream(), now).unwrap();
    }

    /// The next line.
    pub fn handle(&mut self) -> String {
        let mut line = String::new();
        let count = self.stream.read_line(&mut line).unwrap_or_else(|error| panic!("{} hears: {error}", self.name));
        assert!(count > 0, "the connection of {} has ended", self.name);
        line.trim_end_matches('\n').to_owned()
    }

    /// The next line is this one.
    #[track_caller]
    pub fn hears(&mut self, line: &str) {
        assert_eq!(self.handle(), line);
    }

    /// Reads up to a line; what came before it.
    pub fn wait_for(&mut self, line: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let heard = self.handle();
            if heard == line {
                return before;
            }
            before.push(heard);
        }
    }

    /// Everything that its room has for it up to now.
    pub fn settle(&mut self) -> Vec<String> {
        self.say("/who");
        let mut before = Vec::new();
        loop {
            let heard = self.handle();
            if heard.starts_with("* In ") {
                return before;
            }
            before.push(heard);
        }
    }

    /// Everything up to the end of the connection.
    pub fn ending(&mut self) -> Vec<String> {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).unwrap();
        rest.lines().map(str::to_owned).collect()
    }
}
