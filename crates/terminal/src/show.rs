//! Events as lines for people.
//!
//! Pure; called on the main thread. Every word of others goes through `visible`; what a line begins
//! with says what it is: `* ` a notice, `Error: ` an error, otherwise the author of a message.

use std::time::Duration;

use super::protection::Protection;
use super::tidings;
use super::visible::{visible, visible_lines};
use roomd_client::{Answer, Event, Gap, History, Joined, Members, Message, Presence, Refusal, RoomSummary};

/// How events are shown.
#[derive(Clone, Debug)]
pub struct Show {
    /// Whether the terminal is told colours.
    pub colours: bool,
    /// Whether one's own messages are shown; a terminal shows what is typed already.
    pub own: bool,
    /// Why the connection is not there, as it was last shown.
    offline: Option<String>,
    /// The name under which the connection was there before.
    known: Option<String>,
}

impl Show {
    /// Nothing was shown yet.
    #[must_use]
    pub fn new(colours: bool, own: bool) -> Self {
        Self { colours, own, offline: None, known: None }
    }

    /// The lines of an event, each without its end; a message may have several. None for what people
    /// need not see.
    pub fn event(&mut self, event: &Event, protections: &[Protection]) -> Vec<String> {
        match event {
            Event::Online { user } => {
                self.offline = None;
                match self.known.replace(user.clone()) {
                    None => Vec::new(),
                    Some(known) if known == *user => vec![self.notice("The connection is back")],
                    Some(_) => vec![self.notice(&format!("You are {} now", visible(user)))],
                }
            }
            Event::Offline { reason, retry_in } => self.offline(reason, *retry_in),
            Event::Paused { reason, retry_in, .. } => {
                vec![self.notice(&format!("{}; going on in {} s", visible(reason), retry_in.as_secs_f64().ceil()))]
            }
            Event::Rejoined(Joined { missed: 0, .. }) => Vec::new(),
            Event::Rejoined(Joined { missed: 1, .. }) => vec![self.notice("This was missed:")],
            Event::Rejoined(Joined { missed, .. }) => vec![self.notice(&format!("These {missed} were missed:"))],
            Event::Removed { room, refusal } => {
                vec![self.error(&format!("not in {} any more: {}", visible(room), visible(&refusal.to_string())))]
            }
            Event::Gap(gap) => vec![self.notice(&gap_sentence(gap))],
            Event::Message(message) if message.own && !self.own => Vec::new(),
            Event::Message(message) => self.message(message, protections.first()).into_iter().collect(),
            Event::Join { user, .. } => vec![self.notice(&format!("{} joined", visible(user)))],
            Event::Leave { user, .. } => vec![self.notice(&format!("{} left", visible(user)))],
            Event::Presence(presence) => {
                presence_sentence(presence).map(|text| self.notice(&text)).into_iter().collect()
            }
            Event::Refused(refusal) => vec![self.refused(refusal)],
            Event::Answer(_, Ok(answer)) => self.answer(answer, protections),
            Event::Answer(_, Err(refusal)) => vec![self.refused(refusal)],
            Event::Other(value) => tidings::sentence(value).map(|text| self.notice(&text)).into_iter().collect(),
            // Nobody reads who is typing in lines that scroll; what a newer server says is for programs.
            _ => Vec::new(),
        }
    }

    /// A message of ours that the server does not take.
    #[must_use]
    pub fn not_sent(&self, text: &str, refusal: &Refusal) -> String {
        const CHARS: usize = 40;
        let mut begin: String = text.chars().take(CHARS).collect();
        if begin.len() < text.len() {
            begin.push('…');
        }
        self.error(&format!("not sent: {} ({})", visible(&begin), visible(&refusal.to_string())))
    }

    /// A line that says something about the conversation. The text is visible already.
    #[must_use]
    pub fn notice(&self, text: &str) -> String {
        self.paint("2", &format!("* {text}"))
    }

    /// A line that says what went wrong. The text is visible already.
    #[must_use]
    pub fn error(&self, text: &str) -> String {
        self.paint("31", &format!("Error: {text}"))
    }

    /// A user's name in the user's colour.
    #[must_use]
    pub fn name(&self, user: &str) -> String {
        // FNV-1a: the same colour for a name on every screen. Neither black nor white, nor red, which
        // is for errors.
        let hash = user.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let colour = ["32", "33", "34", "35", "36", "92", "93", "94", "95", "96"][hash as usize % 10];
        self.paint(&format!("1;{colour}"), &visible(user))
    }

