//! Events as lines for people.
//!
//! Pure; called on the main thread. All text of others is escaped. A line begins with `* ` for a notice,
//! with `Error: ` for an error, and otherwise with the author of a message.

use std::collections::BTreeMap;
use std::time::Duration;

use super::escape::{escape, escape_lines};
use super::protection::Protection;
use super::times::Times;
use super::{account, notices};

use serde_json::Value;

use roomd_client::{Event, Gap, History, Joined, Members, Message, Presence, Refusal, Response, RoomSummary};
use roomd_protocol::data;

/// Formats events, and remembers what a person was told already.
#[derive(Clone, Debug)]
pub struct TextFormatter {
    /// Whether lines have colours.
    pub colours: bool,
    /// Whether the user's own messages are shown; a terminal shows what is typed already.
    pub own: bool,
    /// The reason for the lost connection that was shown last; `None` while there is a connection.
    offline: Option<String>,
    /// The user's name on the last connection.
    user: Option<String>,
    /// When messages were said, which a person is told; `None` in a pipe.
    times: Option<Times>,
    /// Whether each message has its time and number before it.
    numbered: bool,
    /// What users want to be called, by their names.
    display_names: BTreeMap<String, String>,
}

impl TextFormatter {
    /// A formatter that has shown nothing.
    #[must_use]
    pub fn new(colours: bool, own: bool) -> Self {
        Self { colours, own, offline: None, user: None, times: None, numbered: false, display_names: BTreeMap::new() }
    }

    /// The same, which tells when messages were said; `numbered`: before each of them, with its number.
    #[must_use]
    pub fn with_times(self, numbered: bool) -> Self {
        Self { times: Some(Times::of_this_machine()), numbered, ..self }
    }

    /// The lines of an event, each without its line end; none for an event that people need not see.
    /// `protections` is one for each message in it, in their order; empty where nothing is encrypted.
    pub fn event(&mut self, event: &Event, protections: &[Protection]) -> Vec<String> {
        match event {
            Event::Online { user } => {
                self.offline = None;
                match self.user.replace(user.clone()) {
                    None => Vec::new(),
                    Some(known) if known == *user => vec![self.notice("The connection is back")],
                    Some(_) => vec![self.notice(&format!("You are {} now", escape(user)))],
                }
            }
            Event::Offline { reason, retry_in } => self.offline(reason, *retry_in),
            Event::Throttled { reason, retry_in, .. } => {
                vec![self.notice(&format!("{}; continuing in {} s", escape(reason), retry_in.as_secs_f64().ceil()))]
            }
            Event::Rejoined(Joined { missed: 0, .. }) => Vec::new(),
            Event::Rejoined(Joined { missed: 1, .. }) => vec![self.notice("This was missed:")],
            Event::Rejoined(Joined { missed, .. }) => vec![self.notice(&format!("These {missed} were missed:"))],
            Event::Removed { room, refusal } => {
                vec![self.error(&format!("no longer in {}: {}", escape(room), escape(&refusal.to_string())))]
            }
            Event::Gap(gap) => vec![self.notice(&gap_sentence(gap))],
            Event::Message(message) if message.own && !self.own => Vec::new(),
            Event::Message(message) => self.message_with_time(message, protections.first()),
            Event::Join { user, .. } => vec![self.notice(&format!("{} joined", escape(user)))],
            Event::Leave { user, .. } => vec![self.notice(&format!("{} left", escape(user)))],
            Event::Presence(presence) => {
                presence_sentence(presence).map(|text| self.notice(&text)).into_iter().collect()
            }
            Event::Refused(refusal) => vec![self.refused(refusal)],
            Event::Response(_, Ok(response)) => self.response(response, protections),
            Event::Response(_, Err(refusal)) => vec![self.refused(refusal)],
            Event::Malformed(frame) => {
                vec![self.error(&format!("the server sent what cannot be read: {}", escape(&excerpt(frame))))]
            }
            Event::Dropped(count) => vec![self.notice(&format!("{count} events were dropped"))],
            Event::Other(value) => notices::sentence(value, protections.first().copied())
                .map(|text| self.notice(&text))
                .into_iter()
                .collect(),
            // Lines that scroll have no place for who is typing.
            _ => Vec::new(),
        }
    }

    /// The line for a message that was not sent.
    #[must_use]
    pub fn not_sent(&self, text: &str, refusal: &Refusal) -> String {
        self.error(&format!("not sent: {} ({})", escape(&excerpt(text)), escape(&refusal.to_string())))
    }

