//! Webhooks: addresses of other software that is told what happens in rooms.
//!
//! Made by the owner of a room, an admin, or the operator; kept by the store, with what is to be delivered. One that was
//! removed stays in the list, which tells who made and who removed what.

use core::net::Ipv6Addr;
use std::fmt;
use std::sync::Arc;

use super::event::Event;
use super::refusal::Refusal;
use super::time::Time;
use roomd_protocol::{RoomName, Secret, UserName};

/// Webhooks of one room, at most.
pub const ROOM_WEBHOOKS_MAX: usize = 5;
/// Webhooks that one user has made, at most; the operator is not bound by it.
pub const USER_WEBHOOKS_MAX: usize = 20;
/// Webhooks of a server, at most, those of its rooms included.
pub const WEBHOOKS_MAX: usize = 100;
/// Removed webhooks that are remembered, at most: beyond it the one that was made first is forgotten.
pub const REMOVED_MAX: usize = 100;
/// Deliveries that may wait for one webhook; with the last of them it is switched off.
pub const BACKLOG_MAX: u64 = 10_000;
/// Bytes of messages that may wait for one webhook; with the last of them it is switched off.
pub const BACKLOG_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Deliveries of one webhook that are remembered after they were made, at most.
pub const DELIVERED_MAX: usize = 100;
/// Bytes of an address, at most.
pub const URL_BYTES_MAX: usize = 2_000;

/// What a webhook may be told of. The numbers are those that a store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebhookEvent {
    /// A message.
    Message = 0,
    /// A message has another body.
    Edit = 1,
    /// A message was deleted.
    Delete = 2,
    /// A user is in the room.
    Join = 3,
    /// A user has left the room.
    Leave = 4,
    /// The room was created.
    Created = 5,
    /// The room has ended.
    Ended = 6,
    /// A moderator has changed something.
    Moderated = 7,
}

impl WebhookEvent {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Message, Self::Edit, Self::Delete, Self::Join, Self::Leave, Self::Created, Self::Ended, Self::Moderated];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Created => "created",
            Self::Ended => "ended",
            Self::Moderated => "moderated",
        }
    }

    /// The event of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }

    /// The event of this number.
    #[must_use]
    pub fn numbered(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|event| *event as i64 == number)
    }
}

/// A set of events. In its number each event is the bit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookEvents(pub u8);

impl Default for WebhookEvents {
    /// Messages, and what becomes of them.
    fn default() -> Self {
        [WebhookEvent::Message, WebhookEvent::Edit, WebhookEvent::Delete].into_iter().collect()
    }
}

impl FromIterator<WebhookEvent> for WebhookEvents {
    fn from_iter<I: IntoIterator<Item = WebhookEvent>>(events: I) -> Self {
        Self(events.into_iter().fold(0, |set, event| set | 1 << event as u8))
    }
}

impl WebhookEvents {
    /// Whether this event is in it.
    #[must_use]
    pub fn has(self, event: WebhookEvent) -> bool {
        self.0 & 1 << event as u8 != 0
    }

    /// Their names, in the order of [`WebhookEvent::ALL`].
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        WebhookEvent::ALL.into_iter().filter(|event| self.has(*event)).map(WebhookEvent::as_str).collect()
    }

    /// The set of these names.
    ///
    /// # Errors
    /// `bad_request`: there are none, or one is no name of an event.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Refusal> {
        let events = names.into_iter().map(|name| {
            WebhookEvent::parse(name).ok_or_else(|| {
                let known = WebhookEvent::ALL.map(WebhookEvent::as_str).join(", ");
                Refusal::bad_request(format!("There is no event {:?}: there are {known}", shortened(name)))
            })
        });
        let events: Self = events.collect::<Result<_, _>>()?;
        if events.0 == 0 {
            return Err(Refusal::bad_request("A webhook needs an event"));
        }
        Ok(events)
    }
}

/// Where a webhook is told: an `http` or `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl(Arc<str>);

impl WebhookUrl {
    /// Checks an address from outside.
    ///
    /// # Errors
    /// `bad_request`: it is no URL of a host, or has a password or a fragment.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let is_plain = text.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let url = rest.filter(|_| is_plain && text.len() <= URL_BYTES_MAX && !text.contains('#'));
        let authority = url.map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
        match authority {
            Some(authority) if is_host(authority) => Ok(Self(text.into())),
            _ => {
                let message = format!(
                    "The address of a webhook is http:// or https:// with a host, in ASCII, without a password and \
                     without #, and has at most {URL_BYTES_MAX} bytes"
                );
                Err(Refusal::bad_request(message))
            }
        }
    }

    /// An address that was checked when it entered, as a store returns it.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port: what receives at this address.
    #[must_use]
    pub fn origin(&self) -> &str {
        let from = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[from..].find(['/', '?']).map_or(self.0.len(), |at| from + at);
        &self.0[..end]
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether an authority is a host, with a port or without, and no user.
fn is_host(authority: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let (is_host, port) = match authority.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((six, port))) => (six.parse::<Ipv6Addr>().is_ok(), port),
        Some(None) => return false,
        None => {
            let (name, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            (!name.is_empty() && name.chars().all(in_name), port)
        }
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    is_host && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn shortened(text: &str) -> String {
    text.chars().take(32).collect()
}

/// A webhook that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    /// Where it is told.
    pub url: WebhookUrl,
    /// The room of which it is told; `None`: every room that is no private conversation.
    pub room: Option<RoomName>,
    /// What it is told of.
    pub events: WebhookEvents,
    /// Who makes it; `None` for the operator.
    pub by: Option<UserName>,
    /// When it is made.
    pub created: Time,
}

/// Why a webhook is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookOff {
    /// No delivery has succeeded for three days.
    Failing,
    /// The receiver answered 410: it wants no more.
    Gone,
    /// More waits than may.
    Full,
}

