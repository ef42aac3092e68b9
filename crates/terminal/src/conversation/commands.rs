//! Carries out what is typed: each line becomes a request, or is answered on the screen.
//!
//! Runs on the main thread; blocks on nothing but writing to the connection and to the screen, and for
//! `/nick` on the server.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::own_messages::Newest;
use super::{Conversation, End, LEAVE_TIMEOUT, Purpose};
use crate::input::command::{Input, commands, parse};
use crate::output::escape::escape;
use crate::output::json;
use roomd_client::{Command, Error, Group, Refusal};

/// How soon what destroys something has to be repeated.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(60);

impl Conversation {
    /// Carries out a line.
    pub(super) fn execute(&mut self, line: &str) -> Result<(), End> {
        if self.json {
            return self.execute_json(line);
        }
        let room = self.room.clone();
        match parse(line) {
            Input::Empty => Ok(()),
            Input::Publish(text) => self.publish(text),
            Input::Private { to, text } => self.send_message(None, text.clone(), Command::Private { to, text }),
            Input::Join(room) => self.join(room, false),
            Input::Work { room, group } => {
                let group = Group::new(group);
                self.request(Command::JoinGroup { room, group }, Purpose::Join { first: false })
            }
            Input::Subscribe(pattern) => self.request(Command::Subscribe { pattern }, Purpose::Command),
            Input::Unsubscribe(pattern) => self.request(Command::Unsubscribe { pattern }, Purpose::Command),
            Input::Reply { seq, text } => self.reply(seq, text),
            Input::Edit { seq, text } => self.edit(seq, text),
            Input::Delete { seq, note } => self.delete(seq, note),
            Input::Session => self.show_session(),
            Input::Receipts(on) => self.show_receipts(on),
            Input::Leave | Input::Members | Input::History(_) if room.is_empty() => self.refuse_without_room(""),
            Input::Leave => {
                self.room.clear();
                self.newest = Newest::default();
                self.request(Command::Leave { room }, Purpose::Command)
            }
            Input::Members => self.request(Command::Members { room }, Purpose::Command),
            Input::Rooms => self.request(Command::Rooms, Purpose::Command),
            Input::History(limit) => self.request(Command::History { room, limit }, Purpose::Command),
            Input::Away(note) => self.client.away(note.as_deref()).or_else(|error| self.fail(error, "")),
            Input::Nick(name) => self.rename(name),
            Input::Safety(user) => self.show_safety_numbers(&user),
            Input::Verify { user, digits } => match self.encryption.verify(self.client.user(), &user, &digits) {
                Ok(()) => self.notice(&format!("{} is verified", escape(&user))),
                Err(sentence) => self.refuse(&Refusal::local("not_found", &sentence), ""),
            },
            Input::Moderate(object) => self.moderate(room, object),
            Input::Help => commands().try_for_each(|command| {
                let usage = format!("{} {}", command.name, command.arguments);
                self.notice(&format!("{usage:<23} {}", command.help))
            }),
            Input::Quit => {
                self.leave(Some(LEAVE_TIMEOUT));
                Ok(())
            }
            Input::Invalid(sentence) => self.refuse(&Refusal::local("bad_request", &sentence), ""),
        }
    }

    /// Says that there is no room to which this text could be published.
    pub(super) fn refuse_without_room(&mut self, text: &str) -> Result<(), End> {
        self.refuse(&Refusal::local("not_member", "You are in no room: /join ROOM enters one"), text)
    }

    /// Refuses what would be written in the clear where others encrypt, as far as their messages were seen.
    /// Returns whether it is refused.
    pub(super) fn refuse_in_the_clear(&mut self, room: &str, text: &str) -> Result<bool, End> {
        if self.plain || self.encryption.is_encrypted(room) || !self.ciphertext_rooms.contains(room) {
            return Ok(false);
        }
        let sentence = "Messages are encrypted here, and this device does not have the key: \
            start again with --key LINK or --passphrase-file FILE, or with --plain to write without encryption";
        self.refuse(&Refusal::local("forbidden", sentence), text).map(|()| true)
    }

    pub(super) fn publish(&mut self, text: String) -> Result<(), End> {
        if self.room.is_empty() {
            return self.refuse_without_room(&text);
        }
        if self.refuse_in_the_clear(&self.room.clone(), &text)? {
            return Ok(());
        }
        match self.encryption.publish(&self.room, self.client.user(), &text) {
            Ok((mid, command)) => self.send_message(mid, text, command),
            Err(refusal) => self.refuse(&refusal, &text),
        }
    }

    /// Sends a message, with this message id or a random one.
    pub(super) fn send_message(&mut self, mid: Option<String>, text: String, command: Command) -> Result<(), End> {
        let sent = match mid {
            Some(mid) => self.client.send_with_mid(&mid, command),
            None => self.client.send(command),
        };
        match sent {
            Ok(id) => {
                self.pending.insert(id, Purpose::Message(text));
                self.tell_if_offline()
            }
            Err(error) => self.fail(error, &text),
        }
    }

    /// Tells a person that a line waits for a connection: a typed line looks as if it had been sent.
    fn tell_if_offline(&mut self) -> Result<(), End> {
        if self.terminal.interactive && !self.client.is_online() {
            self.notice("Not sent yet: there is no connection")
        } else {
            Ok(())
        }
    }

