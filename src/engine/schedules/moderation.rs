//! The steps of clients beside joining and leaving: create the room, ban a user, send messages, detach and resume.
//!
//! A client that sends a request without being a member takes a seat and sends the request in one step, and drops the
//! seat when it receives the answer, as `Hub::ask` does.

use std::sync::Arc;

use super::world::Move::{AskToCreate, HearOutcome};
use super::world::{FIRST, Rooms, name};
use crate::chat::LeaveReason;
use crate::chat::{AuthLevel, Code, Event, Publication, Recovery, RoomRequest, Speaker, UserName};
use crate::engine::base::oneshot;
use crate::engine::clients::recipient::Form;
use crate::engine::rooms::hub::RoomKind;
use crate::engine::rooms::inbox::{BrokerCommand, NonMemberRequest, PendingResume, RoomHandle};

impl Rooms {
    /// The answers to a client's messages: `true` for each that was accepted, `false` for each that was refused; and
    /// how much it was shown after it was told that it is banned.
    pub fn said_by(&self, who: char) -> (Vec<bool>, usize) {
        let client = self.clients.iter().find(|client| client.name == who).expect("a client's name");
        let (mut answers, mut out, mut later) = (Vec::new(), false, 0);
        for event in client.recorder.events.lock().iter() {
            match &**event {
                Event::Sent { .. } => answers.push(true),
                Event::Refused(refusal) if refusal.code == Code::NotMember => answers.push(false),
                _ => later += usize::from(out),
            }
            out |= matches!(&**event, Event::Moderated { .. });
        }
        (answers, later)
    }

    /// What a client was shown, in one letter each: a message, `m`; a ban, `x`; a leave, `l`.
    pub fn shown_to(&self, who: char) -> String {
        let client = self.clients.iter().find(|client| client.name == who).expect("a client's name");
        let letter = |event: &Event| match event {
            Event::Message(_) => Some('m'),
            Event::Moderated { .. } => Some('x'),
            Event::Leave { .. } => Some('l'),
            _ => None,
        };
        client.recorder.events.lock().iter().filter_map(|event| letter(event)).collect()
    }

    pub(super) fn create(&mut self, at: usize) {
        match self.engine.hub.keep(&name(), &RoomKind::USUAL, false, None) {
            Ok(handle) => {
                self.clients[at].handle = Some(handle);
            }
            Err(refusal) => {
                self.clients[at].moves.retain(|next| !matches!(next, AskToCreate | HearOutcome));
                self.creations.push(Err(refusal.code));
            }
        }
    }

    pub(super) fn ask(&mut self, at: usize, auth_level: AuthLevel, request: RoomRequest) {
        let reserved = self.engine.hub.reserve(&name(), &RoomKind::USUAL, None);
        let room = self.newest();
        let client = &mut self.clients[at];
        let (reply, answer) = oneshot::channel();
        match reserved {
            Ok((seat, inbox)) => {
                let user = UserName::parse(&client.name.to_string()).expect("a letter is a name");
                let speaker = Speaker { member: seat.number(), user, auth_level };
                // Of a room that failed no answer will come.
                _ = inbox.send(BrokerCommand::Ask(Box::new(NonMemberRequest { speaker, request, reply })));
                (client.seat, client.room) = (Some(seat), room);
            }
            Err(refusal) => reply.send(Event::Refused(refusal)),
        }
        client.asked = Some(answer);
    }

    pub(super) fn learn(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let answer = client.asked.take().expect("it waits").wait();
        let outcome = match &answer {
            Ok(Event::Refused(refusal)) => Err(refusal.code),
            Ok(_) => Ok(()),
            Err(_) => Err(Code::Internal),
        };
        match client.handle.take() {
            None => self.moderations.push(outcome),
            Some(handle) => {
                self.creations.push(outcome);
                if outcome.is_ok() {
                    self.engine.keep_open(handle);
                }
            }
        }
        drop(self.clients[at].seat.take());
    }

    /// Sends a message; `if_seq` is its condition, if it has one.
    pub(super) fn say(&mut self, at: usize, if_seq: Option<u64>) {
        let text = if if_seq.is_some() { FIRST } else { "hi" };
        let request = RoomRequest::from(Publication { if_seq, ..Publication::text(text) });
        let handle = self.clients[at].handle.as_ref().expect("it is a member");
        handle.send(request, None).expect("the room lives");
    }

    pub(super) fn end_input(&mut self, at: usize) {
        let handle = self.clients[at].handle.take().expect("it is a member");
        let delivered = handle.begin_leave(LeaveReason::Disconnected, None).expect("the room lives");
        self.clients[at].delivered = Some(delivered);
    }

    pub(super) fn say_goodbye(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.before_goodbye = Some(client.recorder.events.lock().len());
    }

    /// How many answers to its messages a client had been given when it was sent the goodbye, and how many in all.
    pub fn answered_before_goodbye(&self, who: char) -> (usize, usize) {
        let client = self.clients.iter().find(|client| client.name == who).expect("a client's name");
        let events = client.recorder.events.lock();
        let answers = |events: &[Arc<Event>]| {
            events.iter().filter(|event| matches!(***event, Event::Sent { .. } | Event::Refused(_))).count()
        };
        let before = client.before_goodbye.expect("it was sent the goodbye");
        (answers(&events[..before]), answers(&events))
    }

    pub(super) fn detach(&mut self, at: usize) {
        let handle = self.clients[at].handle.as_ref().expect("it is a member");
        handle.detach().expect("the room lives");
    }

    pub(super) fn resume(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let (reply, answer) = oneshot::channel();
        let handle = client.handle.as_ref().expect("it is a member");
        let recipient = Arc::clone(&client.recorder) as _;
        let (member, since) = (handle.member(), crate::chat::Since::Entry);
        let back = PendingResume { member, recipient, form: Form::Events, since, reply };
        client
            .inbox
            .as_ref()
            .expect("it holds a sender")
            .send(BrokerCommand::Resume(Box::new(back)))
            .expect("the room lives");
        client.back = Some(answer);
    }

    pub(super) fn register(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let answer = client.back.take().expect("it waits").wait();
        let recovery = answer.ok().map(|(resumed, _)| resumed.recovery);
        if recovery == Some(Recovery::Removed) {
            // As a session does when it is no longer in the room.
            drop::<Option<RoomHandle>>(client.handle.take());
        }
        self.resumes.push(recovery);
    }
}
