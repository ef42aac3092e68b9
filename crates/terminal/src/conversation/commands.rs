//! Carries out what is typed: each line becomes a request, or is answered on the screen.
//!
//! Runs on the main thread; blocks on nothing but writing to the connection and to the screen, and for
//! `/nick` on the server.

use serde_json::{Map, Value};

use super::{Conversation, End, LEAVE_TIMEOUT, Purpose};
use crate::input::command::{Input, commands, parse};
use crate::output::escape::escape;
use crate::output::json;
use roomd_client::{Command, Error, Refusal};

impl Conversation {
    /// Carries out a line.
    pub(super) fn execute(&mut self, line: &str) -> Result<(), End> {
        if self.json {
            return if line.is_empty() { Ok(()) } else { self.publish(line.to_owned()) };
        }
        let room = self.room.clone();
        match parse(line) {
            Input::Empty => Ok(()),
            Input::Publish(text) => self.publish(text),
            Input::Private { to, text } => self.send_message(None, text.clone(), Command::Private { to, text }),
            Input::Join(room) => self.join(room, false),
            Input::Members => self.request(Command::Members { room }, Purpose::Command),
            Input::Rooms => self.request(Command::Rooms, Purpose::Command),
            Input::History(limit) => self.request(Command::History { room, limit }, Purpose::Command),
            Input::Away(note) => self.client.away(note.as_deref()).or_else(|error| self.fail(error, "")),
            Input::Nick(name) => self.rename(&name),
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

    fn publish(&mut self, text: String) -> Result<(), End> {
        match self.encryption.publish(&self.room, self.client.user(), &text) {
            Ok((mid, command)) => self.send_message(mid, text, command),
            Err(refusal) => self.refuse(&refusal, &text),
        }
    }

    /// Sends a message, with this message id or a random one.
    fn send_message(&mut self, mid: Option<String>, text: String, command: Command) -> Result<(), End> {
        let sent = match mid {
            Some(mid) => self.client.send_with_mid(&mid, command),
            None => self.client.send(command),
        };
        match sent {
            Ok(id) => {
                self.pending.insert(id, Purpose::Message(text));
                // A typed line looks as if it had been sent.
                if self.terminal.interactive && !self.client.is_online() {
                    self.notice("Not sent yet: there is no connection")
                } else {
                    Ok(())
                }
            }
            Err(error) => self.fail(error, &text),
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

    /// Continues under another name. A ciphertext is bound to its author's name, so nothing may be pending.
    fn rename(&mut self, name: &str) -> Result<(), End> {
        if !self.pending.is_empty() {
            let sentence = "The server has not answered everything yet; try again";
            return self.refuse(&Refusal::local("unavailable", sentence), "");
        }
        match (self.token_lookup)(name) {
            Ok(token) => self.client.rename(name, token).or_else(|error| self.fail(error, "")),
            Err(sentence) => self.refuse(&Refusal::local("unavailable", &sentence), ""),
        }
    }

    /// Sends a moderation command about the room that the object names, or about the current one.
    fn moderate(&mut self, room: String, object: Value) -> Result<(), End> {
        let mut fields = Map::from_iter([("room".to_owned(), room.into())]);
        if let Value::Object(object) = object {
            fields.extend(object);
        }
        self.request(Command::Other(fields), Purpose::Command)
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
    fn fail(&mut self, error: Error, text: &str) -> Result<(), End> {
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