    /// Makes any other request.
    pub(super) fn request(&mut self, command: Command, purpose: Purpose) -> Result<(), End> {
        match self.client.send(command) {
            Ok(id) => {
                self.pending.insert(id, purpose);
                Ok(())
            }
            Err(error) => self.fail(error, ""),
        }
    }

    /// Moves to a room; the previous one is left when this one is joined.
    pub(super) fn join(&mut self, room: String, first: bool) -> Result<(), End> {
        self.request(Command::Join { room }, Purpose::Join { first })
    }

    /// Continues under another name, as soon as nothing is pending: a ciphertext is bound to its author's name.
    fn rename(&mut self, name: String) -> Result<(), End> {
        self.new_name = Some(name);
        self.rename_when_answered()?;
        if self.new_name.is_some() { self.tell_if_offline() } else { Ok(()) }
    }

    /// Takes the new name that is wanted, unless the server owes a response.
    pub(super) fn rename_when_answered(&mut self) -> Result<(), End> {
        let Some(name) = self.new_name.take_if(|_| self.pending.is_empty()) else { return Ok(()) };
        match (self.token_lookup)(&name) {
            Ok(token) => self.client.rename(&name, token).or_else(|error| self.fail(error, "")),
            Err(sentence) => self.refuse(&Refusal::local("unavailable", &sentence), ""),
        }
    }

    /// Sends a moderation command about the room that the object names, or about the current one.
    fn moderate(&mut self, room: String, object: Value) -> Result<(), End> {
        let mut fields = Map::from_iter([("room".to_owned(), room.into())]);
        if let Value::Object(object) = object {
            fields.extend(object);
        }
        if fields.get("type").is_some_and(|kind| kind == "end") {
            let room = fields.get("room").and_then(Value::as_str).unwrap_or_default().to_owned();
            if !self.is_end_confirmed(&room) {
                let room = escape(&room);
                return self.notice(&format!(
                    "This ends {room} for everybody and deletes its messages: /end {room} again within a minute does it"
                ));
            }
        }
        self.request(Command::Other(fields), Purpose::Command)
    }

    /// Whether the end of this room was typed a moment ago; otherwise it is to be typed again.
    fn is_end_confirmed(&mut self, room: &str) -> bool {
        let asked = self.end_asked.take();
        if asked.is_some_and(|(asked, until)| asked == room && Instant::now() <= until) {
            return true;
        }
        self.end_asked = Some((room.to_owned(), Instant::now() + CONFIRMED_WITHIN));
        false
    }

    fn show_safety_numbers(&mut self, user: &str) -> Result<(), End> {
        let lines = self.encryption.safety_numbers(self.client.user(), user);
        if lines.is_empty() {
            return self.notice(&format!("No device of {} has written in an encrypted room here", escape(user)));
        }
        self.notice(&format!(
            "Compare with {}, by voice or side by side; if the number is the same, /verify {0}:",
            escape(user)
        ))?;
        lines.iter().try_for_each(|line| self.notice(line))
    }

    /// Announces this device to an encrypted room, once for each of its keys.
    pub(super) fn announce(&mut self) -> Result<(), End> {
        let Some((mid, command)) = self.encryption.announce(&self.room, self.client.user()) else { return Ok(()) };
        match self.client.send_with_mid(&mid, command) {
            Ok(id) => {
                self.pending.insert(id, Purpose::Announcement);
                Ok(())
            }
            Err(error) => self.fail(error, ""),
        }
    }

    /// Shows why a request could not be made; `text` is the message, empty if it was something else.
    pub(super) fn fail(&mut self, error: Error, text: &str) -> Result<(), End> {
        match error {
            Error::Refused(refusal) => self.refuse(&refusal, text),
            Error::Invalid(sentence) => self.refuse(&Refusal::local("bad_request", &sentence), text),
            Error::Unexpected(sentence) => self.refuse(&Refusal::local("internal", &sentence), text),
            Error::Full => self.refuse(&Refusal::local("unavailable", "too much is waiting to be sent"), text),
            Error::Closed(reason) => Err(End::Closed(reason.message)),
        }
    }

    /// Shows a refusal; `text` is the message that was not sent, empty if it was something else.
    pub(super) fn refuse(&mut self, refusal: &Refusal, text: &str) -> Result<(), End> {
        self.refused |= !self.terminal.interactive;
        let line = match &self.terminal.formatter {
            Some(formatter) if text.is_empty() => formatter.error(&escape(&refusal.to_string())),
            Some(formatter) => formatter.not_sent(text, refusal),
            None => json::refusal(refusal, text),
        };
        self.print(&line)
    }

    /// Shows a notice to people; a program gets none. The text has been escaped.
    pub(super) fn notice(&mut self, text: &str) -> Result<(), End> {
        let line = self.terminal.formatter.as_ref().map(|formatter| formatter.notice(text));
        line.map_or(Ok(()), |line| self.print(&line))
    }

    /// Writes a line.
    pub(super) fn print(&mut self, line: &str) -> Result<(), End> {
        // A reader that is gone, such as `head`, has read enough: that is a good end.
        self.terminal.screen.line(line).map_err(|_| End::Left)
    }
}
