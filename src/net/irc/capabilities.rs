//! The capabilities of IRCv3 that a client may negotiate: one row each.
//!
//! A row says under which name a capability is known, and what it changes in the lines of rooms. `CAP` itself is here
//! too, since it is the same before the registration and after it.

use std::time::Duration;

use super::client::Client;
use crate::wire::irc::{LINE_BYTES, Line, Traits, clean};

/// How long a client is to come with TLS alone, once it has come with it.
const STS_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(u32);

struct Row {
    name: &'static str,
    set: CapabilitySet,
    traits: Traits,
}

const fn row(name: &'static str, set: CapabilitySet, traits: Traits) -> Row {
    Row { name, set, traits }
}

/// In the order in which `CAP LS` lists them.
const ROWS: &[Row] = &[
    // An account does not change while a client is in a room: who claims the name of a guest ends the guest's connection.
    row("account-notify", CapabilitySet(1 << 16), Traits::NONE),
    row("account-tag", CapabilitySet(1 << 19), Traits::ACCOUNTS),
    row("away-notify", CapabilitySet(1), Traits::AWAY),
    row("batch", CapabilitySet::BATCH, Traits::NONE),
    row("cap-notify", CapabilitySet(1 << 1), Traits::NONE),
    row("draft/chathistory", CapabilitySet(1 << 12), Traits::NONE),
    row("draft/message-redaction", CapabilitySet(1 << 13), Traits::REDACTION),
    row("draft/read-marker", CapabilitySet::READ_MARKER, Traits::READ),
    row("echo-message", CapabilitySet::ECHO, Traits::NONE),
    row("extended-join", CapabilitySet(1 << 3), Traits::JOINS),
    row("extended-monitor", CapabilitySet::EXTENDED_MONITOR, Traits::NONE),
    row("invite-notify", CapabilitySet(1 << 4), Traits::INVITES),
    row("labeled-response", CapabilitySet::LABELS, Traits::NONE),
    row("message-tags", CapabilitySet::TAGS, Traits::TAGS),
    row("multi-prefix", CapabilitySet::MULTI_PREFIX, Traits::NONE),
    row("sasl", CapabilitySet::SASL, Traits::NONE),
    row("server-time", CapabilitySet::TIME, Traits::TIME),
    row("setname", CapabilitySet::SETNAME, Traits::NAMES),
    row("standard-replies", CapabilitySet::STANDARD_REPLIES, Traits::NONE),
    row("sts", CapabilitySet::STS, Traits::NONE),
    row("userhost-in-names", CapabilitySet::USERHOST_IN_NAMES, Traits::NONE),
];

impl CapabilitySet {
    /// The client wants its own messages back.
    pub const ECHO: Self = Self(1 << 2);
    /// It takes several lines as one.
    pub const BATCH: Self = Self(1 << 11);
    /// It takes tags.
    pub const TAGS: Self = Self(1 << 5);
    /// It wants all the prefixes of a nick.
    pub const MULTI_PREFIX: Self = Self(1 << 6);
    /// It authenticates with SASL.
    pub const SASL: Self = Self(1 << 7);
    /// It is told when something was said.
    pub const TIME: Self = Self(1 << 8);
    /// It knows `FAIL`, `WARN` and `NOTE`.
    pub const STANDARD_REPLIES: Self = Self(1 << 9);
    /// Its answers are to have the label of the question.
    pub const LABELS: Self = Self(1 << 14);
    /// It is told what users call themselves.
    pub const SETNAME: Self = Self(1 << 15);
    /// It is told how far its user has read.
    pub const READ_MARKER: Self = Self(1 << 17);
    /// A policy for clients that come without TLS, and nothing that can be asked for.
    pub const STS: Self = Self(1 << 18);
    /// It is told more of the users whom it watches.
    pub const EXTENDED_MONITOR: Self = Self(1 << 20);
    /// It wants whole sources in lists of names.
    pub const USERHOST_IN_NAMES: Self = Self(1 << 10);

    /// Whether it has all of the others.
    #[must_use]
    pub fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// What they change in the lines of rooms.
    #[must_use]
    pub fn traits(self) -> Traits {
        let in_it = ROWS.iter().filter(|row| self.has(row.set));
        in_it.fold(Traits::NONE, |traits, row| traits.with(row.traits))
    }

