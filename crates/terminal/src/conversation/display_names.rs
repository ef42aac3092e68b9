//! What users want to be called: asked about whoever a person sees, and shown beside their names.
//!
//! Runs on the main thread. A script gets names alone, which identify.

use serde_json::{Map, json};

use super::{Conversation, End, Purpose};
use roomd_client::{Command, Event, Message, Response};

/// Users of one request, at most.
const ASKED_MAX: usize = 300;
/// Users that are remembered as asked about, at most; beyond it they are asked about anew.
const KNOWN_MAX: usize = 10_000;

impl Conversation {
    /// Takes over the display names in an event, and asks about users in it for the first time.
    pub(super) fn learn_display_names(&mut self, event: &Event) -> Result<(), End> {
        let Some(formatter) = self.terminal.formatter.as_mut().filter(|_| self.terminal.interactive) else {
            return Ok(());
        };
        let users = match event {
            Event::Online { .. } => {
                // A change may have been missed.
                self.asked.clear();
                return Ok(());
            }
            Event::Other(value) | Event::Response(_, Ok(Response::Other(value))) => {
                formatter.learn_display_names(value);
                return Ok(());
            }
            Event::Response(_, Ok(Response::Joined(joined))) | Event::Rejoined(joined) => joined.members.clone(),
            Event::Join { user, .. } | Event::Message(Message { user, .. }) => vec![user.clone()],
            _ => return Ok(()),
        };
        if self.asked.len() > KNOWN_MAX {
            self.asked.clear();
        }
        let new: Vec<_> = users.into_iter().filter(|user| self.asked.insert(user.clone())).collect();
        new.chunks(ASKED_MAX).try_for_each(|users| {
            let fields = [("type".to_owned(), json!("display_names")), ("users".to_owned(), json!(users))];
            self.request(Command::Other(Map::from_iter(fields)), Purpose::Announcement)
        })
    }
}
