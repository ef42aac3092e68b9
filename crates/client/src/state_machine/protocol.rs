//! The client protocol: what the state machine does with what the server says.
//!
//! The other half of `state_machine.rs`, which calls `handle_event` for each frame. A response goes to
//! the request that it belongs to, or to the room that is being joined; everything else is reported to
//! the program.

use std::time::Duration;

use super::super::command::{self, Command, Receipt};
use super::super::event::{Event, Gap};
use super::super::group::Group;
use super::super::message::Message;
use super::super::refusal::Refusal;
use super::super::response::{Joined, Response};
use super::super::server_event::{Resumed, ServerEvent, Welcome};
use super::super::subscription::{JoinState, Subscription};
use super::{Output, RETRY_AFTER_MAX, State, StateMachine};

/// The delay after a refusal that holds only for now and does not name one.
const THROTTLE_DEFAULT: Duration = Duration::from_secs(1);
/// The shortest delay that is reported to the program.
const THROTTLE_REPORTED: Duration = Duration::from_secs(2);
/// Private rooms whose position is remembered, at most. Beyond it one is forgotten, and its newest messages
/// may be shown again after a resumed session.
const PRIVATES_MAX: usize = 10_000;

impl StateMachine {
    /// Handles what a frame says; `id` is that of our frame that it answers.
    pub(super) fn handle_event(&mut self, id: Option<u64>, event: ServerEvent, now: Duration) {
        match event {
            ServerEvent::Welcome(welcome) => self.welcome(welcome, now),
            ServerEvent::Goodbye(goodbye) => self.goodbye = Some(goodbye),
            ServerEvent::Resumed(resumed) => self.resumed(resumed),
            ServerEvent::Pong => {
                let room = id.and_then(|id| self.replay_pings.remove(&id));
                if let Some(subscription) = room.and_then(|room| self.rooms.get_mut(&room)) {
                    subscription.finish_replay();
                }
            }
            ServerEvent::Refused(refusal) => self.refused(id, refusal, now),
            ServerEvent::Joined(joined) => self.joined(id, joined),
            ServerEvent::Left { room } if self.leaving.remove(&room) => {}
            ServerEvent::Left { room } => {
                self.rooms.remove(&room);
                if !self.respond(id, None, Response::Left(room.clone())) {
                    let refusal = Refusal::local("removed", "The server has removed you from the room");
                    self.report(Event::Removed { room, refusal });
                }
            }
            ServerEvent::Sent(sent) => {
                let mid = sent.mid.clone();
                self.respond(id, Some(&mid), Response::Sent(sent));
            }
            ServerEvent::Members(members) => _ = self.respond(id, None, Response::Members(members)),
            ServerEvent::Rooms(rooms) => _ = self.respond(id, None, Response::Rooms(rooms)),
            ServerEvent::History(mut history) => {
                for message in &mut history.messages {
                    message.replayed = true;
                    message.own = self.user.as_ref() == Some(&message.user);
                }
                self.respond(id, None, Response::History(history));
            }
            ServerEvent::Message(message) => self.message(message),
            ServerEvent::Join { room, user, at } => self.report(Event::Join { room, user, at }),
            ServerEvent::Leave { room, user, at } => self.report(Event::Leave { room, user, at }),
            ServerEvent::Typing { room, user, typing } => self.report(Event::Typing { room, user, typing }),
            ServerEvent::Presence(presence) => self.report(Event::Presence(presence)),
            ServerEvent::Lagged { room, missed, conflated } => {
                let gap = Gap { room, missed: Some(missed), conflated, reason: "lagged".to_owned() };
                self.report(Event::Gap(gap));
            }
            ServerEvent::Removed { room, user, reason, value } => {
                let ours = user.is_none() || user == self.user;
                if ours && self.rooms.remove(&room).is_some() {
                    self.report_removed(room, &reason);
                } else {
                    self.report(Event::Other(value));
                }
            }
            ServerEvent::Other(value) => {
                if self.subscribed(id) {
                    return;
                }
                if !self.respond(id, None, Response::Other(value.clone())) {
                    self.report(Event::Other(value));
                }
            }
            ServerEvent::Malformed(_) if id.is_some_and(|id| self.awaits(id)) => {
                let refusal = Refusal::local("malformed", "The server's answer cannot be read");
                self.refused(id, refusal, now);
            }
            ServerEvent::Malformed(text) => self.report(Event::Malformed(text)),
        }
    }

    /// Takes the answer to our frame with this `id`, if that was about a pattern; whether the client has sent it by itself.
    fn subscribed(&mut self, id: Option<u64>) -> bool {
        let Some(id) = id else { return false };
        if let Some(state) = self.patterns.values_mut().find(|state| **state == JoinState::Sent(id)) {
            *state = JoinState::Joined;
            return true;
        }
        match self.pending.in_flight(id).map(|request| &request.command) {
            Some(Command::Subscribe { pattern }) => _ = self.patterns.insert(pattern.clone(), JoinState::Joined),
            Some(Command::Unsubscribe { pattern }) => _ = self.patterns.remove(pattern),
            _ => {}
        }
        false
    }

