//! The rooms of a connection: creating, moderating, joining, leaving, and requests to them.
//!
//! On the reader's thread; blocks on the rooms. None of it is inlined: see `Connection::carry_out`.

use std::sync::Arc;

use super::{ActionError, Connection};
use crate::chat::bookmark::BookmarkRequest;
use crate::chat::command::{InvitationRequest, PatternRequest};
use crate::chat::display_names::DisplayNameRequest;
use crate::chat::policy::ModerationRequest;
use crate::chat::room::JoinRequest;
use crate::chat::session_state::Join;
use crate::chat::{
    CallSignal, Code, Event, Id, LeaveReason, Note, Receipt, Refusal, RoomName, RoomRequest, Signal, Span, UserName,
    Visibility,
};
use crate::engine::Engine;
use crate::engine::clients::gate::Gate;
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::clients::replay::{Replay, ReplayTarget};
use crate::engine::clients::session::{Membership, Session};
use crate::engine::rooms::hub::{JoiningClient, RoomKind};
use crate::engine::rooms::moderation::NewRoom;
use crate::engine::users::endpoint::Endpoint;
use crate::wire::Encoding;

impl Connection {
    #[inline(never)]
    pub(super) fn create(&mut self, plan: NewRoom, id: Option<Id>) -> Result<(), ActionError> {
        let room = plan.room.clone();
        let made = self.engine.create_from(self.options.address.counted, self.session.state.identity(), plan);
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
        let (number, who) = (Some(self.session.number), self.session.state.identity());
        let changed = self.engine.moderate_from(number, who, room, request, note);
        changed.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &Event::Done);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn bookmarks(&mut self, request: BookmarkRequest, id: Option<Id>) -> Result<(), ActionError> {
        let done = self.engine.bookmarks(self.session.state.identity(), self.session.number, request);
        let event = done.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &event);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn display_names(&mut self, request: DisplayNameRequest, id: Option<Id>) -> Result<(), ActionError> {
        let changed = match &request {
            DisplayNameRequest::Set(name) => Some(name.clone()),
            DisplayNameRequest::Of(_) => None,
        };
        let who = self.session.state.identity();
        let event =
            self.engine.display_names(who, request).map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        if let Some(name) = changed {
            let user = who.user.clone();
            self.engine.tell_others(who, self.session.number, Event::DisplayName { user, name: name.clone() });
            let own = self.session.entry.connection();
            own.tell_display_name(name.as_ref());
            let event = Event::DisplayName { user: who.user.clone(), name: name.clone() };
            self.engine.tell_close_watchers(who, event, own, self.rooms());
            let rooms: Vec<_> = self.session.state.rooms().iter().map(|(room, _)| room.clone()).collect();
            for room in rooms {
                self.tell(&room, RoomRequest::DisplayName(name.clone()), None)?;
            }
        }
        self.reply(id, &event);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn tell(&mut self, room: &RoomName, request: RoomRequest, id: Option<Id>) -> Result<(), ActionError> {
        if let RoomRequest::Receipt { receipt: Receipt::Read, seq } = request {
            self.tell_read_to(room, seq);
        }
        let Some(handle) = self.session.room(room) else { return self.tell_privately(room, request, id) };
        // A room that failed ends the connections of its members; until then this is the reply.
        handle.send(request, id.clone()).map_err(|_| self.room_failed(room, id))
    }

    /// Tells the user's other connections whose read marks are times how far the user has read; the rooms tell the others.
    #[inline(never)]
    fn tell_read_to(&self, room: &RoomName, seq: u64) {
        let who = self.session.state.identity();
        let others = self.engine.directory.reachable(&who.user);
        let others = others.iter().filter(|other| other.number != self.session.number);
        let endpoints: Vec<_> = others.map(|other| other.endpoint()).filter(Endpoint::has_timed_marks).collect();
        if endpoints.is_empty() || self.engine.read_up_to(who, room).is_ok_and(|read| read >= seq) {
            return;
        }
        let page = self.page(room, Span::After(seq.saturating_sub(1)), 1).unwrap_or_default();
        let Some(message) = page.first().filter(|message| message.seq == seq) else { return };
        let other = room.conversation().map(|(one, other)| if one == who.user { other } else { one });
        let event = Arc::new(Event::ReadTo { room: room.clone(), other, at: message.at });
        for endpoint in endpoints {
            // An outbox that cannot take it ends its connection.
            _ = endpoint.send(None, &event, self.engine.limits.load().slow);
        }
    }

    #[inline(never)]
    pub(super) fn join(&mut self, join: Join) -> Result<(), ActionError> {
        let Join { room, mut options, visibility, slow, durable, id } = join;
        let (invitation, is_seen) = (options.invitation.take(), visibility != Visibility::Hidden);
        let (topic, in_group, asks_receipts) = (options.topic, options.group.is_some(), options.receipts);
        let encoding = Membership::encoding(self.options.encoding, topic, in_group);
        let request = JoinRequest {
            echo: self.options.echo,
            visibility,
            availability: self.session.state.availability().clone(),
            options,
            ..JoinRequest::of(self.session.state.identity(), self.session.number)
        };
        let may_replay = request.options.may_need_replay();
        let gate = may_replay.then(|| Gate::closed(Arc::clone(&self.outbox), &self.engine.limits.load()));
        let recipient: Arc<dyn Recipient> = match &gate {
            Some(gate) => Arc::clone(gate) as _,
            None => Arc::clone(&self.outbox) as _,
        };
        let address = self.options.address.counted;
        if let Some(code) = &invitation {
            let admitted = self.engine.admit(self.session.state.identity(), &room, code, address);
            admitted.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        }
        let opening = self.engine.count_opening(&room, address);
        opening.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        let guest = JoiningClient { recipient, form: Form::Bytes(encoding), request, id: id.clone(), address };
        let joined = self.engine.hub.join(&room, &RoomKind::Open { slow, durable }, guest);
        let mut handle = joined.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        let replay = handle.take_replay();
        self.session.state.joined(room.clone(), Membership { handle, topic, in_group, visibility, asks_receipts });
        if let Some(replay) = replay {
            self.replay(encoding).give(&room, replay, id.as_ref()).map_err(ActionError::End)?;
        }
        gate.iter().for_each(|gate| gate.open());
        if is_seen {
            self.engine.accept_invitation(self.session.state.identity(), &room);
        }
        Ok(())
    }

    /// Makes or lists invitations to a room.
    #[inline(never)]
    pub(super) fn invitations(
        &mut self,
        room: RoomName,
        request: InvitationRequest,
        id: Option<Id>,
    ) -> Result<(), ActionError> {
        let who = self.session.state.identity();
        let done = match request {
            InvitationRequest::Create { options, note } => {
                let made = self.engine.create_invitation(who, &room, options, note);
                made.map(|invitation| Event::Invitation { room, invitation })
            }
            InvitationRequest::List => {
                let listed = self.engine.invitations(who, &room);
                listed.map(|invitations| Event::Invitations { room, invitations })
            }
        };
        let event = done.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &event);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn memberships(&mut self, id: Option<Id>) -> Result<(), ActionError> {
        let listed = self.engine.memberships(self.session.state.identity());
        let listed = listed.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &Event::Memberships(listed));
        Ok(())
    }

