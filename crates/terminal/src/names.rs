//! What the keyboard's thread has to know: the names that can be completed, users of the room and rooms,
//! the prompt, and whether what is typed is for few.
//!
//! Written by the main thread as events come, read by the keyboard's thread at a press of Tab. A name
//! that is not harmless to show is not kept: completing would put it on the screen as it is.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use super::visible::visible;
use roomd_client::{Answer, Event};

/// Names of a kind that are kept, at most.
const NAMES_MAX: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Names(Mutex<Lists>);

#[derive(Debug, Default)]
struct Lists {
    users: BTreeSet<String>,
    rooms: BTreeSet<String>,
    secret: bool,
    prompt: [String; 2],
}

impl Names {
    /// What stands before the line that is typed: as it is measured, and as it is shown, with colours.
    pub fn set_prompt(&self, prompt: [String; 2]) {
        self.0.lock().prompt = prompt;
    }

    /// The same.
    #[must_use]
    pub fn prompt(&self) -> [String; 2] {
        self.0.lock().prompt.clone()
    }

    /// Whether the room that is spoken in is encrypted.
    pub fn set_secret(&self, secret: bool) {
        self.0.lock().secret = secret;
    }

    /// The same.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.0.lock().secret
    }

    /// Learns from an event.
    pub fn learn(&self, event: &Event) {
        let mut lists = self.0.lock();
        match event {
            Event::Rejoined(joined) | Event::Answer(_, Ok(Answer::Joined(joined))) => {
                lists.users.clear();
                joined.members.iter().for_each(|user| add(&mut lists.users, user));
                add(&mut lists.rooms, &joined.room);
            }
            Event::Join { user, .. } => add(&mut lists.users, user),
            Event::Leave { user, .. } => _ = lists.users.remove(user),
            // Who writes can be written to, also from another room.
            Event::Message(message) if !message.replayed => add(&mut lists.users, &message.user),
            Event::Answer(_, Ok(Answer::Rooms(rooms))) => {
                rooms.iter().for_each(|room| add(&mut lists.rooms, &room.room));
            }
            _ => {}
        }
    }

    /// The users and the rooms, sorted.
    #[must_use]
    pub fn lists(&self) -> (Vec<String>, Vec<String>) {
        let lists = self.0.lock();
        (lists.users.iter().cloned().collect(), lists.rooms.iter().cloned().collect())
    }
}

fn add(names: &mut BTreeSet<String>, name: &str) {
    if names.len() < NAMES_MAX && visible(name) == name {
        names.insert(name.to_owned());
    }
}
