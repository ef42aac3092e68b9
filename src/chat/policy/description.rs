//! What a room is about: its subject, its description, and the messages that are pinned.
//!
//! Parsed where a request enters; a part of the room's policy, changed by moderators like the rest of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chat::refusal::Refusal;
use crate::chat::time::Time;
use roomd_protocol::{UserName, shows_something};

/// Bytes of a subject, at most.
pub const SUBJECT_BYTES_MAX: usize = 200;
/// Bytes of a description, at most.
pub const DESCRIPTION_BYTES_MAX: usize = 2_000;
/// Pinned messages of one room, at most.
pub const PINNED_MAX: usize = 50;

/// A subject and a description, or a change of them: what is `None` stays as it is, what is empty is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// One line.
    pub subject: Option<Arc<str>>,
    /// Any lines.
    pub description: Option<Arc<str>>,
}

impl Description {
    /// Checks both texts from outside, which lose the white space around them.
    ///
    /// # Errors
    /// `bad_request`: neither is given, one is too long, or the subject has a control character.
    pub fn parse(subject: Option<&str>, description: Option<&str>) -> Result<Self, Refusal> {
        if subject.or(description).is_none() {
            return Err(Refusal::bad_request("subject or description is missing"));
        }
        if subject.is_some_and(|text| text.trim().contains(char::is_control)) {
            return Err(Refusal::bad_request("A subject is one line"));
        }
        let check = |name: &str, text: Option<&str>, max: usize| match text.map(str::trim) {
            Some(text) if text.len() > max => Err(Refusal::bad_request(format!("A {name} may have {max} bytes"))),
            Some(text) if !text.is_empty() && !shows_something(text) => {
                Err(Refusal::bad_request(format!("A {name} must show something")))
            }
            text => Ok(text.map(Arc::from)),
        };
        Ok(Self {
            subject: check("subject", subject, SUBJECT_BYTES_MAX)?,
            description: check("description", description, DESCRIPTION_BYTES_MAX)?,
        })
    }

    /// With the parts that a change gives.
    pub fn apply(&mut self, change: &Self) {
        let set = |text: &mut Option<Arc<str>>, given: &Option<Arc<str>>| {
            if let Some(given) = given {
                *text = Some(Arc::clone(given)).filter(|given| !given.is_empty());
            }
        };
        set(&mut self.subject, &change.subject);
        set(&mut self.description, &change.description);
    }

    /// The parts of a change that would change something; `None`: there are none.
    #[must_use]
    pub fn news(&self, change: &Self) -> Option<Self> {
        let differs = |text: &Option<Arc<str>>, given: &Option<Arc<str>>| {
            given.clone().filter(|given| **given != *text.as_deref().unwrap_or_default())
        };
        let subject = differs(&self.subject, &change.subject);
        let description = differs(&self.description, &change.description);
        let news = Self { subject, description };
        (news != Self::default()).then_some(news)
    }
}

/// Who set a room's subject, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectAuthor {
    /// The moderator, or operator.
    pub by: UserName,
    /// When it was decided.
    pub at: Time,
}

/// What a room is about, as its members are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomSubject {
    /// The subject and the description; what is `None` is not set.
    pub description: Description,
    /// The numbers of the pinned messages.
    pub pinned: BTreeSet<u64>,
}

impl RoomSubject {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.description == Description::default() && self.pinned.is_empty()
    }
}