    /// A notice. The text has been escaped.
    #[must_use]
    pub fn notice(&self, text: &str) -> String {
        self.paint("2", &format!("* {text}"))
    }

    /// An error. The text has been escaped.
    #[must_use]
    pub fn error(&self, text: &str) -> String {
        self.paint("31", &format!("Error: {text}"))
    }

    /// Takes over what users want to be called: the answer to the question, or a change.
    pub fn learn_display_names(&mut self, event: &Value) {
        let mut learn = |named: &Value| {
            let Some(user) = named["user"].as_str() else { return };
            match named["name"].as_str() {
                Some(name) if name != user => self.display_names.insert(user.to_owned(), name.to_owned()),
                _ => self.display_names.remove(user),
            };
        };
        match event["type"].as_str() {
            Some("display_name") => learn(event),
            Some("display_names") => event["names"].as_array().into_iter().flatten().for_each(learn),
            _ => {}
        }
    }

    /// A user's name, escaped, in the user's colour, and what the user wants to be called.
    #[must_use]
    pub fn name(&self, user: &str) -> String {
        // FNV-1a: a name has the same colour on every screen; not red, which is for errors.
        let hash = user.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let colour = ["32", "33", "34", "35", "36", "92", "93", "94", "95", "96"][hash as usize % 10];
        let name = self.paint(&format!("1;{colour}"), &escape(user));
        match self.display_names.get(user) {
            Some(called) => format!("{name} {}", self.paint("2", &format!("({})", escape(called)))),
            None => name,
        }
    }

    /// The line of a message, and before it when it was said.
    fn message_with_time(&mut self, message: &Message, protection: Option<&Protection>) -> Vec<String> {
        let Some(line) = self.message(message, protection) else { return Vec::new() };
        let Some(times) = self.times.as_mut() else { return vec![line] };
        if self.numbered {
            let clock = times.clock(&message.at);
            return vec![format!("{} {line}", self.paint("2", &format!("{clock} #{}", message.seq)))];
        }
        let time = times.announce(&message.at).map(|time| self.notice(&time));
        time.into_iter().chain([line]).collect()
    }

    /// The line of a message; none for one that people do not see.
    fn message(&self, message: &Message, protection: Option<&Protection>) -> Option<String> {
        let Message { user, to, text, cipher, data, .. } = message;
        let protection = protection.copied().unwrap_or(Protection::None);
        let known = match protection {
            Protection::DeviceOnly => return None,
            Protection::Rekey(true) => {
                return Some(self.notice(&format!("{} changed the key of the room", escape(user))));
            }
            Protection::Rekey(false) => {
                return Some(self.notice(&format!(
                    "{} changed the key of the room, and this device does not have the new one",
                    escape(user)
                )));
            }
            Protection::Unreadable(reason) => {
                let why = reason.replace('-', " ");
                return Some(format!("{}: {}", self.name(user), self.paint("31", &format!("(cannot read: {why})"))));
            }
            other => other.word().map(|word| format!(" ({word})")).unwrap_or_default(),
        };
        let text = match (text, cipher, data) {
            (Some(text), ..) => escape_lines(text),
            (None, Some(_), _) => "(encrypted)".to_owned(),
            (None, None, Some(data)) => data::summary(data.len()),
            (None, None, None) => match &message.note {
                Some(note) => format!("(deleted: {})", escape_lines(note)),
                None => "(deleted)".to_owned(),
            },
        };
        let private = match to {
            None => String::new(),
            Some(to) if message.own => format!("[private to {}] ", escape(to)),
            Some(_) => "[private] ".to_owned(),
        };
        let private = match &message.group {
            None => private,
            Some(group) => {
                let again = if message.redelivered { ", again" } else { "" };
                let missed = if message.missed > 0 { format!(", {} missed", message.missed) } else { String::new() };
                format!("[{} #{}{again}{missed}] ", escape(group), message.seq)
            }
        };
        match (message.react_to, &message.text, cipher) {
            // The reaction was taken back.
            (Some(_), None, None) if data.is_none() => return None,
            (Some(_), Some(_), _) => {
                return Some(
                    self.notice(&format!("{private}{} reacted to a message with {text}{known}", escape(user))),
                );
            }
            _ => {}
        }
        Some(format!("{private}{}{known}: {text}", self.name(user)))
    }

