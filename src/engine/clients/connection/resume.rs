//! Resuming a session on this connection, and detaching it when the connection is lost.
//!
//! On the reader's thread; blocks on the rooms, and, during a replay, on the store and on the client.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{ActionError, Connection};
use crate::chat::room::ReplayRange;
use crate::chat::{Code, End, Event, Id, Recovery, Refusal, Seen, StoreFailed};
use crate::engine::clients::session::{ResumingRoom, Session};
use crate::engine::clients::session_table::{SessionTable, Token};
use crate::store::TakenSession;

impl Connection {
    /// Resumes a detached session in place of this connection's own.
    #[inline(never)]
    pub(super) fn resume(&mut self, token: &str, seen: &Seen, id: Option<Id>) -> Result<(), ActionError> {
        // While nobody can tell whose it is, no other server can take it either.
        let whose = self.engine.sessions.take_from_others(token);
        let taken = match whose {
            Ok(TakenSession::Moved(session, handover)) => {
                return self.resume_moved((token, handover), *session, seen, id);
            }
            Ok(TakenSession::Own | TakenSession::Unknown) | Err(StoreFailed) => {
                self.engine.sessions.take(token, &self.outbox)
            }
        };
        let taken = taken.map_err(|refusal| match refusal.code {
            Code::SessionExpired if whose.is_err() => {
                Refusal::new(Code::Unavailable, "Whose session that is cannot be told now; try again")
            }
            _ => refusal,
        });
        let session = taken.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        let mut session = self.check_resumed(session).map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        let limits = self.engine.limits.load();
        session.state.resume(self.options.capabilities(), self.options.join_history, Arc::clone(&limits));
        let resuming = session.resume(
            &self.outbox,
            (self.options.address, self.options.encoding),
            seen,
            (&limits, self.engine.store.keeps_offline_messages()),
        );
        let old = std::mem::replace(&mut self.session, session);
        if let Some(token) = &old.token {
            self.engine.sessions.forget(token);
        }
        self.engine.expiry.forget(old.number);
        old.leave(End::Left);
        self.go_on(resuming, id)
    }

    /// Goes on with a session whose rooms are resumed.
    pub(super) fn go_on(&mut self, resuming: Vec<ResumingRoom>, id: Option<Id>) -> Result<(), ActionError> {
        self.show_rooms();
        self.watch();
        self.settle_name();
        self.send_resumed(resuming, id)?;
        let Session { patterns, entry, state, .. } = &mut self.session;
        patterns.resume(&self.engine.hub, entry.connection(), state.limits().rooms_per_connection);
        Ok(())
    }

    /// Reports the rooms of the resumed session, and replays what the client missed in them.
    #[inline(never)]
    fn send_resumed(&mut self, mut resuming: Vec<ResumingRoom>, id: Option<Id>) -> Result<(), ActionError> {
        for room in &mut resuming {
            let Some(replay) = &room.replay else { continue };
            let recovery = self.recovery(room, replay);
            if recovery != Recovery::Whole {
                // Nothing is replayed.
                (room.resumed.recovery, room.resumed.missed) = (recovery, 0);
            }
        }
        let resumed = Event::Resumed {
            user: self.session.state.user().clone(),
            session: self.session.number,
            resume: self.session.token.as_ref().map(Token::text).unwrap_or_default(),
            rooms: resuming.iter().map(|room| room.resumed.clone()).collect(),
        };
        self.reply(id, &resumed);
        for ResumingRoom { resumed, replay, encoding, gate } in resuming {
            if let (Some(replay), Recovery::Whole) = (replay, resumed.recovery) {
                let past = self.replay(encoding);
                past.replay(&resumed.room, replay.after, replay.until).map_err(ActionError::End)?;
            }
            gate.open();
        }
        Ok(())
    }

    /// Whether the client can be given all that it missed in a room: not what was said in a conversation before its
    /// user's name was theirs.
    fn recovery(&self, room: &ResumingRoom, replay: &ReplayRange) -> Recovery {
        let (name, who) = (&room.resumed.room, self.session.state.identity());
        let is_theirs = who.is_guest() || !name.is_conversation() || replay.after >= replay.until;
        match if is_theirs { Ok(true) } else { self.engine.was_said_to(who, name, replay.after + 1) } {
            Ok(true) => self.replay(room.encoding).recovery(name, replay.after, replay.until),
            Ok(false) => Recovery::TooOld,
            Err(_) => Recovery::Unavailable,
        }
    }
}

/// Detaches a session whose connection was lost, or leaves its rooms; whether it is detached.
pub(super) fn detach_or_leave(sessions: &SessionTable, mut session: Session, end: End) -> bool {
    let Some(token) = session.token.clone() else {
        session.leave(end);
        return false;
    };
    // A client that has not authenticated, or has said nothing, has nothing to resume.
    // Where other servers can go on with it, a server that stops ends no session.
    let detaches = end.detaches() || end == End::Closing && sessions.is_shared();
    let refused = if detaches && !session.state.is_unheard() {
        // The rooms first, so that whoever resumes the session finds them ready.
        session.detach();
        sessions.keep_shared(&session);
        let (number, connection) = (session.number, Arc::clone(session.entry.connection()));
        match sessions.detach(&token, Box::new(session)) {
            Ok(()) => {
                // Whoever ends a connection for good notes that first, and then looks in the table: one of the two sees
                // the other.
                if let Some(end) = connection.ended() {
                    sessions.end(&BTreeSet::from([number]), end);
                }
                return true;
            }
            Err(session) => *session,
        }
    } else {
        session
    };
    sessions.forget(&token);
    refused.leave(end);
    false
}