    /// Whether our frame with this `id` has not been answered.
    fn awaits(&self, id: u64) -> bool {
        self.state == State::Resuming { id }
            || self.rooms.values().any(|subscription| subscription.state == JoinState::Sent(id))
            || self.patterns.values().any(|state| *state == JoinState::Sent(id))
            || self.pending.in_flight(id).is_some()
            || self.replay_pings.contains_key(&id)
    }

    fn message(&mut self, mut message: Message) {
        let is_new = match (self.rooms.get_mut(&message.room), message.to.is_some()) {
            (Some(subscription), _) => subscription.deliver(&mut message),
            (None, true) => self.deliver_private(&message),
            (None, false) => !self.leaving.contains(&message.room),
        };
        if is_new {
            message.own = message.mid.as_ref().is_some_and(|mid| self.pending.take_echo(mid));
            self.report(Event::Message(message));
        }
    }

    /// Whether a private message is new. Private rooms have no epoch that a client sees, and one that was
    /// closed counts from 1 again: only a message that is also older by its time was delivered before.
    fn deliver_private(&mut self, message: &Message) -> bool {
        let newest = self.privates.get(&message.room);
        if newest.is_some_and(|(seq, at)| message.seq <= *seq && message.at <= *at) {
            return false;
        }
        if self.privates.len() >= PRIVATES_MAX && !self.privates.contains_key(&message.room) {
            self.privates.pop_first();
        }
        self.privates.insert(message.room.clone(), (message.seq, message.at.clone()));
        true
    }

    fn welcome(&mut self, welcome: Welcome, now: Duration) {
        let State::AwaitingWelcome { .. } = self.state else { return };
        let Welcome { user, resume, limits } = welcome;
        let is_limited = limits.room_rate.is_some() || limits.rate.is_none_or(|rate| rate.per_s > 0);
        self.pending.set_rate_limited(is_limited);
        self.message_bytes_max = limits.message_bytes.unwrap_or(usize::MAX);
        self.online_since = Some(now);
        (self.offline_since, self.previous_user) = (None, None);
        self.user = Some(user.clone());
        self.report(Event::Online { user });
        self.state = State::Online;
        let old = std::mem::replace(&mut self.resume_token, resume);
        match (old, &self.resume_token) {
            (Some(old), Some(_)) => {
                let id = self.next_frame_id();
                self.state = State::Resuming { id };
                let positions = self.rooms.iter().filter_map(|(room, subscription)| {
                    subscription.position().map(|(epoch, seq)| (&**room, epoch, seq))
                });
                self.outputs.push_back(Output::Send(command::resume(&old, positions, id)));
            }
            _ => self.privates.clear(),
        }
        if self.away.is_some() {
            self.outputs.push_back(Output::Send(command::presence(self.away.as_deref())));
        }
    }

    fn resumed(&mut self, resumed: Resumed) {
        let State::Resuming { .. } = self.state else { return };
        self.state = State::Online;
        self.patterns.values_mut().for_each(|state| *state = JoinState::Joined);
        if resumed.resume.is_some() {
            self.resume_token = resumed.resume;
        }
        for (room, answer) in resumed.rooms {
            let Some(subscription) = self.rooms.get_mut(&room) else {
                self.outputs.push_back(Output::Send(command::leave(&room)));
                self.leaving.insert(room);
                continue;
            };
            if answer.recovered {
                let joined = subscription.resume(room.clone(), answer);
                self.report(Event::Rejoined(joined));
                self.repeat_receipts(&room);
                continue;
            }
            let reason = answer.reason.unwrap_or_else(|| "too_old".to_owned());
            if reason == "removed" {
                self.rooms.remove(&room);
                self.report_removed(room, &reason);
                continue;
            }
            subscription.resume_after_gap(answer.epoch, answer.seq);
            self.report(Event::Gap(Gap { room, missed: None, conflated: 0, reason }));
        }
        // `send_pending` joins the rooms that the session is no longer in.
    }

    /// Reports a room that the client was removed from, and does not join again.
    fn report_removed(&mut self, room: String, reason: &str) {
        let sentence = match reason {
            "banned" => "You were banned from the room",
            "kicked" => "You were removed from the room",
            "ended" => "The room was closed",
            _ => "You are no longer a member of the room",
        };
        self.report(Event::Removed { room, refusal: Refusal::local("removed", sentence) });
    }