    fn offline(&mut self, reason: &str, retry_in: Duration) -> Vec<String> {
        // Each failed attempt is an event; a person wants to see the first, and new reasons.
        if self.offline.as_deref() == Some(reason) {
            return Vec::new();
        }
        let what = if self.offline.is_none() { "The connection is lost" } else { "Still no connection" };
        self.offline = Some(reason.to_owned());
        let text = format!("{what}: {}; trying again in {:.1} s", escape(reason), retry_in.as_secs_f64());
        vec![self.paint("33", &format!("* {text}"))]
    }

    fn response(&mut self, response: &Response, protections: &[Protection]) -> Vec<String> {
        match response {
            Response::Joined(joined) => vec![self.notice(&joined_sentence(joined))],
            Response::Members(members) => vec![self.notice(&members_sentence(members))],
            Response::Rooms(rooms) => vec![self.notice(&rooms_sentence(rooms))],
            Response::History(History { messages, .. }) if messages.is_empty() => vec![self.notice("No messages")],
            Response::History(History { messages, .. }) => {
                let protected = messages.iter().zip(protections.iter().map(Some).chain(std::iter::repeat(None)));
                protected.flat_map(|(message, protection)| self.message_with_time(message, protection)).collect()
            }
            Response::Left(room) => vec![self.notice(&format!("You left {}", escape(room)))],
            Response::Sent(_) => Vec::new(),
            Response::Other(value) => {
                if let Some(lines) = account::lines(value) {
                    return lines.iter().map(|line| self.notice(line)).collect();
                }
                vec![self.notice(&notices::sentence(value, None).unwrap_or_else(|| "Done".to_owned()))]
            }
        }
    }

    fn refused(&self, refusal: &Refusal) -> String {
        self.error(&escape(&refusal.to_string()))
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The prompt of a user: without colours, to be measured, and as it is shown.
#[must_use]
pub fn prompt(colours: bool, user: &str) -> [String; 2] {
    [false, true].map(|shown| format!("{}: ", TextFormatter::new(shown && colours, true).name(user)))
}

/// The beginning of a text that may be long.
fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let mut begin: String = text.chars().take(CHARS_MAX).collect();
    if begin.len() < text.len() {
        begin.push('…');
    }
    begin
}

fn gap_sentence(gap: &Gap) -> String {
    let what = match gap.missed {
        None => "Messages may have been missed".to_owned(),
        Some(1) => "1 message was missed".to_owned(),
        Some(missed) => format!("{missed} messages were missed"),
    };
    let why = match &*gap.reason {
        "epoch_changed" => "the history of the room began anew".to_owned(),
        "too_old" => "the server no longer has them".to_owned(),
        "lagged" if gap.conflated > 0 => {
            format!("the connection was too slow, and {} of them had newer values", gap.conflated)
        }
        "lagged" => "the connection was too slow".to_owned(),
        other => escape(other),
    };
    format!("{what}: {why}")
}

fn joined_sentence(joined: &Joined) -> String {
    let mut names: Vec<_> = joined.members.iter().map(|user| escape(user)).collect();
    let more = joined.count.unwrap_or(0).saturating_sub(names.len() as u64);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    format!("You are in {} with: {}", escape(&joined.room), names.join(", "))
}

fn members_sentence(members: &Members) -> String {
    let mut names: Vec<_> = members.members.iter().map(member).collect();
    let more = members.count.saturating_sub(names.len() as u64);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    format!("In {}: {}", escape(&members.room), names.join(", "))
}

fn member(presence: &Presence) -> String {
    let away = if presence.status == "away" { " (away)" } else { "" };
    format!("{}{away}", escape(&presence.user))
}

fn rooms_sentence(rooms: &[RoomSummary]) -> String {
    let rooms: Vec<_> = rooms.iter().map(|room| format!("{} ({})", escape(&room.room), room.members)).collect();
    if rooms.is_empty() { "No rooms".to_owned() } else { format!("Rooms: {}", rooms.join(", ")) }
}

fn presence_sentence(presence: &Presence) -> Option<String> {
    let user = escape(&presence.user);
    match (&*presence.status, presence.note.as_deref()) {
        ("away", Some(note)) => Some(format!("{user} is away: {}", escape(note))),
        ("away", None) => Some(format!("{user} is away")),
        ("online", _) => Some(format!("{user} is back")),
        // The notice of the leave says it.
        _ => None,
    }
}