    /// The line of a message; none of one that is not for people.
    fn message(&self, message: &Message, protection: Option<&Protection>) -> Option<String> {
        let Message { user, to, text, cipher, .. } = message;
        let protection = protection.copied().unwrap_or(Protection::None);
        let known = match protection {
            Protection::Silent => return None,
            Protection::Rekey(true) => {
                return Some(self.notice(&format!("{} changed the key of the room", visible(user))));
            }
            Protection::Rekey(false) => {
                return Some(
                    self.notice(&format!("{} changed the key of the room, to one that is not here", visible(user))),
                );
            }
            Protection::Unreadable(reason) => {
                let why = reason.replace('-', " ");
                return Some(format!("{}: {}", self.name(user), self.paint("31", &format!("(cannot read: {why})"))));
            }
            other => other.word().map(|word| format!(" ({word})")).unwrap_or_default(),
        };
        let text = match (text, cipher) {
            (Some(text), _) => visible_lines(text),
            (None, Some(_)) => "(encrypted)".to_owned(),
            (None, None) => "(deleted)".to_owned(),
        };
        let private = match to {
            None => String::new(),
            Some(to) if message.own => format!("[private to {}] ", visible(to)),
            Some(_) => "[private] ".to_owned(),
        };
        match (message.react_to, &message.text, cipher) {
            // It was taken back.
            (Some(_), None, None) => return None,
            (Some(_), Some(_), _) => {
                return Some(self.notice(&format!("{private}{} put {text} to a message{known}", visible(user))));
            }
            _ => {}
        }
        Some(format!("{private}{}{known}: {text}", self.name(user)))
    }

    fn offline(&mut self, reason: &str, retry_in: Duration) -> Vec<String> {
        // Each attempt that fails is an event; a person wants the first, and what is new in others.
        if self.offline.as_deref() == Some(reason) {
            return Vec::new();
        }
        let again = if self.offline.is_none() { "The connection is lost" } else { "Still no connection" };
        self.offline = Some(reason.to_owned());
        let text = format!("{again}: {}; trying again in {:.1} s", visible(reason), retry_in.as_secs_f64());
        vec![self.paint("33", &format!("* {text}"))]
    }

    fn answer(&self, answer: &Answer, protections: &[Protection]) -> Vec<String> {
        match answer {
            Answer::Joined(joined) => vec![self.notice(&joined_sentence(joined))],
            Answer::Members(members) => vec![self.notice(&members_sentence(members))],
            Answer::Rooms(rooms) => vec![self.notice(&rooms_sentence(rooms))],
            Answer::History(History { messages, .. }) if messages.is_empty() => vec![self.notice("No messages")],
            Answer::History(History { messages, .. }) => {
                let protected = messages.iter().zip(protections.iter().map(Some).chain(std::iter::repeat(None)));
                protected.filter_map(|(message, protection)| self.message(message, protection)).collect()
            }
            Answer::Left(room) => vec![self.notice(&format!("You left {}", visible(room)))],
            Answer::Sent(_) => Vec::new(),
            Answer::Other(value) => {
                vec![self.notice(&tidings::sentence(value).unwrap_or_else(|| "Done".to_owned()))]
            }
        }
    }

    fn refused(&self, refusal: &Refusal) -> String {
        self.error(&visible(&refusal.to_string()))
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
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
        "lagged" => "the connection was too slow".to_owned(),
        other => visible(other),
    };
    format!("{what}: {why}")
}

fn joined_sentence(joined: &Joined) -> String {
    let mut names: Vec<_> = joined.members.iter().map(|user| visible(user)).collect();
    let more = joined.count.unwrap_or(0).saturating_sub(names.len() as u64);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    format!("You are in {} with: {}", visible(&joined.room), names.join(", "))
}

fn members_sentence(members: &Members) -> String {
    let mut names: Vec<_> = members.members.iter().map(member).collect();
    let more = members.count.saturating_sub(names.len() as u64);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    format!("In {}: {}", visible(&members.room), names.join(", "))
}

fn member(presence: &Presence) -> String {
    let away = if presence.status == "away" { " (away)" } else { "" };
    format!("{}{away}", visible(&presence.user))
}

fn rooms_sentence(rooms: &[RoomSummary]) -> String {
    let rooms: Vec<_> = rooms.iter().map(|room| format!("{} ({})", visible(&room.room), room.members)).collect();
    if rooms.is_empty() { "No rooms".to_owned() } else { format!("Rooms: {}", rooms.join(", ")) }
}

fn presence_sentence(presence: &Presence) -> Option<String> {
    let user = visible(&presence.user);
    match (&*presence.status, presence.note.as_deref()) {
        ("away", Some(note)) => Some(format!("{user} is away: {}", visible(note))),
        ("away", None) => Some(format!("{user} is away")),
        ("online", _) => Some(format!("{user} is back")),
        // The notice of the leave says it.
        _ => None,
    }
}