impl WebhookOff {
    const ALL: [Self; 3] = [Self::Failing, Self::Gone, Self::Full];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Gone => "gone",
            Self::Full => "full",
        }
    }

    /// The reason of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its number, unique in the history.
    pub number: u64,
    /// How it was made.
    pub made: NewWebhook,
    /// With what its deliveries are signed.
    pub secret: Secret,
    /// Deliveries that wait.
    pub waiting: u64,
    /// Attempts that have failed since the last that succeeded.
    pub failures: u32,
    /// When the first of them failed.
    pub failing: Option<Time>,
    /// When the next attempt is due.
    pub due: Time,
    /// Since when it is off, and why.
    pub off: Option<(Time, WebhookOff)>,
    /// When it was removed, and by whom (`None` for the operator).
    pub removed: Option<(Time, Option<UserName>)>,
    /// Whether its room has ended: a room of the same name is another one.
    pub ended: bool,
}

impl Webhook {
    /// One that was just made.
    #[must_use]
    pub fn new(number: u64, made: NewWebhook, secret: Secret) -> Self {
        let (due, waiting, failures) = (Time(0), 0, 0);
        let (failing, off, removed, ended) = (None, None, None, false);
        Self { number, made, secret, waiting, failures, failing, due, off, removed, ended }
    }

    /// Whether something is to be delivered to it.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.waiting > 0 && self.off.is_none()
    }
}

/// What is delivered next to a webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct DueDelivery {
    /// Its number, unique in the history.
    pub number: u64,
    /// The name of the event, the same at each attempt and for each webhook.
    pub id: String,
    /// What kind of event it is.
    pub kind: WebhookEvent,
    /// The epoch of the room.
    pub epoch: Arc<str>,
    /// When it happened.
    pub at: Time,
    /// What happened, as a member is told.
    pub event: Event,
}

/// A delivery in the log of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDelivery {
    /// Its number, unique in the history.
    pub number: u64,
    /// The name of the event.
    pub id: String,
    /// What kind of event it is.
    pub kind: WebhookEvent,
    /// The room.
    pub room: RoomName,
    /// When it happened.
    pub at: Time,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was last tried, and what came of it.
    pub tried: Option<(Time, String)>,
    /// Whether it is delivered.
    pub delivered: bool,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterAttempt {
    /// It is delivered.
    Delivered,
    /// It is tried again then.
    Again(Time),
    /// The webhook is switched off.
    Off(WebhookOff),
}

/// An attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it ended.
    pub at: Time,
    /// What came of it, in a few words.
    pub outcome: String,
    /// What follows.
    pub after: AfterAttempt,
}

/// A user enters or leaves a room, which no message tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Whether the user enters.
    pub joins: bool,
    /// The user.
    pub user: UserName,
    /// When.
    pub at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_no_password() {
        for url in [
            "http://example.org",
            "https://example.org/a?b=c",
            "http://127.0.0.1:8080/x",
            "https://[::1]:8443/x",
            "https://[2001:db8::1]?x",
        ] {
            assert_eq!(WebhookUrl::parse(url).map(|parsed| parsed.to_string()), Ok(url.to_owned()));
        }
        let long = format!("http://a/{}", "x".repeat(URL_BYTES_MAX));
        for url in [
            "",
            "example.org",
            "ftp://example.org",
            "http://",
            "http:///x",
            "http://me:secret@host/",
            "http://host:0/",
            "http://host:99999/",
            "http://host:x/",
            "http://[::1",
            "http://[fe80::1%eth0]/",
            "http://[0dd:.598b]/",
            "http://[::1]x/",
            "http://a b/",
            "http://host/\u{e4}",
            "http://host/#x",
            "http://a\\b/",
            &long,
        ] {
            assert!(WebhookUrl::parse(url).is_err(), "{url}");
        }
        assert_eq!(WebhookUrl::stored("https://[::1]:8443/x?y").origin(), "https://[::1]:8443");
        assert_eq!(WebhookUrl::stored("http://host?y").origin(), "http://host");
    }

    #[test]
    fn events_have_names() {
        let names = |names: &[&str]| WebhookEvents::parse(names.iter().copied());
        assert_eq!(names(&["leave", "message"]).unwrap().names(), ["message", "leave"]);
        assert!(names(&[]).is_err() && names(&["message", "x"]).is_err());
        for event in WebhookEvent::ALL {
            assert_eq!(WebhookEvent::parse(event.as_str()), Some(event));
            assert_eq!(WebhookEvent::numbered(event as i64), Some(event));
        }
        assert_eq!(WebhookEvents::default().names(), ["message", "edit", "delete"]);
    }
}
