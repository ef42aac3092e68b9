//! What the core does with what the server says.
//!
//! The other half of `state_machine.rs`, which calls `hear` for each frame: here is the protocol, there are time
//! and the connection. An answer goes to the errand that asked for it, or to the room that is being
//! entered; everything else is told to the program.

use std::time::Duration;

use super::super::command::{self, Command};
use super::super::event::{Answer, Event, Gap, Joined, Message, Refusal};
use super::super::server_event::{Incoming, Resumed, Welcome};
use super::super::subscription::{Place, Standing};
use super::{Core, Line, Output};

/// The pause after a refusal that holds only for now and does not say for how long.
const PAUSE: Duration = Duration::from_secs(1);
/// A shorter pause is told to nobody.
const TOLD: Duration = Duration::from_secs(2);

impl Core {
    /// Takes what a frame says; `id` is the one of ours that it answers.
    pub(super) fn hear(&mut self, id: Option<u64>, incoming: Incoming, now: Duration) {
        match incoming {
            Incoming::Welcome(welcome) => self.welcome(welcome, now),
            Incoming::Goodbye(goodbye) => self.goodbye = Some(goodbye),
            Incoming::Resumed(resumed) => self.resumed(resumed),
            Incoming::Pong => {
                let room = id.and_then(|id| self.fences.remove(&id));
                if let Some(place) = room.and_then(|room| self.rooms.get_mut(&room)) {
                    place.settle();
                }
            }
            Incoming::Refused(refusal) => self.refused(id, refusal, now),
            Incoming::Joined(joined) => self.joined(id, joined),
            Incoming::Left { room } if self.unanswered.remove(&room) => {}
            Incoming::Left { room } => {
                self.rooms.remove(&room);
                if !self.answer(id, None, Answer::Left(room.clone())) {
                    let refusal = Refusal::local("removed", "The server has put you out of the room");
                    self.tell(Event::Removed { room, refusal });
                }
            }
            Incoming::Sent(sent) => {
                let mid = sent.mid.clone();
                self.answer(id, Some(&mid), Answer::Sent(sent));
            }
            Incoming::Members(members) => _ = self.answer(id, None, Answer::Members(members)),
            Incoming::Rooms(rooms) => _ = self.answer(id, None, Answer::Rooms(rooms)),
            Incoming::History(mut history) => {
                history.messages.iter_mut().for_each(|message| message.replayed = true);
                self.answer(id, None, Answer::History(history));
            }
            Incoming::Message(mut message) => {
                let fresh = match (self.rooms.get_mut(&message.room), message.to.is_some()) {
                    (Some(place), _) => place.admit(&mut message),
                    (None, true) => self.is_new_private(&message),
                    (None, false) => !self.unanswered.contains(&message.room),
                };
                if fresh {
                    message.own = message.mid.as_ref().is_some_and(|mid| self.errands.is_echo(mid));
                    self.tell(Event::Message(message));
                }
            }
            Incoming::Join { room, user, at } => self.tell(Event::Join { room, user, at }),
            Incoming::Leave { room, user, at } => self.tell(Event::Leave { room, user, at }),
            Incoming::Typing { room, user, typing } => self.tell(Event::Typing { room, user, typing }),
            Incoming::Presence(presence) => self.tell(Event::Presence(presence)),
            Incoming::Lagged { room, missed } => {
                let gap = Gap { room, missed: Some(missed), reason: "lagged".to_owned() };
                self.tell(Event::Gap(gap));
            }
            Incoming::PutOut { room, user, reason, value } => {
                let ours = user.is_none() || user == self.user;
                if ours && self.rooms.remove(&room).is_some() {
                    self.put_out(room, &reason);
                } else {
                    self.tell(Event::Other(value));
                }
            }
            Incoming::Other(value) => {
                if !self.answer(id, None, Answer::Other(value.clone())) {
                    self.tell(Event::Other(value));
                }
            }
        }
    }

    /// Private rooms have no epoch that a client sees, and one that was closed counts from 1 again: only
    /// what is older by its time, too, was shown before.
    fn is_new_private(&mut self, message: &Message) -> bool {
        let seen = self.privates.get(&message.room);
        if seen.is_some_and(|(seq, at)| message.seq <= *seq && message.at <= *at) {
            return false;
        }
        self.privates.insert(message.room.clone(), (message.seq, message.at.clone()));
        true
    }

    fn welcome(&mut self, welcome: Welcome, now: Duration) {
        let Line::Greeting { .. } = self.line else { return };
        let Welcome { user, resume, limits } = welcome;
        self.errands.limited(limits.rate.is_none_or(|rate| rate.per_s > 0));
        self.message_bytes = limits.message_bytes.unwrap_or(usize::MAX);
        self.online_since = Some(now);
        (self.offline_since, self.former) = (None, None);
        self.user = Some(user.clone());
        self.tell(Event::Online { user });
        self.line = Line::Up;
        let old = std::mem::replace(&mut self.resume, resume);
        match (old, &self.resume) {
            (Some(old), Some(_)) => {
                let id = self.id();
                self.line = Line::Resuming { id };
                let rooms = self.rooms.iter();
                let known = rooms.filter_map(|(room, place)| place.since().map(|(epoch, seq)| (&**room, epoch, seq)));
                self.outputs.push_back(Output::Send(command::resume(&old, known, id)));
            }
            _ => self.privates.clear(),
        }
        if self.away.is_some() {
            self.outputs.push_back(Output::Send(command::presence(self.away.as_deref())));
        }
    }