    fn joined(&mut self, id: Option<u64>, mut joined: Joined) {
        let room = joined.room.clone();
        let ping = self.next_frame_id();
        if joined.room_rate.is_some() {
            // It was opened with other settings than those that the welcome told.
            self.pending.set_rate_limited(true);
        }
        if let Some(subscription) = self.rooms.get_mut(&room) {
            let gap = subscription.rejoin(&mut joined);
            // A join that the program has sent twice is a request all the same.
            if !self.respond(id, None, Response::Joined(joined.clone())) {
                self.report(Event::Rejoined(joined));
            }
            if let Some(gap) = gap {
                self.report(Event::Gap(gap));
            }
        } else {
            let request = id.and_then(|id| self.pending.in_flight(id));
            // Until all values have come, whatever was said since the first number is missing.
            let (history, group) = match request.map(|request| &request.command) {
                Some(Command::JoinLatest { .. }) => (usize::MAX, None),
                Some(Command::JoinGroup { group, .. }) => (0, Some(group.clone())),
                Some(Command::Other(object)) => (self.options.history, Group::of_join(object)),
                _ => (self.options.history, None),
            };
            self.rooms.insert(room.clone(), Subscription::new(&joined, history, group));
            self.respond(id, None, Response::Joined(joined));
        }
        self.repeat_receipts(&room);
        self.replay_pings.insert(ping, room);
        self.outputs.push_back(Output::Send(command::ping(ping)));
    }

    /// Reports again what was received and read in a room that the client is in again.
    fn repeat_receipts(&mut self, room: &str) {
        for receipt in [Receipt::Received, Receipt::Read] {
            if let Some(seq) = self.receipts.get(&(room.to_owned(), receipt)) {
                self.outputs.push_back(Output::Send(command::receipt(room, receipt, *seq)));
            }
        }
    }

    fn refused(&mut self, id: Option<u64>, refusal: Refusal, now: Duration) {
        // A muted or banned user is told so although that ends, too: everything else that is sent would
        // wait behind it.
        let for_now = matches!(&*refusal.code, "rate_limited" | "too_many_requests" | "draining")
            || (refusal.retry_after_ms.is_some() && !matches!(&*refusal.code, "muted" | "forbidden"));
        let delay = refusal.retry_after_ms.map_or(THROTTLE_DEFAULT, Duration::from_millis).min(RETRY_AFTER_MAX);
        if let State::Resuming { id: resuming } = self.state
            && id == Some(resuming)
        {
            // The session is gone: `send_pending` joins each room.
            self.state = State::Online;
            self.privates.clear();
            return;
        }
        let sent = |(_, subscription): &(&String, &mut Subscription)| {
            id.is_some_and(|id| subscription.state == JoinState::Sent(id))
        };
        if let Some((room, subscription)) = self.rooms.iter_mut().find(sent) {
            // A room that cannot be joined for the moment is no reason to give it up.
            if for_now || matches!(&*refusal.code, "unavailable" | "internal") {
                subscription.state = JoinState::Needed;
                self.throttle.start(None, now.saturating_add(delay));
            } else {
                let room = room.clone();
                self.rooms.remove(&room);
                self.report(Event::Removed { room, refusal });
            }
            return;
        }
        let sent = |(_, state): &(&String, &mut JoinState)| id.is_some_and(|id| **state == JoinState::Sent(id));
        if let Some((pattern, state)) = self.patterns.iter_mut().find(sent) {
            if for_now {
                *state = JoinState::Needed;
                self.throttle.start(None, now.saturating_add(delay));
            } else {
                let pattern = pattern.clone();
                self.patterns.remove(&pattern);
                self.report(Event::Refused(refusal));
            }
            return;
        }
        // A refusal that concerns one room delays that room's messages, and is the response to anything else.
        let published = id.and_then(|id| self.pending.in_flight(id)).map(|request| request.command.published_in());
        let delays = for_now && published.is_some_and(|room| refusal.room.is_none() || refusal.room.as_deref() == room);
        if delays && id.is_some_and(|id| self.pending.retry(id)) {
            if self.throttle.start(refusal.room.as_deref(), now.saturating_add(delay)) && delay >= THROTTLE_REPORTED {
                let reason = refusal.to_string();
                self.report(Event::Throttled { reason, retry_in: delay, room: refusal.room });
            }
        } else if let Some(request) = id.and_then(|id| self.pending.take(Some(id), None)) {
            if let Command::Leave { room } = &request.command {
                // Whatever the server says, the program does not want to be in it.
                self.rooms.remove(room);
            }
            self.report(Event::Response(request.id, Err(refusal)));
        } else if id.is_none_or(|id| self.replay_pings.remove(&id).is_none()) {
            self.report(Event::Refused(refusal));
        }
    }

    /// Reports the response to the request of this `id`, or of this message id; false when there is none.
    fn respond(&mut self, id: Option<u64>, mid: Option<&str>, response: Response) -> bool {
        let Some(request) = self.pending.take(id, mid) else { return false };
        self.report(Event::Response(request.id, Ok(response)));
        true
    }
}
