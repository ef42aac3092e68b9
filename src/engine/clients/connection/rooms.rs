//! The rooms of a connection: creating, moderating, joining, leaving, and requests to them.
//!
//! On the reader's thread; blocks on the rooms. None of it is inlined: see `Connection::carry_out`.

use std::sync::Arc;

use super::{ActionError, Connection};
use crate::chat::policy::ModerationRequest;
use crate::chat::room::JoinRequest;
use crate::chat::session_state::Join;
use crate::chat::{Code, Event, Id, Note, Refusal, RoomName, RoomRequest, Signal, UserName};
use crate::engine::Engine;
use crate::engine::clients::gate::Gate;
use crate::engine::clients::recipient::{Form, Recipient, Undelivered};
use crate::engine::clients::replay::Replay;
use crate::engine::clients::session::Membership;
use crate::engine::rooms::hub::{JoiningClient, RoomKind};
use crate::engine::rooms::moderation::NewRoom;
use crate::wire::Encoding;

impl Connection {
    #[inline(never)]
    pub(super) fn create(&mut self, plan: NewRoom, id: Option<Id>) -> Result<(), ActionError> {
        let now = self.engine.clock.now().since_start;
        let room = plan.room.clone();
        let allowed =
            self.engine.address_limits.create_room(self.options.address, now).map_err(|refusal| refusal.about(&room));
        let made = allowed.and_then(|()| self.engine.create(self.session.state.identity(), plan));
        made.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &Event::Created { room, pinned: false });
        Ok(())
    }

    #[inline(never)]
    pub(super) fn moderate(
        &mut self,
        room: &RoomName,
        request: ModerationRequest,
        note: Option<Note>,
        id: Option<Id>,
    ) -> Result<(), ActionError> {
        let changed = self.engine.moderate(self.session.state.identity(), room, request, note);
        changed.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &Event::Done);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn tell(&mut self, room: &RoomName, request: RoomRequest, id: Option<Id>) -> Result<(), ActionError> {
        let Some(handle) = self.session.room(room) else { return self.tell_privately(room, request, id) };
        // A room that failed ends the connections of its members; until then this is the reply.
        handle.send(request, id.clone()).map_err(|_| self.room_failed(room, id))
    }

    #[inline(never)]
    pub(super) fn join(&mut self, join: Join) -> Result<(), ActionError> {
        let Join { room, options, announced, slow, durable, id } = join;
        let topic = options.topic;
        let encoding = if topic { self.options.encoding.of_topic() } else { self.options.encoding };
        let request = JoinRequest {
            echo: self.options.echo,
            announced,
            status: self.session.state.status(),
            options,
            ..JoinRequest::new(
                self.session.state.user().clone(),
                self.session.state.identity().auth_level,
                self.session.number,
            )
        };
        // Only a client that has missed something may need a replay.
        let gate = request.options.since.is_some().then(|| Gate::closed(Arc::clone(&self.outbox), &self.engine.limits));
        let recipient: Arc<dyn Recipient> = match &gate {
            Some(gate) => Arc::clone(gate) as _,
            None => Arc::clone(&self.outbox) as _,
        };
        let guest = JoiningClient { recipient, form: Form::Bytes(encoding), request, id: id.clone() };
        let joined = self.engine.hub.join(&room, &RoomKind::Open { slow, durable }, guest);
        let mut handle = joined.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        let replay = handle.take_replay();
        self.session.state.rooms_mut().insert(room.clone(), Membership { handle, topic });
        if let Some(replay) = replay {
            self.replay(encoding).give(&room, replay, id.as_ref()).map_err(ActionError::End)?;
        }
        gate.iter().for_each(|gate| gate.open());
        Ok(())
    }

    pub(super) fn replay(&self, encoding: Encoding) -> Replay<'_> {
        Replay { store: &*self.engine.store, outbox: &self.outbox, encoding, limits: &self.engine.limits }
    }

    #[inline(never)]
    pub(super) fn leave(&mut self, room: &RoomName, id: Option<Id>) -> Result<(), ActionError> {
        match self.session.state.rooms_mut().remove(room) {
            Some(Membership { handle, .. }) => handle.leave(id.clone()).map_err(|_| self.room_failed(room, id)),
            None => Err(ActionError::Refused(id, Refusal::not_member(room))),
        }
    }

    pub(super) fn room_failed(&self, room: &RoomName, id: Option<Id>) -> ActionError {
        ActionError::Refused(id, Refusal::room_failed(room))
    }

    #[inline(never)]
    pub(super) fn signal(&mut self, kind: Signal, to: &UserName, payload: Arc<str>) -> Result<(), Refusal> {
        // A user who shares no room is refused as one who is offline, so a call does not reveal who is online.
        let offline = || Refusal::new(Code::UserOffline, format!("{to} is not online"));
        if !self.meets(to) {
            return Err(offline());
        }
        let event = Arc::new(Event::Signal { kind, from: self.session.state.user().clone(), payload });
        let mut reached = false;
        for connection in self.engine.directory.connections(to) {
            let given = connection.endpoint().send(None, &event, self.engine.limits.slow);
            // An outbox that cannot take it ends its connection; a connection that is closed is not reached.
            reached |= given != Err(Undelivered::Closed);
        }
        if reached { Ok(()) } else { Err(offline()) }
    }

    /// Whether both users are in one room. The rooms are asked, since they alone know their members; private
    /// conversations do not count, since anybody can begin one. Blocks on the rooms.
    #[inline(never)]
    pub(super) fn meets(&self, other: &UserName) -> bool {
        let Engine { hub, .. } = &*self.engine;
        let who = self.session.state.identity();
        self.session.handles().any(|handle| {
            let answer = hub.ask(handle.room(), who.clone(), RoomRequest::Member(other.clone()));
            matches!(answer, Ok(Event::Members { count: 1, .. }))
        })
    }
}
