//! A client of the line port: what a person with `nc` does.

use std::io::{BufRead, BufReader, Read, Write};

use super::{Stream, TestServer};

/// A client of the line port.
pub struct LineClient {
    stream: BufReader<Stream>,
    /// The name that it was given.
    pub name: String,
}

impl LineClient {
    /// A client that is connected, and has received nothing yet.
    pub fn connect(server: &TestServer) -> Self {
        Self { stream: BufReader::new(server.lines()), name: String::new() }
    }

    /// The same over a socket that is connected.
    #[cfg(feature = "jwt")]
    pub fn over(stream: impl Into<Stream>) -> Self {
        Self { stream: BufReader::new(stream.into()), name: String::new() }
    }

    /// A guest in the lobby.
    pub fn guest(server: &TestServer) -> Self {
        let mut client = Self::connect(server);
        client.enter();
        client
    }

    /// A client with this name, in the lobby.
    pub fn named(server: &TestServer, name: &str) -> Self {
        let mut client = Self::guest(server);
        client.say(&format!("/nick {name}"));
        client.wait_for(&format!("{name} joined the room"));
        client.name = name.to_owned();
        client
    }

    /// Waits to be served, and enters the lobby.
    pub fn enter(&mut self) {
        self.greeted();
        self.say("/join lobby");
        self.receives(&format!("{} joined the room", self.name));
    }

    /// Waits to be served: the greeting has its name.
    pub fn greeted(&mut self) {
        let line = self.receive();
        let name = line.strip_prefix("* You are ").and_then(|rest| rest.split(',').next());
        let name = name.unwrap_or_else(|| panic!("no greeting: {line}"));
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

    /// Ends its side of the stream.
    pub fn finish(&mut self) {
        self.stream.get_mut().finish();
    }

    /// The stream that it reads from.
    pub fn stream(&self) -> &Stream {
        self.stream.get_ref()
    }

    /// Loses its connection.
    pub fn reset(self) {
        let now = Some(std::time::Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&**self.stream(), now).unwrap();
    }

    /// The next line.
    pub fn receive(&mut self) -> String {
        let mut line = String::new();
        let count =
            self.stream.read_line(&mut line).unwrap_or_else(|error| panic!("{} cannot read: {error}", self.name));
        assert!(count > 0, "the connection of {} has ended", self.name);
        line.trim_end_matches('\n').to_owned()
    }

    /// The next line is this one.
    #[track_caller]
    pub fn receives(&mut self, line: &str) {
        assert_eq!(self.receive(), line);
    }

    /// Reads up to a line; what came before it.
    pub fn wait_for(&mut self, line: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let received = self.receive();
            if received == line {
                return before;
            }
            before.push(received);
        }
    }

    /// Reads what its room has sent to it up to now.
    pub fn settle(&mut self) -> Vec<String> {
        self.say("/who");
        let mut before = Vec::new();
        loop {
            let received = self.receive();
            if received.starts_with("* In ") {
                return before;
            }
            before.push(received);
        }
    }

    /// Reads bytes up to the end of the connection.
    pub fn read_to_end(&mut self, bytes: &mut Vec<u8>) {
        self.stream.read_to_end(bytes).unwrap();
    }

    /// Reads up to the end of the connection.
    pub fn ending(&mut self) -> Vec<String> {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).unwrap();
        rest.lines().map(str::to_owned).collect()
    }
}
