//! A client of the IRC port: raw lines, as a conformance suite sends them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use roomd_tls::Application;

use super::{Stream, TestServer, connected};

/// See the module.
pub struct IrcClient {
    stream: BufReader<Stream>,
}

impl IrcClient {
    /// A client that is connected, and has received nothing yet.
    pub fn connect(server: &TestServer) -> Self {
        let socket = connected(TcpStream::connect(server.server().irc_address().unwrap()).unwrap());
        Self { stream: BufReader::new(server.stream(socket, Application::Irc)) }
    }

    /// A client that is registered under this nick, and has read its welcome.
    pub fn named(server: &TestServer, nick: &str) -> Self {
        Self::connect(server).registered(nick)
    }

    /// The same over a socket that is connected.
    #[cfg(feature = "jwt")]
    pub fn over(stream: impl Into<Stream>, nick: &str) -> Self {
        Self { stream: BufReader::new(stream.into()) }.registered(nick)
    }

    fn registered(mut self, nick: &str) -> Self {
        let client = &mut self;
        client.say(&format!("NICK {nick}"));
        client.say("USER u 0 * :Somebody");
        client.wait_for(" 422 ");
        self
    }

    /// The same, which has negotiated capabilities.
    pub fn capable(server: &TestServer, nick: &str, capabilities: &str) -> Self {
        let mut client = Self::connect(server);
        client.say(&format!("CAP REQ :{capabilities}"));
        assert_eq!(client.receive(), format!(":irc.roomd CAP * ACK :{capabilities}"));
        for line in [&format!("NICK {nick}"), "USER u 0 * :Somebody", "CAP END"] {
            client.say(line);
        }
        client.wait_for(" 422 ");
        client
    }

    /// The same, which shows a token as its password.
    #[cfg(feature = "jwt")]
    pub fn with_token(server: &TestServer, token: &str) -> Self {
        let mut client = Self::connect(server);
        for line in [&format!("PASS {token}"), "NICK anybody", "USER u 0 * :Somebody"] {
            client.say(line);
        }
        client.wait_for(" 422 ");
        client
    }

    /// Sends a line.
    pub fn say(&mut self, line: &str) {
        self.send(format!("{line}\r\n").as_bytes());
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// The next line; empty at the end of the connection.
    pub fn receive(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.is_empty() || line.ends_with("\r\n"), "a line ends with CR LF: {line:?}");
        line.trim_end_matches("\r\n").to_owned()
    }

    /// Reads up to a line that holds this; that line.
    #[track_caller]
    pub fn wait_for(&mut self, part: &str) -> String {
        loop {
            let line = self.receive();
            assert!(!line.is_empty(), "the connection has ended before {part:?}");
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Sends a line, and reads what comes before the server answers a PING.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> Vec<String> {
        self.say(line);
        self.settle()
    }

    /// Reads what comes before the server answers a PING.
    #[track_caller]
    pub fn settle(&mut self) -> Vec<String> {
        self.say("PING settled");
        let mut before = Vec::new();
        loop {
            let line = self.receive();
            assert!(!line.is_empty(), "the connection has ended: {before:?}");
            if line.contains(" PONG ") && line.ends_with(" :settled") {
                return before;
            }
            before.push(line);
        }
    }

    /// Sends a line, and receives exactly these.
    #[track_caller]
    pub fn expect(&mut self, line: &str, answers: &[&str]) {
        assert_eq!(self.ask(line), answers, "{line}");
    }

    /// Reads up to the end of the connection.
    pub fn ending(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.receive() {
                line if line.is_empty() => return lines,
                line => lines.push(line),
            }
        }
    }
}