    /// With the changes of a `CAP REQ`; `None`: one of them names no capability, or is not allowed.
    fn changed(mut self, changes: &str, offers: Offers) -> Option<Self> {
        for change in changes.split_whitespace() {
            let (name, on) = change.strip_prefix('-').map_or((change, true), |name| (name, false));
            let row = offers.rows().find(|row| row.name == name && row.set != Self::STS)?;
            self.0 = if on { self.0 | row.set.0 } else { self.0 & !row.set.0 };
        }
        Some(self)
    }
}

/// What the server offers.
#[derive(Clone, Copy, Debug)]
pub struct Offers {
    /// Whether it knows tokens, which SASL carries.
    pub sasl: bool,
    /// Whether the client has come with TLS: then it is to do so from now on.
    pub tls: bool,
}

impl Offers {
    fn rows(self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(move |row| match row.set {
            CapabilitySet::SASL => self.sasl,
            CapabilitySet::STS => self.tls,
            _ => true,
        })
    }

    /// The words of `CAP LS`, with values for a client of version 302.
    fn words(self, with_values: bool) -> Vec<String> {
        let word = |row: &Row| match row.set {
            CapabilitySet::SASL if with_values => Some("sasl=PLAIN".to_owned()),
            CapabilitySet::STS => with_values.then(|| format!("sts=duration={}", STS_FOR.as_secs())),
            _ => Some(row.name.to_owned()),
        };
        self.rows().filter_map(word).collect()
    }
}

/// What a `CAP` has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiation {
    /// It goes on, or begins: the registration waits for its end.
    Open,
    /// The client has ended it.
    Ended,
    /// Nothing: the command was wrong, or a question.
    Same,
}

/// Answers a `CAP`. `may_change` decides whether these traits may take the place of the client's.
pub fn answer(
    client: &mut Client,
    line: &Line,
    offers: Offers,
    may_change: impl FnOnce(Traits) -> bool,
) -> Negotiation {
    let Some(subcommand) = line.param(0) else {
        client.numeric("461", "CAP", "It needs a subcommand: LS, LIST, REQ or END");
        return Negotiation::Same;
    };
    match subcommand.to_ascii_uppercase().as_str() {
        "LS" => {
            let is_302 =
                line.param(1).and_then(|version| version.parse().ok()).is_some_and(|version: u32| version >= 302);
            if is_302 {
                // Such a client is told of changes, whether it asks for it or not.
                client.capabilities.0 |= 1 << 1;
            }
            list(client, "LS", &offers.words(is_302), is_302);
            Negotiation::Open
        }
        "LIST" => {
            let capabilities = client.capabilities;
            let words: Vec<_> =
                offers.rows().filter(|row| capabilities.has(row.set)).map(|row| row.name.to_owned()).collect();
            list(client, "LIST", &words, true);
            Negotiation::Same
        }
        "REQ" => {
            let changes = line.params.get(1).map_or("", String::as_str).trim();
            let changed = client.capabilities.changed(changes, offers);
            let allowed = changed
                .filter(|changed| changed.traits() == client.capabilities.traits() || may_change(changed.traits()));
            client.capabilities = allowed.unwrap_or(client.capabilities);
            let head = format!("CAP {} {}", client.nick, if allowed.is_some() { "ACK" } else { "NAK" });
            client.own(&head, changes);
            Negotiation::Open
        }
        "END" => Negotiation::Ended,
        other => {
            client.numeric("410", &clean(other), "There is no such subcommand: LS, LIST, REQ or END");
            Negotiation::Same
        }
    }
}

/// A list of words in as many lines as it takes, if the client knows that there may be several.
fn list(client: &mut Client, subcommand: &str, words: &[String], several: bool) {
    let head = format!("CAP {} {subcommand}", client.nick);
    let room = LINE_BYTES.saturating_sub(head.len() + client.server.len() + 8);
    let mut lines = vec![String::new()];
    for word in words {
        if several && lines.last().is_some_and(|line| line.len() + word.len() > room) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.extend([word, " "]);
        }
    }
    let count = lines.len();
    for (number, line) in lines.iter().enumerate() {
        let more = if number + 1 < count { " *" } else { "" };
        client.own(&format!("{head}{more}"), line.trim_end());
    }
}