    /// Tells the client to which rooms its user was invited while away, or before on another device.
    #[inline(never)]
    pub(super) fn deliver_invitations(&mut self) {
        for invited in self.engine.waiting_invitations(self.session.state.identity()) {
            self.reply(None, &invited);
        }
    }

    pub(super) fn replay(&self, encoding: Encoding) -> Replay<'_> {
        let to = ReplayTarget::Client(&self.outbox, encoding, self.engine.authors.clone());
        Replay { store: &*self.engine.store, to, limits: self.engine.limits.load() }
    }

    #[inline(never)]
    pub(super) fn leave(&mut self, room: &RoomName, reason: LeaveReason, id: Option<Id>) -> Result<(), ActionError> {
        match self.session.state.rooms_mut().remove(room) {
            Some(Membership { handle, .. }) => handle.leave(reason, id.clone()).map_err(|_| self.room_failed(room, id)),
            None => Err(ActionError::Refused(id, Refusal::not_member(room))),
        }
    }

    /// Subscribes to the topics that a pattern matches, or no longer.
    #[inline(never)]
    pub(super) fn patterns(&mut self, request: PatternRequest, id: Option<Id>) -> Result<(), ActionError> {
        let topics_max = self.session.state.limits().rooms_per_connection;
        let Session { patterns, entry, .. } = &mut self.session;
        let done = match request {
            PatternRequest::Subscribe(_) if self.options.encoding.of_pattern().is_none() => {
                Err(Refusal::bad_request("Patterns are for the JSON and text dialects"))
            }
            PatternRequest::Subscribe(pattern) => {
                let added = patterns.add(&self.engine.hub, entry.connection(), topics_max, pattern.clone());
                added.map(|()| Event::Subscribed { pattern })
            }
            PatternRequest::Unsubscribe(pattern) => patterns.remove(&pattern).map(|()| Event::Unsubscribed { pattern }),
        };
        let event = done.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &event);
        Ok(())
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
        let signal = CallSignal { kind, from: self.session.state.user().clone(), to: to.clone(), payload };
        if self.engine.send_signal(signal) { Ok(()) } else { Err(offline()) }
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