    fn resumed(&mut self, resumed: Resumed) {
        let Line::Resuming { .. } = self.line else { return };
        self.line = Line::Up;
        if resumed.resume.is_some() {
            self.resume = resumed.resume;
        }
        for (room, answer) in resumed.rooms {
            let Some(place) = self.rooms.get_mut(&room) else {
                self.outputs.push_back(Output::Send(command::leave(&room)));
                self.unanswered.insert(room);
                continue;
            };
            if answer.recovered {
                let joined = place.resumed(room, answer.missed);
                self.tell(Event::Rejoined(joined));
                continue;
            }
            let reason = answer.reason.unwrap_or_else(|| "too_old".to_owned());
            if reason == "removed" {
                self.rooms.remove(&room);
                self.put_out(room, &reason);
                continue;
            }
            place.resumed_elsewhere(answer.epoch, answer.seq);
            self.tell(Event::Gap(Gap { room, missed: None, reason }));
        }
        // Rooms that the session is no longer in are entered by `pump`.
    }

    /// The room does not want us any more, and is not to be entered again.
    fn put_out(&mut self, room: String, reason: &str) {
        let sentence = match reason {
            "banned" => "You were banned from the room",
            "kicked" => "You were put out of the room",
            "ended" => "The room has ended",
            _ => "You are not a member of the room any more",
        };
        self.tell(Event::Removed { room, refusal: Refusal::local("removed", sentence) });
    }

    fn joined(&mut self, id: Option<u64>, mut joined: Joined) {
        let room = joined.room.clone();
        let fence = self.id();
        if let Some(place) = self.rooms.get_mut(&room) {
            let gap = place.entered_again(&mut joined);
            // The answer of a join that was given twice goes to whoever gave it.
            if !self.answer(id, None, Answer::Joined(joined.clone())) {
                self.tell(Event::Rejoined(joined));
            }
            if let Some(gap) = gap {
                self.tell(Event::Gap(gap));
            }
        } else {
            self.rooms.insert(room.clone(), Place::entered(&joined, self.options.history));
            self.answer(id, None, Answer::Joined(joined));
        }
        self.fences.insert(fence, room);
        self.outputs.push_back(Output::Send(command::ping(fence)));
    }

    fn refused(&mut self, id: Option<u64>, refusal: Refusal, now: Duration) {
        // Who is muted or banned is told so, also when that ends: all else that is said would wait behind it.
        let for_now = matches!(&*refusal.code, "rate_limited" | "too_many_requests" | "draining")
            || (refusal.retry_after_ms.is_some() && !matches!(&*refusal.code, "muted" | "forbidden"));
        let wait = refusal.retry_after_ms.map_or(PAUSE, Duration::from_millis);
        if let Line::Resuming { id: resuming } = self.line
            && id == Some(resuming)
        {
            // The session is no more: every room is entered by itself.
            self.line = Line::Up;
            self.privates.clear();
            return;
        }
        let asked = |(_, place): &(&String, &mut Place)| id.is_some_and(|id| place.standing == Standing::Asked(id));
        if let Some((room, place)) = self.rooms.iter_mut().find(asked) {
            // A room that cannot be entered for the moment is no reason to forget it.
            if for_now || matches!(&*refusal.code, "unavailable" | "internal") {
                place.standing = Standing::Wanted;
                self.pauses.begin(None, now + wait);
            } else {
                let room = room.clone();
                self.rooms.remove(&room);
                self.tell(Event::Removed { room, refusal });
            }
            return;
        }
        // What is refused of a room alone holds up its messages, and is the answer to anything else.
        let said = id.and_then(|id| self.errands.under_way(id)).map(|errand| errand.command.published_in());
        let waits = for_now && said.is_some_and(|room| refusal.room.is_none() || refusal.room.as_deref() == room);
        if waits && id.is_some_and(|id| self.errands.put_back(id)) {
            if self.pauses.begin(refusal.room.as_deref(), now + wait) && wait >= TOLD {
                self.tell(Event::Paused { reason: refusal.to_string(), retry_in: wait, room: refusal.room });
            }
        } else if let Some(errand) = id.and_then(|id| self.errands.take(Some(id), None)) {
            if let Command::Leave { room } = &errand.command {
                // Whatever the server says: the program does not want to be in it.
                self.rooms.remove(room);
            }
            self.tell(Event::Answer(errand.ticket, Err(refusal)));
        } else if id.is_none_or(|id| self.fences.remove(&id).is_none()) {
            self.tell(Event::Refused(refusal));
        }
    }

    /// Gives the errand of this `id`, or of this mark, its answer; false when there is none.
    fn answer(&mut self, id: Option<u64>, mid: Option<&str>, answer: Answer) -> bool {
        let Some(errand) = self.errands.take(id, mid) else { return false };
        self.tell(Event::Answer(errand.ticket, Ok(answer)));
        true
    }
}
