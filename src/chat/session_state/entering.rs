//! How a client enters: its first room, its name, its token.
//!
//! A part of [`SessionState`], as are its further rooms. Who is renamed or identified leaves their rooms and enters them again; who has only
//! connected enters its first room with the first request that makes sense.

use super::{Action, Join, SessionState};
use crate::chat::command::{Command, PatternRequest};
use crate::chat::event::Event;
use crate::chat::id::Id;
use crate::chat::join_options::JoinOptions;
use crate::chat::leave_reason::LeaveReason;
use crate::chat::limits::Slow;
use crate::chat::refusal::{Code, Refusal};
use crate::chat::visibility::Visibility;
use roomd_protocol::{RoomName, Secret, UserName};

impl<H> SessionState<H> {
    /// The join in the address of a client's WebSocket.
    pub fn begin(&mut self, room: RoomName, options: JoinOptions, actions: &mut Vec<Action>) {
        match &mut self.awaiting_auth {
            Some(waiting) => **waiting = Some((room, options)),
            None => self.join(room, options, None, actions),
        }
    }

    /// The room that the client enters with its first request that makes sense. What only connects, such as a probe
    /// of the port, is announced to nobody.
    pub fn begin_unheard(&mut self, room: RoomName) {
        match &mut self.awaiting_auth {
            Some(waiting) => **waiting = Some((room, JoinOptions::default())),
            None => self.first_room = Some(room),
        }
    }

    pub(super) fn join(&mut self, room: RoomName, mut options: JoinOptions, id: Option<Id>, actions: &mut Vec<Action>) {
        if self.rooms.contains(&room) {
            let refusal = Refusal::new(Code::BadRequest, format!("Already in {room}"));
            actions.push(Action::Reply(id, Event::Refused(refusal)));
            return;
        }
        // A client of a single room changes rooms.
        let place = usize::from(self.capabilities.single_room && self.rooms.current().is_some());
        if let Err(refusal) = self.identity.allows(&room).and_then(|()| self.room_for_one_more(place)) {
            actions.push(Action::Reply(id, Event::Refused(refusal)));
            return;
        }
        options.history.get_or_insert(if options.group.is_some() { 0 } else { self.join_history });
        options.receipts |= self.receipts;
        if self.capabilities.single_room {
            self.group = options.group.as_ref().map(|group| Box::new((room.clone(), (**group).clone())));
        }
        let slow = options.topic.then(|| self.slow_in_topics());
        let old = self.rooms.current().cloned().filter(|_| self.capabilities.single_room);
        actions.push(Action::Join(Join { room, options, visibility: Visibility::Announced, slow, durable: true, id }));
        actions.extend(old.map(|room| Action::Leave { room, reason: LeaveReason::Left(None), id: None }));
    }

    pub(super) fn subscribe(&self, room: &RoomName, id: Option<Id>, actions: &mut Vec<Action>) -> Result<(), Refusal> {
        self.identity.allows(room)?;
        self.room_for_one_more(0)?;
        let options = JoinOptions { history: Some(0), topic: true, ..JoinOptions::default() };
        let join = Join {
            room: room.clone(),
            options,
            visibility: Visibility::Silent,
            slow: Some(self.slow_in_topics()),
            durable: !self.limits.ephemeral_topics,
            id,
        };
        actions.push(Action::Join(join));
        Ok(())
    }

    /// What a topic does with slow members: it drops messages for them, unless the server's rooms keep the newest of each key.
    #[must_use]
    pub fn slow_in_topics(&self) -> Slow {
        match self.limits.slow {
            Slow::Disconnect | Slow::Drop => Slow::Drop,
            Slow::Latest => Slow::Latest,
        }
    }

    /// Its rooms know it by its name from now on, also those that it has not named.
    pub(super) fn change_patterns(&mut self, request: PatternRequest, id: Option<Id>, actions: &mut Vec<Action>) {
        self.has_published = true;
        actions.push(Action::Patterns { request, id });
    }

    pub(super) fn rename(&mut self, name: UserName, actions: &mut Vec<Action>) -> Result<(), Refusal> {
        if !self.identity.is_guest() {
            return Err(Refusal::new(Code::Forbidden, "A token names you, and no other name can be taken"));
        }
        if self.has_published {
            return Err(Refusal::new(Code::Forbidden, "A name can be taken before the first message only"));
        }
        let was = Some(self.identity.user.clone());
        actions.push(Action::Rename { user: name.clone() });
        self.leave_rooms(&LeaveReason::Renamed, actions);
        actions.push(Action::Reply(None, Event::Named { user: name }));
        self.rejoin_rooms(was.as_ref(), actions);
        self.enter_first_room(actions);
        Ok(())
    }

    pub(super) fn identify(&mut self, token: Secret, id: Option<Id>, actions: &mut Vec<Action>) -> Result<(), Refusal> {
        let settled = self.has_published || (!self.capabilities.single_room && !self.rooms.is_empty());
        if settled || !self.identity.is_guest() {
            return Err(Refusal::new(Code::Forbidden, "Who you are is said before the first room and message, once"));
        }
        actions.push(Action::Identify { token, id });
        self.leave_rooms(&LeaveReason::Left(None), actions);
        self.rejoin_rooms(None, actions);
        if let Some((room, options)) = self.awaiting_auth.as_mut().and_then(|join| join.take()) {
            self.join(room, options, None, actions);
        }
        self.enter_first_room(actions);
        Ok(())
    }

    /// Enters the first room, if the client has yet to. If it is refused, the next request tries again.
    pub(super) fn enter_first_room(&mut self, actions: &mut Vec<Action>) {
        if let Some(room) = self.first_room.clone() {
            self.join(room, JoinOptions::default(), None, actions);
        }
    }

    fn leave_rooms(&self, reason: &LeaveReason, actions: &mut Vec<Action>) {
        let leave = |room: &RoomName| Action::Leave { room: room.clone(), reason: reason.clone(), id: None };
        actions.extend(self.rooms.iter().map(|(room, _)| leave(room)));
    }

    /// Joins the rooms again, which were left; `was`: under this name.
    fn rejoin_rooms(&self, was: Option<&UserName>, actions: &mut Vec<Action>) {
        actions.extend(self.rooms.iter().map(|(room, _)| {
            let group = self.group.as_ref().filter(|group| group.0 == *room).map(|group| Box::new(group.1.clone()));
            let renamed_from = was.cloned();
            let options = JoinOptions {
                history: Some(0),
                group,
                renamed_from,
                receipts: self.receipts,
                ..JoinOptions::default()
            };
            let room = room.clone();
            Action::Join(Join { room, options, visibility: Visibility::Announced, slow: None, durable: true, id: None })
        }));
    }

    /// Refuses what has to wait until the client has authenticated.
    pub(super) fn check_auth(&self, before_auth: bool) -> Result<(), Refusal> {
        if self.needs_auth() && !before_auth {
            return Err(Refusal::new(Code::Unauthorized, "Say first who you are: show a token"));
        }
        Ok(())
    }
}

/// Whether a client that says this first enters another room than the first one, or none, or that one under another
/// name.
pub(super) fn chooses_room_or_name(command: &Command) -> bool {
    matches!(
        command,
        Command::Join { .. }
            | Command::Leave { .. }
            | Command::Resume { .. }
            | Command::Quit
            | Command::Nick { .. }
            | Command::Auth { .. }
    )
}
