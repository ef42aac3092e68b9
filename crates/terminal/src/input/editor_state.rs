//! What the line editor has to know: the names to complete, the prompt, and whether the current room is
//! encrypted.
//!
//! Written by the main thread as events arrive, read by the keyboard's thread. A name that would have to
//! be escaped is not kept, because completion puts it on the screen as it is.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use crate::output::escape::escape;
use roomd_client::{Event, Response};

/// Users that are kept, and rooms, at most.
const NAMES_MAX: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub struct EditorState(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    users: BTreeSet<String>,
    rooms: BTreeSet<String>,
    encrypted: bool,
    prompt: [String; 2],
}

impl EditorState {
    /// Sets the prompt: without colours, to be measured, and as it is shown.
    pub fn set_prompt(&self, prompt: [String; 2]) {
        self.0.lock().prompt = prompt;
    }

    /// The prompt: without colours, and as it is shown.
    #[must_use]
    pub fn prompt(&self) -> [String; 2] {
        self.0.lock().prompt.clone()
    }

    /// Sets whether the current room is encrypted.
    pub fn set_encrypted(&self, encrypted: bool) {
        self.0.lock().encrypted = encrypted;
    }

    /// Whether the current room is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.lock().encrypted
    }

    /// Takes note of the names in an event.
    pub fn learn(&self, event: &Event) {
        let mut state = self.0.lock();
        match event {
            Event::Rejoined(joined) | Event::Response(_, Ok(Response::Joined(joined))) => {
                state.users.clear();
                joined.members.iter().for_each(|user| add(&mut state.users, user));
                add(&mut state.rooms, &joined.room);
            }
            Event::Join { user, .. } => add(&mut state.users, user),
            Event::Leave { user, .. } => _ = state.users.remove(user),
            // The author of a message can be answered, also from another room.
            Event::Message(message) if !message.replayed => add(&mut state.users, &message.user),
            Event::Response(_, Ok(Response::Rooms(rooms))) => {
                rooms.iter().for_each(|room| add(&mut state.rooms, &room.room));
            }
            _ => {}
        }
    }

    /// The users and the rooms, sorted.
    #[must_use]
    pub fn names(&self) -> (Vec<String>, Vec<String>) {
        let state = self.0.lock();
        (state.users.iter().cloned().collect(), state.rooms.iter().cloned().collect())
    }
}

fn add(names: &mut BTreeSet<String>, name: &str) {
    if names.len() < NAMES_MAX && escape(name) == name {
        names.insert(name.to_owned());
    }
}
