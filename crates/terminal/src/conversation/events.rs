//! Shows what happens: each event of the client becomes lines, after it is decrypted.
//!
//! Runs on the main thread; blocks on nothing but the screen and the file of the key store.

use super::own_messages::Newest;
use super::{Conversation, End, Purpose};
use crate::output::escape::escape;
use crate::output::json;
use crate::output::protection::Protection;
use crate::output::text::{TextFormatter, prompt};
use roomd_client::{Command, Event, History, Response};

impl Conversation {
    /// Handles an event of the client.
    pub(super) fn handle_event(&mut self, mut event: Event) -> Result<(), End> {
        self.note_ciphertexts(&event);
        let protections = self.encryption.decrypt(&mut event);
        self.terminal.editor.learn(&event);
        if let (Event::Online { user }, Some(formatter)) = (&event, &self.terminal.formatter) {
            self.terminal.editor.set_prompt(prompt(formatter.colours, user));
        }
        self.note_newest(&event);
        self.note_receipts(&event);
        self.learn_display_names(&event)?;
        let mut joined_room = false;
        let mut asked = None;
        if let Event::Response(id, result) = &event {
            match (self.pending.remove(id), result) {
                (Some(Purpose::Join { .. }), Ok(Response::Joined(joined))) => {
                    joined_room = true;
                    let left = std::mem::replace(&mut self.room, joined.room.clone());
                    if left != self.room {
                        self.newest = Newest::default();
                    }
                    if left != self.room && !left.is_empty() {
                        self.request(Command::Leave { room: left }, Purpose::Command)?;
                    }
                }
                // There is no room to be in.
                (Some(Purpose::Join { first: true }), Err(refusal)) => {
                    return Err(End::Closed(format!("cannot join {}: {refusal}", self.room)));
                }
                (Some(Purpose::Announcement), _) => return Ok(()),
                (Some(Purpose::Message(text)), Err(refusal)) => return self.refuse(refusal, &text),
                (Some(Purpose::Asked(id)), Err(refusal)) => {
                    self.refused = true;
                    return self.print(&json::with_id(json::refusal(refusal, ""), id.as_ref()));
                }
                (Some(Purpose::Asked(id)), Ok(_)) => asked = Some(id),
                (_, Err(refusal)) => return self.refuse(refusal, ""),
                _ => {}
            }
        }
        let removed = match &event {
            Event::Removed { room, refusal } if *room == self.room => Some(format!("no longer in {room}: {refusal}")),
            _ => None,
        };
        match (asked, &event) {
            (Some(id), Event::Response(_, Ok(response))) => {
                let line = json::response(response, &protections);
                self.print(&json::with_id(line, id.as_ref()))?;
            }
            _ => self.show(&event, &protections)?,
        }
        if joined_room {
            self.enter()?;
        }
        removed.map_or(Ok(()), |reason| Err(End::Closed(reason)))
    }

    /// Remembers that others encrypt in a room.
    fn note_ciphertexts(&mut self, event: &Event) {
        let messages = match event {
            Event::Message(message) => std::slice::from_ref(message),
            Event::Response(_, Ok(Response::History(History { messages, .. }))) => messages,
            _ => return,
        };
        for message in messages.iter().filter(|message| message.cipher.is_some()) {
            if !self.ciphertext_rooms.contains(&message.room) {
                self.ciphertext_rooms.insert(message.room.clone());
            }
        }
    }

    /// Says whether a room that was joined is encrypted, and announces this device to it.
    fn enter(&mut self) -> Result<(), End> {
        let encrypted = self.encryption.is_encrypted(&self.room);
        self.terminal.editor.set_encrypted(encrypted);
        if !encrypted {
            return Ok(());
        }
        self.notice("Messages are encrypted here; the members have the key, and the server does not")?;
        self.announce()
    }

    fn show(&mut self, event: &Event, protections: &[Protection]) -> Result<(), End> {
        let heard = match event {
            Event::Message(message) if message.to.is_none() && message.room != self.room => Some(&message.room),
            _ => None,
        };
        // By a pattern: the room is the person's own otherwise.
        let place = heard.filter(|_| self.terminal.formatter.is_some()).map(|room| format!("[{}] ", escape(room)));
        let place = place.unwrap_or_default();
        let lines = format(self.terminal.formatter.as_mut(), event, protections);
        lines.iter().try_for_each(|line| self.print(&format!("{place}{line}")))
    }
}

/// The lines of an event, for people or for programs.
pub(super) fn format(formatter: Option<&mut TextFormatter>, event: &Event, protections: &[Protection]) -> Vec<String> {
    match formatter {
        Some(formatter) => formatter.event(event, protections),
        None => json::event(event, protections).into_iter().collect(),
    }
}
