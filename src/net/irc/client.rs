//! What an IRC client is, registered or not: its nick and capabilities; and the lines of the server for it.
//!
//! Lines gather in `out` until whoever handles the request sends them.

use std::sync::Arc;

use super::capabilities::CapabilitySet;
use super::labels::Label;
use crate::chat::{DisplayName, Refusal};
use crate::wire::irc::{Context, LineWriter, print_refusal};

/// See the module.
pub struct Client {
    /// The server's name.
    pub server: Arc<str>,
    /// The ident of its user, as it has said in `USER`.
    pub ident: Option<Arc<str>>,
    /// Its nick; `*` before it has one.
    pub nick: String,
    /// What it has negotiated.
    pub capabilities: CapabilitySet,
    /// What its user is called, as it says itself.
    pub real_name: Option<DisplayName>,
    /// The tag of each line of a batch, `batch=…`; mostly empty.
    pub tag: String,
    /// How far the line is answered that is being handled.
    pub label: Label,
    /// The opening of the batch that the answer is, until it is sent.
    pub opened: Vec<u8>,
    /// How many batches it was sent.
    pub batches: u64,
    /// Lines that are yet to be sent.
    pub out: Vec<u8>,
}

impl Client {
    /// A client that has said nothing yet, of a server of this name.
    pub fn new(server: &str) -> Self {
        Self {
            server: server.into(),
            ident: None,
            nick: "*".to_owned(),
            capabilities: CapabilitySet::default(),
            real_name: None,
            tag: String::new(),
            label: Label::None,
            opened: Vec::new(),
            batches: 0,
            out: Vec::new(),
        }
    }

    /// A numeric reply: its number, its middle parameters behind the nick, perhaps none, and the last one.
    pub fn numeric<'a>(&mut self, number: &str, middle: &str, last: impl Into<Option<&'a str>>) {
        let space = if middle.is_empty() { "" } else { " " };
        let head = format!("{number} {}{space}{middle}", self.nick);
        self.own(&head, last);
    }

    /// A line of the server's own.
    pub fn own<'a>(&mut self, head: &str, last: impl Into<Option<&'a str>>) {
        let server = Arc::clone(&self.server);
        self.line(&server, head, last);
    }

    /// The answer to a PING.
    pub fn pong(&mut self, token: &str) {
        let head = format!("PONG {}", self.server);
        self.own(&head, token);
    }

    /// A line of any source.
    pub fn line<'a>(&mut self, source: &str, head: &str, last: impl Into<Option<&'a str>>) {
        let Self { out, tag, .. } = self;
        LineWriter::new(|line: &[u8]| append(line, out)).line(tag, source, head, last.into());
    }

    /// What the client did is wrong, and no numeric says so: `FAIL`, or a notice where the client does not know that.
    pub fn fail(&mut self, command: &str, code: &str, about: &str, text: &str) {
        if self.knows_fail(command) {
            let space = if about.is_empty() { "" } else { " " };
            self.own(&format!("FAIL {command} {code}{space}{about}"), text);
        } else {
            let head = format!("NOTICE {}", self.nick);
            self.own(&head, &*format!("{command}: {text}"));
        }
    }

    /// A line was no text.
    pub fn not_text(&mut self) {
        self.fail("*", "INVALID_UTF8", "", "A line must be UTF-8, without NUL");
    }

    /// Whether the client knows `FAIL`: it says so, or uses a command whose errors are nothing else.
    fn knows_fail(&self, command: &str) -> bool {
        let says_so = self.capabilities.has(CapabilitySet::STANDARD_REPLIES);
        says_so || matches!(command, "*" | "CHATHISTORY" | "MARKREAD" | "REDACT" | "SETNAME")
    }

    /// A refusal of the engine's, of a command about a target.
    pub fn refused(&mut self, refusal: &Refusal, command: &str, target: &str) {
        let context = self.context(command, target);
        let Self { server, out, .. } = self;
        print_refusal(refusal, &context, server, &mut LineWriter::new(|line: &[u8]| append(line, out)));
    }

    /// The context of a request to the engine.
    pub fn context(&self, command: &str, target: &str) -> Context {
        Context {
            nick: self.nick.clone(),
            command: command.to_owned(),
            target: target.to_owned(),
            tag: String::new(),
            standard_replies: self.knows_fail(command),
            echo: String::new(),
        }
    }
}

/// Adds a line and its end.
pub fn append(line: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(line);
    out.extend_from_slice(b"\r\n");
}
