//! The conversation: what is typed goes to the client, what the client reports to the screen.
//!
//! Runs on the main thread. Before it ends well it waits for the responses to what was sent: forever for
//! a script, which can be killed, and for a moment for a person, who wants to leave. Here is its loop;
//! `conversation/commands.rs` carries out what is typed, `conversation/events.rs` shows what happens.

mod commands;
mod display_names;
mod events;
mod json_input;
mod own_messages;
mod receipts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use super::arguments::Arguments;
use super::encryption::EncryptedRooms;
use super::input::editor_state::EditorState;
use super::input::line::InputLine;
use super::output::screen::Screen;
use super::output::text::TextFormatter;
use own_messages::Newest;
use receipts::Receipts;
use roomd_client::{Client, Refusal, RequestId, Secret};
use serde_json::Value;

/// How long a person who leaves waits for the responses to what was sent.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Requests that may be pending before the input waits.
const PENDING_MAX: usize = 256;

/// Finds the token of a name, or claims it; `None` is a guest. Blocks on the server. An error is a sentence.
pub type TokenLookup = Box<dyn Fn(&str) -> Result<Option<Secret>, String>>;

/// How a conversation ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The user left, and everything was sent.
    Left,
    /// The user left before so many messages were accepted.
    Unsent(usize),
    /// Something that a script typed was refused, and it was told so.
    Refused,
    /// There will be no further connection, for this reason.
    Closed(String),
}

/// Where a conversation takes place.
pub struct Terminal {
    /// Formats events for people; `None` prints them for programs.
    pub formatter: Option<TextFormatter>,
    /// Where lines are written.
    pub screen: Screen,
    /// What the line editor has to know.
    pub editor: Arc<EditorState>,
    /// Whether a person types. A script is told by the exit code that a line was not sent.
    pub interactive: bool,
    /// Set when the process continues after it was stopped: the line that is being typed is to be shown again.
    pub continued: Arc<AtomicBool>,
}

/// What a pending request was made for.
enum Purpose {
    /// A message with this text.
    Message(String),
    /// Joining a room: the first one, or another.
    Join { first: bool },
    /// A command whose response is shown.
    Command,
    /// A command of a script, with the id that its response is to have.
    Asked(Option<Value>),
    /// Something that nobody typed: its response is not shown.
    Announcement,
}

/// Why the loop ends.
enum End {
    /// The user left.
    Left,
    /// There will be no further connection, or no room to be in.
    Closed(String),
}

/// See the module.
pub struct Conversation {
    client: Client,
    encryption: EncryptedRooms,
    terminal: Terminal,
    /// The current room.
    room: String,
    token_lookup: TokenLookup,
    /// The requests without a response.
    pending: BTreeMap<RequestId, Purpose>,
    /// The name that is wanted, until it can be taken.
    new_name: Option<String>,
    /// Whether each line is a message as it is, without commands.
    json: bool,
    /// Whether to go on when a script's input has ended.
    stay: bool,
    /// Set when the user is leaving: until when to wait for responses; `None` inside is forever.
    leaving: Option<Option<Instant>>,
    /// Whether something that a script typed was refused.
    refused: bool,
    /// The newest messages in the room: one's own, and another user's.
    newest: Newest,
    /// Who has got how far, and what is to be reported to others.
    receipts: Receipts,
    /// The rooms in which an encrypted message was seen.
    ciphertext_rooms: BTreeSet<String>,
    /// Whether to write in the clear there, without a key.
    plain: bool,
    /// The users about whose display names the server was asked.
    asked: BTreeSet<String>,
    /// The room whose end was typed, and until when a repetition confirms it.
    end_asked: Option<(String, Instant)>,
}

impl Conversation {
    /// A conversation that has not begun.
    pub fn new(
        client: Client,
        encryption: EncryptedRooms,
        arguments: Arguments,
        token_lookup: TokenLookup,
        terminal: Terminal,
    ) -> Self {
        let Arguments { room, json, stay, plain, .. } = arguments;
        terminal.editor.set_encrypted(encryption.is_encrypted(&room));
        Self {
            client,
            encryption,
            terminal,
            room,
            token_lookup,
            pending: BTreeMap::new(),
            new_name: None,
            json,
            stay,
            leaving: None,
            refused: false,
            newest: Newest::default(),
            receipts: Receipts::default(),
            ciphertext_rooms: BTreeSet::new(),
            plain,
            asked: BTreeSet::new(),
            end_asked: None,
        }
    }

