//! The steps of clients beside joining and leaving: create the room, ban a user, send messages, detach and resume.
//!
//! A client that sends a request without being a member takes a seat and sends the request in one step, and drops the
//! seat when it receives the answer, as `Hub::ask` does. A room that has failed takes nothing: what is sent to it is lost,
//! and its sender finds out by its end.

use std::sync::Arc;

use super::mistakes::Mistake;
use super::rooms::Rooms;
use crate::chat::policy::{ModerationRequest, RoomOptions};
use crate::chat::{
    AuthLevel, Code, Event, LeaveReason, Position, Publication, Recovery, RoomRequest, Since, Speaker, UserName,
};
use crate::engine::base::oneshot;
use crate::engine::clients::recipient::Form;
use crate::engine::rooms::inbox::{Asker, AwaitedRequest, BrokerCommand, PendingResume, RoomHandle};

impl Rooms {
    pub fn create(&mut self, at: usize) {
        match self.keep() {
            Ok(handle) => self.clients[at].handle = Some(handle),
            Err(refusal) => {
                // Neither does it ask the room, nor has it an answer to receive.
                let client = &mut self.clients[at];
                client.moves.truncate(client.moves.len().saturating_sub(2));
                self.creations.push((self.clients[at].name, Err(refusal.code)));
            }
        }
    }

    pub fn ask(&mut self, at: usize, auth_level: AuthLevel, request: RoomRequest) {
        let reserved = self.look_up();
        let client = &mut self.clients[at];
        let (reply, answer) = oneshot::channel();
        match reserved {
            Ok((seat, inbox, room)) => {
                let user = UserName::parse(&client.name.to_string()).expect("a letter is a name");
                let asker = Asker::NonMember(Speaker { member: seat.number(), user, auth_level, has_own_rate: false });
                // Of a room that failed no answer will come.
                _ = inbox.send(BrokerCommand::Ask(Box::new(AwaitedRequest { asker, request, reply })));
                (client.seat, client.room) = (Some(seat), room);
            }
            Err(refusal) => reply.send(Event::Refused(refusal)),
        }
        client.asked = Some(answer);
    }

    pub fn learn(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let answer = client.asked.take().expect("it waits").wait();
        let outcome = match &answer {
            Ok(Event::Refused(refusal)) => Err(refusal.code),
            Ok(_) => Ok(()),
            Err(_) => Err(Code::Internal),
        };
        match client.handle.take() {
            None => self.moderations.push((self.clients[at].name, outcome)),
            Some(handle) => {
                self.creations.push((self.clients[at].name, outcome));
                if outcome.is_ok() {
                    self.engine.keep_open(handle);
                }
            }
        }
        drop(self.clients[at].seat.take());
    }

    /// Asks for the room to be created, with the server's seat that the client has taken.
    pub fn ask_to_create(&mut self, at: usize) {
        self.ask(at, AuthLevel::Guest, RoomRequest::Create(RoomOptions::default()));
    }

    pub fn ban(&mut self, at: usize, user: char) {
        let user = UserName::parse(&user.to_string()).expect("a letter is a name");
        let request = ModerationRequest::Ban { user, lasts: None };
        self.ask(at, AuthLevel::Admin, RoomRequest::Moderate { request, note: None, connection: None });
    }

    /// A member sends a request.
    pub fn send(&mut self, at: usize, request: RoomRequest) {
        if let Some(handle) = &self.clients[at].handle {
            _ = handle.send(request, None);
        }
    }

    /// Sends a message; `first`: on the condition that there is none yet.
    pub fn say(&mut self, at: usize, text: &str, first: bool) {
        let if_seq = first.then_some(0);
        self.send(at, RoomRequest::from(Publication { if_seq, ..Publication::text(text) }));
    }

    pub fn end_input(&mut self, at: usize) {
        let Some(handle) = self.clients[at].handle.take() else { return };
        if self.mistake == Some(Mistake::GoodbyeAtOnce) {
            drop(handle);
            return;
        }
        self.clients[at].delivered = handle.begin_leave(LeaveReason::Disconnected, None).ok();
    }

    pub fn say_goodbye(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.before_goodbye = Some(client.recorder.events.lock().len());
    }

    pub fn detach(&mut self, at: usize) {
        self.clients[at].recorder.lose();
        if let Some(handle) = &self.clients[at].handle {
            _ = handle.detach();
        }
    }

    pub fn resume(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.reconnect();
        let (Some(handle), Some(inbox)) = (&client.handle, &client.inbox) else { return };
        let (reply, answer) = oneshot::channel();
        let recipient = Arc::clone(&client.recorder) as _;
        let entered = handle.entered();
        let seen = Position { epoch: Arc::clone(&entered.epoch), seq: client.recorder.newest().unwrap_or(entered.seq) };
        let (member, since) = (handle.member(), Since::Position(seen));
        let back = PendingResume { member, recipient, form: Form::Events, since, reply };
        _ = inbox.send(BrokerCommand::Resume(Box::new(back)));
        client.back = Some(answer);
    }

    pub fn register(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let recovery = client.back.take().and_then(|answer| answer.wait().ok()).map(|(resumed, _)| resumed.recovery);
        if recovery == Some(Recovery::Removed) {
            // As a session does when it is no longer in the room.
            drop::<Option<RoomHandle>>(client.handle.take());
        }
        self.resumes.push((self.clients[at].name, recovery));
    }
}
