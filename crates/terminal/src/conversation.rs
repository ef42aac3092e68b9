//! The conversation itself: what is typed goes to the client, what the client tells to the screen.
//!
//! Lives on the main thread. It ends in one of four ways, and before it ends well it waits for what
//! was sent to be acknowledged: without bound for a script, which can be killed, and for a moment for a
//! person, who wants to leave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::Word;
use super::arguments::Arguments;
use super::editor::Names;
use super::json;
use super::protection::Protection;
use super::screen::Screen;
use super::seal::Seals;
use super::show::Show;
use super::typed::{Typed, commands, read};
use super::visible::visible;
use roomd_client::{Answer, Client, Command, Error, Event, Refusal, Secret, Ticket};

/// How long a person who leaves is kept for what is not acknowledged.
const LEAVING: Duration = Duration::from_secs(2);
/// What may be unanswered before the input waits.
const PENDING_MAX: usize = 256;

/// Finds the token of a name, if it has one; blocks on the server. An error is a sentence.
pub type TokenOf = Box<dyn Fn(&str) -> Result<Option<Secret>, String>>;

/// How a conversation ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was left, and all was sent.
    Left,
    /// It was left before so many messages were acknowledged.
    Unsent(usize),
    /// Something that a script said was refused, and that was told.
    Refused,
    /// The connection was refused for good, for this reason.
    Over(String),
}

/// Something that was asked for.
enum Asked {
    /// A message of this text.
    Message(String),
    /// A room; the one that it began with, or another.
    Room {
        first: bool,
    },
    Other,
    /// What nobody typed: its answer is not shown.
    Quiet,
}

/// Why the loop ends.
enum End {
    Left,
    Over(String),
}

/// See the module.
pub struct Conversation {
    client: Client,
    /// What encrypts and decrypts.
    seals: Seals,
    /// How people are shown events; `None` is for programs.
    show: Option<Show>,
    screen: Screen,
    names: Arc<Names>,
    /// The room that is spoken in.
    room: String,
    /// Finds the token of a name, or claims it.
    token_of: TokenOf,
    /// What was asked for and is not answered.
    asked: BTreeMap<Ticket, Asked>,
    /// Whether a person types. A script must hear of every line that is not sent, by the exit code.
    person: bool,
    /// Lines are what they are, without commands.
    json: bool,
    stay: bool,
    /// It is being left: until then at most.
    leaving: Option<Option<Instant>>,
    refused: bool,
}

impl Conversation {
    /// A conversation that has not begun.
    pub fn new(
        (client, seals): (Client, Seals),
        arguments: Arguments,
        token_of: TokenOf,
        show: Option<Show>,
        screen: Screen,
        names: Arc<Names>,
        person: bool,
    ) -> Self {
        let Arguments { room, json, stay, .. } = arguments;
        names.set_secret(seals.is_secret(&room));
        Self {
            client,
            seals,
            show,
            screen,
            names,
            room,
            token_of,
            asked: BTreeMap::new(),
            person,
            json,
            stay,
            leaving: None,
            refused: false,
        }
    }

    /// Talks until one of them ends it. Blocks until then.
    pub fn run(&mut self, words: &Receiver<Word>, interrupted: &AtomicBool) -> Outcome {
        let room = self.room.clone();
        let end = self.go_to(room, true).map_or_else(|end| end, |()| self.talk(words, interrupted));
        let unsent = self.asked.values().filter(|asked| matches!(asked, Asked::Message(_))).count();
        match end {
            End::Over(reason) => Outcome::Over(reason),
            End::Left if unsent > 0 => Outcome::Unsent(unsent),
            End::Left if self.refused => Outcome::Refused,
            End::Left => Outcome::Left,
        }
    }

    /// Ends the connection, and shows what was on the way; the keyboard has ended.
    pub fn finish(self) {
        let Self { client, mut seals, mut show, mut screen, .. } = self;
        for mut event in client.close() {
            let protections = seals.read(&mut event);
            for line in lines(show.as_mut(), &event, &protections) {
                // Nobody may be reading any more.
                _ = screen.line(&line);
            }
        }
    }

    fn talk(&mut self, words: &Receiver<Word>, interrupted: &AtomicBool) -> End {
        loop {
            if interrupted.load(Ordering::Acquire) {
                self.leave(Some(LEAVING));
            }
            if let Err(end) = self.take_words(words) {
                return end;
            }
            let wait = match self.leaving {
                Some(until) => {
                    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
                    if self.asked.is_empty() || left == Some(Duration::ZERO) {
                        return End::Left;
                    }
                    left.unwrap_or(Duration::MAX)
                }
                None => Duration::MAX,
            };
            let end = match self.client.receive(wait) {
                Ok(Some(event)) => self.hear(event),
                Ok(None) => Ok(()),
                Err(error) => Err(End::Over(error.to_string())),
            };
            if let Err(end) = end {
                return end;
            }
        }
    }

