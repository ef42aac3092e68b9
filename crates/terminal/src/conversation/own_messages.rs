//! Replies, edits and deletions: which message is meant, and how the session goes on elsewhere.
//!
//! Runs on the main thread. Without a number the newest message is meant: another user's for a reply, one's own
//! otherwise.

use super::{Conversation, End, Purpose};
use crate::output::escape::escape;
use roomd_client::{Command, Event, Message, Refusal, Response};

/// The numbers of the newest messages in the current room.
#[derive(Debug, Default)]
pub struct Newest {
    own: Option<u64>,
    other: Option<u64>,
}

impl Conversation {
    /// Takes note of messages of the current room.
    pub(super) fn note_newest(&mut self, event: &Event) {
        match event {
            Event::Message(Message { room, user, seq, ephemeral: None, react_to: None, .. }) if *room == self.room => {
                let newest = if user == self.client.user() { &mut self.newest.own } else { &mut self.newest.other };
                *newest = Some(*seq).max(*newest);
            }
            Event::Response(_, Ok(Response::Sent(sent))) if sent.room == self.room && sent.ephemeral.is_none() => {
                self.newest.own = Some(sent.seq).max(self.newest.own);
            }
            _ => {}
        }
    }

    pub(super) fn reply(&mut self, seq: Option<u64>, text: String) -> Result<(), End> {
        let Some(seq) = self.meant(seq.or(self.newest.other), &text)? else { return Ok(()) };
        if self.refuse_in_the_clear(&self.room.clone(), &text)? {
            return Ok(());
        }
        match self.encryption.reply(&self.room, self.client.user(), seq, &text) {
            Ok((mid, command)) => self.send_message(mid, text, command),
            Err(refusal) => self.refuse(&refusal, &text),
        }
    }

    pub(super) fn edit(&mut self, seq: Option<u64>, text: String) -> Result<(), End> {
        let Some(seq) = self.meant(seq.or(self.newest.own), &text)? else { return Ok(()) };
        if self.refuse_in_the_clear(&self.room.clone(), &text)? {
            return Ok(());
        }
        match self.encryption.edit(&self.room, self.client.user(), seq, &text) {
            Ok(command) => self.request(command, Purpose::Command),
            Err(refusal) => self.refuse(&refusal, &text),
        }
    }

    pub(super) fn delete(&mut self, seq: Option<u64>, note: Option<String>) -> Result<(), End> {
        let Some(seq) = self.meant(seq.or(self.newest.own), "")? else { return Ok(()) };
        self.request(Command::Delete { room: self.room.clone(), seq, note }, Purpose::Command)
    }

    /// The number of the message that is meant; `None`: there is none, and the user is told.
    fn meant(&mut self, seq: Option<u64>, text: &str) -> Result<Option<u64>, End> {
        if self.room.is_empty() {
            return self.refuse_without_room(text).map(|()| None);
        }
        if seq.is_none() {
            let sentence = "There is no such message yet: say which with #NUMBER, which --times shows";
            self.refuse(&Refusal::local("not_found", sentence), text)?;
        }
        Ok(seq)
    }

    /// Shows what another client needs to go on with this session.
    pub(super) fn show_session(&mut self) -> Result<(), End> {
        let seq = self.client.position(&self.room).map_or(0, |(_, seq)| seq);
        let Some(token) = self.client.resume_token() else {
            return self.refuse(&Refusal::local("unavailable", "This server keeps no sessions"), "");
        };
        let text = format!("To resume this session: /resume {} {seq}", escape(token.reveal()));
        self.notice(&text)
    }
}
