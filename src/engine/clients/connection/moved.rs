//! Resuming a session that another server had.
//!
//! The store gives the session to one server alone (`store/shared_sessions.rs`). Its rooms are entered here before the other
//! server lets it go, so that its user leaves none of them; what the client missed is replayed as to one that never was
//! elsewhere. On the reader's thread; blocks on the rooms and on the store.

use std::sync::Arc;

use super::{ActionError, Connection};
use crate::chat::room::JoinRequest;
use crate::chat::{Code, End, Id, JoinOptions, LeaveReason, Recovery, Refusal, ResumedRoom, Seen, Visibility};
use crate::engine::clients::gate::Gate;
use crate::engine::clients::recipient::{Absent, Form};
use crate::engine::clients::session::{Membership, ResumingRoom};
use crate::engine::rooms::hub::{JoiningClient, RoomKind};
use crate::engine::rooms::inbox::RoomHandle;
use crate::engine::users::user_connection::ConnectionOrigin;
use crate::store::{Handover, SharedMembership, SharedSession};

impl Connection {
    /// Goes on with a session that another server had, in place of this connection's own.
    #[inline(never)]
    pub(super) fn resume_moved(
        &mut self,
        (token, handover): (&str, Handover),
        session: SharedSession,
        seen: &Seen,
        id: Option<Id>,
    ) -> Result<(), ActionError> {
        let refused = |refusal| ActionError::Refused(id.clone(), refusal);
        // It may have been here before, and be about to be let go.
        let left_over = self.engine.sessions.take_left_over(token, handover.moved, &self.outbox).map_err(refused)?;
        let token = self.engine.sessions.adopt(token, handover.moved, &self.outbox);
        let entered = self.take_over(&session, seen);
        // Behind the rooms that are entered: its user is in them all the time.
        left_over.into_iter().for_each(|session| session.leave(End::Replaced));
        let resuming = entered.map_err(|refusal| {
            self.engine.sessions.forget(&token);
            refused(refusal)
        })?;
        // Not before: what others see of it is what it was until it is that again.
        if let Some(own) = self.session.token.replace(token) {
            self.engine.sessions.forget(&own);
        }
        self.engine.sessions.entered(handover, &session);
        self.go_on(resuming, id)?;
        self.deliver_offline_messages();
        Ok(())
    }

    /// Becomes the session's user, and enters its rooms and conversations; these, and behind them those that it has lost.
    fn take_over(&mut self, session: &SharedSession, seen: &Seen) -> Result<Vec<ResumingRoom>, Refusal> {
        let who = self.newer_token(&session.identity);
        self.check_identity(&who).map_err(|(_, refusal)| refusal)?;
        // What this connection had joined before is left.
        let before: Vec<_> = std::mem::take(self.session.state.rooms_mut()).into_handles().collect();
        // A room that failed has no membership to end.
        before.into_iter().for_each(|membership| _ = membership.handle.leave(LeaveReason::Disconnected, None));
        let origin = self.session.entry.connection().origin();
        self.become_user_from(ConnectionOrigin { began: session.began, ..origin }, who)?;
        self.engine.expiry.forget(self.session.number);
        let SharedSession { availability, asks_receipts, has_published, .. } = session;
        self.session.state.take_over(availability.clone(), *asks_receipts, *has_published);
        self.session.patterns.take_over(session.patterns.clone());
        let own = self.session.entry.connection();
        own.set_availability(availability.clone());
        own.ask_receipts(*asks_receipts);
        let mut lost = Vec::new();
        for membership in &session.rooms {
            match self.enter_again(membership) {
                Ok(handle) => {
                    let SharedMembership { room, topic, asks_receipts, .. } = membership;
                    let visibility = visibility_of(membership);
                    let (topic, asks_receipts) = (*topic, *asks_receipts);
                    let membership = Membership { handle, topic, in_group: false, visibility, asks_receipts };
                    self.session.state.joined(room.clone(), membership);
                }
                Err(refusal) => lost.push(self.lost(membership, &refusal)),
            }
        }
        self.enter_conversations(session);
        let limits = self.engine.limits.load();
        let client = (self.options.address, self.options.encoding);
        let mut resuming =
            self.session.resume(&self.outbox, client, seen, (&limits, self.engine.store.keeps_offline_messages()));
        resuming.append(&mut lost);
        Ok(resuming)
    }

    /// Enters a room as one who was in it without a client.
    fn enter_again(&self, membership: &SharedMembership) -> Result<RoomHandle, Refusal> {
        let SharedMembership { room, entered, topic, asks_receipts, .. } = membership;
        let state = &self.session.state;
        state.identity().allows(room)?;
        if membership.in_group {
            return Err(Refusal::room_failed(room));
        }
        let request = JoinRequest {
            echo: self.options.echo,
            visibility: visibility_of(membership),
            availability: state.availability().clone(),
            options: JoinOptions {
                history: Some(0),
                topic: *topic,
                receipts: *asks_receipts,
                ..JoinOptions::default()
            },
            ..JoinRequest::of(state.identity(), self.session.number)
        };
        let kind = RoomKind::Open { slow: topic.then(|| state.slow_in_topics()), durable: true };
        let (recipient, address) = (Arc::new(Absent), self.options.address.counted);
        let client = JoiningClient { recipient, form: Form::Events, request, id: None, address };
        let mut handle = self.engine.hub.join(room, &kind, client)?;
        if handle.entered().epoch != entered.epoch {
            return Err(Refusal::new(Code::NotFound, format!("The room {room} has ended")));
        }
        handle.entered_earlier(entered.clone());
        Ok(handle)
    }

    /// A room that the session cannot be in any more.
    fn lost(&self, membership: &SharedMembership, refusal: &Refusal) -> ResumingRoom {
        let recovery = match refusal.code {
            Code::Forbidden | Code::NotFound | Code::Unauthorized => Recovery::Removed,
            _ => Recovery::RoomFailed,
        };
        let encoding = Membership::encoding(self.options.encoding, membership.topic, false);
        let gate = Gate::closed(Arc::clone(&self.outbox), &self.engine.limits.load());
        ResumingRoom { resumed: ResumedRoom::lost(membership.room.clone(), recovery), replay: None, encoding, gate }
    }

    /// Enters the conversations that it had.
    fn enter_conversations(&self, session: &SharedSession) {
        let own = self.session.entry.connection();
        for (room, entered) in &session.conversations {
            let Some((one, other)) = room.conversation() else { continue };
            let entered = own.enter_detached(&self.engine.hub, (room, &RoomKind::Private(one, other)), entered.clone());
            if let Err(refusal) = entered {
                log::warn!(session = self.session.number, error:% = refusal; "conversation not entered");
            }
        }
    }
}

fn visibility_of(membership: &SharedMembership) -> Visibility {
    if membership.is_announced { Visibility::Announced } else { Visibility::Silent }
}