    /// Runs the conversation, and blocks until it ends.
    pub fn run(&mut self, lines: &Receiver<InputLine>, interrupted: &AtomicBool) -> Outcome {
        let room = self.room.clone();
        let end = self.join(room, true).map_or_else(|end| end, |()| self.talk(lines, interrupted));
        let unsent = self.pending.values().filter(|purpose| matches!(purpose, Purpose::Message(_))).count();
        match end {
            End::Closed(reason) => Outcome::Closed(reason),
            End::Left if unsent > 0 => Outcome::Unsent(unsent),
            End::Left if self.refused => Outcome::Refused,
            End::Left => Outcome::Left,
        }
    }

    /// Whether a person types.
    pub fn is_interactive(&self) -> bool {
        self.terminal.interactive
    }

    /// Closes the connection, and shows what still arrives. The line editor must have ended.
    pub fn finish(self) {
        let Self { client, mut encryption, mut terminal, .. } = self;
        for mut event in client.close() {
            let protections = encryption.decrypt(&mut event);
            for line in events::format(terminal.formatter.as_mut(), &event, &protections) {
                // The reader may be gone.
                _ = terminal.screen.line(&line);
            }
        }
    }

    fn talk(&mut self, lines: &Receiver<InputLine>, interrupted: &AtomicBool) -> End {
        loop {
            if interrupted.load(Ordering::Acquire) {
                self.leave(Some(LEAVE_TIMEOUT));
            }
            if let Err(end) = self.continue_after_stop() {
                return end;
            }
            if let Err(end) = self.take_lines(lines).and_then(|()| self.report_receipts()) {
                return end;
            }
            let redraw = match self.redraw_when_settled() {
                Ok(wait) => wait,
                Err(end) => return end,
            };
            let wait = match self.leaving {
                Some(until) => {
                    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                    if self.pending.is_empty() || left == Some(Duration::ZERO) {
                        return End::Left;
                    }
                    left.unwrap_or(Duration::MAX)
                }
                None => Duration::MAX,
            };
            let wait = self.receipts.wait().into_iter().chain(redraw).fold(wait, Duration::min);
            let end = match self.client.receive(wait) {
                Ok(Some(event)) => self.handle_event(event),
                Ok(None) => Ok(()),
                Err(error) => Err(End::Closed(error.to_string())),
            };
            if let Err(end) = end {
                return end;
            }
        }
    }

    /// Shows the line that is being typed again when the process continues after it was stopped.
    fn continue_after_stop(&mut self) -> Result<(), End> {
        if !self.terminal.continued.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        self.terminal.editor.others_wrote();
        // What is printed has the editor show its line behind it.
        self.notice("Continued")
    }

    /// Shows everything anew if the width of the terminal has changed and that is necessary, or returns how long to wait with it.
    fn redraw_when_settled(&mut self) -> Result<Option<Duration>, End> {
        let wait = self.terminal.editor.redraw_in(Instant::now());
        if wait != Some(Duration::ZERO) {
            return Ok(wait);
        }
        self.terminal.screen.redraw().map_err(|_| End::Left)?;
        Ok(None)
    }

    /// Carries out the lines that are there. They wait while a room is being joined or a name is to be taken,
    /// because they are meant for that room and name, and while too many requests are pending: then a script's
    /// input waits.
    fn take_lines(&mut self, lines: &Receiver<InputLine>) -> Result<(), End> {
        self.rename_when_answered()?;
        let joining = |this: &Self| this.pending.values().any(|purpose| matches!(purpose, Purpose::Join { .. }));
        let moving = |this: &Self| this.new_name.is_some() || joining(this);
        while self.leaving.is_none() && self.pending.len() < PENDING_MAX && !moving(self) {
            match lines.try_recv() {
                Ok(InputLine::Text(line)) => {
                    self.report_read()?;
                    self.execute(&line)?;
                }
                Ok(InputLine::Invalid(sentence)) => self.refuse(&Refusal::local("bad_request", &sentence), "")?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) if self.stay && !self.terminal.interactive => break,
                Err(TryRecvError::Disconnected) => self.leave(self.terminal.interactive.then_some(LEAVE_TIMEOUT)),
            }
        }
        Ok(())
    }

    /// Leaves when nothing is pending, or when the timeout is over.
    fn leave(&mut self, timeout: Option<Duration>) {
        let until = timeout.map(|timeout| Instant::now() + timeout);
        // A second wish to leave can only shorten the wait.
        if self.leaving.is_none_or(|begun| begun.is_none() && until.is_some()) {
            self.leaving = Some(until);
        }
    }
}