    /// What waits to be said. All of it waits while a room is being entered, for it is meant for that
    /// room, and while too much is unanswered: then a script's input waits, and a person is told.
    fn take_words(&mut self, words: &Receiver<Word>) -> Result<(), End> {
        let entering = |this: &Self| this.asked.values().any(|asked| matches!(asked, Asked::Room { .. }));
        while self.leaving.is_none() && self.asked.len() < PENDING_MAX && !entering(self) {
            match words.try_recv() {
                Ok(Word::Line(line)) => self.obey(&line)?,
                Ok(Word::Unreadable(sentence)) => self.fail(&Refusal::local("bad_request", &sentence), "")?,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) if self.stay && !self.person => break,
                Err(TryRecvError::Disconnected) => self.leave(self.person.then_some(LEAVING)),
            }
        }
        Ok(())
    }

    fn leave(&mut self, within: Option<Duration>) {
        let until = within.map(|within| Instant::now() + within);
        // A second wish to leave can only hasten it.
        if self.leaving.is_none_or(|begun| begun.is_none() && until.is_some()) {
            self.leaving = Some(until);
        }
    }

    /// Does what a line asks for.
    fn obey(&mut self, line: &str) -> Result<(), End> {
        if self.json {
            return if line.is_empty() { Ok(()) } else { self.publish(line.to_owned()) };
        }
        let room = self.room.clone();
        match read(line) {
            Typed::Nothing => Ok(()),
            Typed::Say(text) => self.publish(text),
            Typed::Private { to, text } => self.say(text.clone(), Command::Private { to, text }),
            Typed::Join(room) => self.go_to(room, false),
            Typed::Who => self.ask(Command::Members { room }),
            Typed::Rooms => self.ask(Command::Rooms),
            Typed::History(limit) => self.ask(Command::History { room, limit }),
            Typed::Away(note) => self.client.away(note.as_deref()).or_else(|error| self.failed(error, "")),
            Typed::Nick(name) => self.rename(&name),
            Typed::Safety(user) => self.safety(&user),
            Typed::Verify { user, digits } => match self.seals.verify(self.client.user(), &user, &digits) {
                Ok(()) => self.notice(&format!("{} is verified", visible(&user))),
                Err(sentence) => self.fail(&Refusal::local("not_found", &sentence), ""),
            },
            Typed::Rule(object) => self.rule(room, object),
            Typed::Help => commands().try_for_each(|(command, after, does)| {
                let line = format!("{:<23} {does}", format!("{command}{after}"));
                self.notice(&line)
            }),
            Typed::Quit => {
                self.leave(Some(LEAVING));
                Ok(())
            }
            Typed::Mistake(sentence) => self.fail(&Refusal::local("bad_request", &sentence), ""),
        }
    }

    fn publish(&mut self, text: String) -> Result<(), End> {
        match self.seals.command(&self.room, self.client.user(), &text) {
            Ok((mid, command)) => self.say_as(mid, text, command),
            Err(refusal) => self.fail(&refusal, &text),
        }
    }

    fn say(&mut self, text: String, command: Command) -> Result<(), End> {
        self.say_as(None, text, command)
    }

    fn say_as(&mut self, mid: Option<String>, text: String, command: Command) -> Result<(), End> {
        let sent = match mid {
            Some(mid) => self.client.send_as(&mid, command),
            None => self.client.send(command),
        };
        match sent {
            Ok(ticket) => {
                self.asked.insert(ticket, Asked::Message(text));
                // What is typed looks as if it were said.
                if self.person && !self.client.is_online() {
                    self.notice("Not sent yet: there is no connection")
                } else {
                    Ok(())
                }
            }
            Err(error) => self.failed(error, &text),
        }
    }

    /// Comes under another name. What is encrypted is bound to the name it was written under, so nothing
    /// may be on its way.
    fn rename(&mut self, name: &str) -> Result<(), End> {
        if !self.asked.is_empty() {
            let sentence = "What was said is not acknowledged yet; try again";
            return self.fail(&Refusal::local("unavailable", sentence), "");
        }
        match (self.token_of)(name) {
            Ok(token) => self.client.rename(name, token).or_else(|error| self.failed(error, "")),
            Err(sentence) => self.fail(&Refusal::local("unavailable", &sentence), ""),
        }
    }

    /// Rules over a room: the one that the object names, or this one.
    fn rule(&mut self, room: String, object: Value) -> Result<(), End> {
        let mut fields = Map::from_iter([("room".to_owned(), room.into())]);
        if let Value::Object(object) = object {
            fields.extend(object);
        }
        self.ask(Command::Other(fields))
    }

    /// Shows the numbers to compare with a user.
    fn safety(&mut self, user: &str) -> Result<(), End> {
        let lines = self.seals.safety(self.client.user(), user);
        if lines.is_empty() {
            return self.notice(&format!("No device of {} has written in an encrypted room here", visible(user)));
        }
        self.notice(&format!(
            "Compare with {}, by voice or side by side; /verify {0} if it is the same:",
            visible(user)
        ))?;
        lines.iter().try_for_each(|line| self.notice(line))
    }

    /// Once for each key of an encrypted room.
    fn announce(&mut self) -> Result<(), End> {
        let Some((mid, command)) = self.seals.announcement(&self.room, self.client.user()) else { return Ok(()) };
        match self.client.send_as(&mid, command) {
            Ok(ticket) => {
                self.asked.insert(ticket, Asked::Quiet);
                Ok(())
            }
            Err(error) => self.failed(error, ""),
        }
    }

    fn go_to(&mut self, room: String, first: bool) -> Result<(), End> {
        match self.client.send(Command::Join { room }) {
            Ok(ticket) => {
                self.asked.insert(ticket, Asked::Room { first });
                Ok(())
            }
            Err(error) => self.failed(error, ""),
        }
    }

    fn ask(&mut self, command: Command) -> Result<(), End> {
        match self.client.send(command) {
            Ok(ticket) => {
                self.asked.insert(ticket, Asked::Other);
                Ok(())
            }
            Err(error) => self.failed(error, ""),
        }
    }

    fn hear(&mut self, mut event: Event) -> Result<(), End> {
        let protections = self.seals.read(&mut event);
        self.names.learn(&event);
        if let (Event::Online { user }, Some(show)) = (&event, &self.show) {
            self.names.set_prompt(super::prompt(show.colours, user));
        }
        let mut entered = false;
        if let Event::Answer(ticket, answer) = &event {
            match (self.asked.remove(ticket), answer) {
                (Some(Asked::Room { .. }), Ok(Answer::Joined(joined))) => {
                    entered = true;
                    let left = std::mem::replace(&mut self.room, joined.room.clone());
                    if left != self.room {
                        self.ask(Command::Leave { room: left })?;
                    }
                }
                // There is nothing to go on with.
                (Some(Asked::Room { first: true }), Err(refusal)) => {
                    return Err(End::Over(format!("cannot join {}: {refusal}", self.room)));
                }
                (Some(Asked::Quiet), _) => return Ok(()),
                (Some(Asked::Message(text)), Err(refusal)) => return self.fail(refusal, &text),
                (_, Err(refusal)) => return self.fail(refusal, ""),
                _ => {}
            }
        }
        let removed = match &event {
            Event::Removed { room, refusal } if *room == self.room => {
                Some(format!("not in {room} any more: {refusal}"))
            }
            _ => None,
        };
        self.tell(&event, &protections)?;
        if entered {
            self.enter()?;
        }
        removed.map_or(Ok(()), |reason| Err(End::Over(reason)))
    }

    /// Says how a room that was entered is protected, and makes this device known to it.
    fn enter(&mut self) -> Result<(), End> {
        let secret = self.seals.is_secret(&self.room);
        self.names.set_secret(secret);
        if !secret {
            return Ok(());
        }
        self.notice("Messages are encrypted here; the members have the key, and the server does not")?;
        self.announce()
    }

    fn tell(&mut self, event: &Event, protections: &[Protection]) -> Result<(), End> {
        lines(self.show.as_mut(), event, protections).iter().try_for_each(|line| self.line(line))
    }

    /// What cannot be asked for at all.
    fn failed(&mut self, error: Error, text: &str) -> Result<(), End> {
        match error {
            Error::Refused(refusal) => self.fail(&refusal, text),
            Error::Address(sentence) => self.fail(&Refusal::local("bad_request", &sentence), text),
            Error::Full => self.fail(&Refusal::local("unavailable", "too much is waiting to be sent"), text),
            error => Err(End::Over(error.to_string())),
        }
    }

    /// Something that was said or asked for is refused; `text` is empty if it was no message.
    fn fail(&mut self, refusal: &Refusal, text: &str) -> Result<(), End> {
        self.refused |= !self.person;
        let line = match &self.show {
            Some(show) if text.is_empty() => show.error(&visible(&refusal.to_string())),
            Some(show) => show.not_sent(text, refusal),
            None => json::refusal(refusal, text),
        };
        self.line(&line)
    }

    fn notice(&mut self, text: &str) -> Result<(), End> {
        let line = self.show.as_ref().map(|show| show.notice(text));
        line.map_or(Ok(()), |line| self.line(&line))
    }

    fn line(&mut self, line: &str) -> Result<(), End> {
        // Who read it, as `head` does, has had enough: that is an end as good as any.
        self.screen.line(line).map_err(|_| End::Left)
    }
}

fn lines(show: Option<&mut Show>, event: &Event, protections: &[Protection]) -> Vec<String> {
    match show {
        Some(show) => show.event(event, protections),
        None => json::event(event, protections).into_iter().collect(),
    }
}
