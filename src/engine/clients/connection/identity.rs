//! The identity of a connection: logging in, renaming, tokens.
//!
//! A connection first enters the directory under its name and then checks whether the name is registered; a
//! registration first takes the name and then looks for its users, so one of the two sees the other
//! (`auth/names.rs`). These functions are rare and not inlined: a page of stack that is touched once stays resident
//! as long as the client.

use std::sync::Arc;

use super::{ActionError, Connection, ConnectionOptions};
use crate::auth::{DeviceCode, names};
use crate::chat::device::DeviceRequest;
use crate::chat::{Availability, Code, End, Event, Id, Identity, Presence, Refusal, Secret, Time, UserName};
use crate::engine::Engine;
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::clients::session::Session;
use crate::engine::clients::session_table::Token;
use crate::engine::guards::expiry::WatchedConnection;
use crate::engine::users::directory::DirectoryEntry;
use crate::engine::users::endpoint::Endpoint;
use crate::engine::users::user_connection::{ConnectionOrigin, UserConnection};

impl Connection {
    /// Requires the client to authenticate first, within the time that the head of a request may take.
    pub fn require_auth(&mut self) {
        let until = self.now().after(self.engine.limits.load().head_timeout);
        self.session.state.require_auth();
        self.watch_until(until, End::Unidentified);
        if !self.options.capabilities().welcome {
            let how = Refusal::new(Code::Unauthorized, "Say first who you are: /auth TOKEN");
            self.reply(None, &Event::Refused(how));
        }
    }

    /// Ends the connection of a guest whose name was registered while it connected, that of a device that was signed out
    /// meanwhile, and that of who was banned.
    #[inline(never)]
    pub(super) fn settle_name(&mut self) {
        let who = self.session.state.identity();
        if !self.engine.auth.is_signed_in(who) {
            self.outbox.end(End::SignedOut);
        }
        if who.is_guest() && self.engine.registered(&who.user) {
            self.outbox.end(End::Displaced);
        }
        let connection = self.session.entry.connection();
        if self.engine.is_banned(connection) {
            connection.end(End::Banned);
        }
    }

    /// Has the connection end when its token expires.
    pub(super) fn watch(&self) {
        if let Some(expires) = self.session.state.identity().expires() {
            self.watch_until(expires, End::Expired);
        }
    }

    fn watch_until(&self, until: Time, why: End) {
        let (outbox, encoding, authors) =
            (Arc::clone(&self.outbox), self.options.encoding, self.engine.authors.clone());
        self.engine.expiry.watch(self.session.number, WatchedConnection { outbox, encoding, authors, until, why });
    }

    /// Tells conversations, and those who watch the user closely, what the client says of the user.
    #[inline(never)]
    pub(super) fn tell_availability(&self, availability: Availability) {
        let (who, own) = (self.session.state.identity(), self.session.entry.connection());
        let Availability { status, note } = availability.clone();
        own.set_availability(availability);
        let presence = Presence { user: who.user.clone(), status, note, last_seen: self.now() };
        self.engine.tell_close_watchers(who, Event::Presence(presence), own, self.rooms());
        self.keep_shared();
    }

    /// Renames a guest.
    #[inline(never)]
    pub(super) fn rename(&mut self, user: UserName) -> Result<(), ActionError> {
        self.become_user(Identity::guest(user)).map_err(|refusal| ActionError::Refused(None, refusal))
    }

    /// Authenticates the client with a token, and takes on the identity that it names.
    #[inline(never)]
    pub(super) fn identify(&mut self, token: &Secret, id: Option<Id>) -> Result<(), ActionError> {
        let refused = |refusal| ActionError::Refused(id.clone(), refusal);
        let who = self.engine.identify(token, self.options.address.counted).map_err(refused)?;
        self.become_user(who.clone()).map_err(refused)?;
        self.settle_name();
        self.engine.expiry.forget(self.session.number);
        self.watch();
        let user = who.user.clone();
        log::info!(session = self.session.number, user = user.as_str(); "session identified");
        if self.options.capabilities().welcome {
            let resume = self.session.token.as_ref().map(Token::text);
            let limits = Arc::clone(self.session.state.limits());
            let welcome = self.engine.welcome(who, limits, self.session.number, resume);
            self.reply(id, &welcome);
        } else {
            self.reply(id, &Event::Named { user });
        }
        self.deliver_offline_messages();
        self.deliver_invitations();
        Ok(())
    }

    fn become_user(&mut self, who: Identity) -> Result<(), Refusal> {
        self.become_user_from(self.session.entry.connection().origin(), who)
    }

    pub(super) fn become_user_from(&mut self, origin: ConnectionOrigin, who: Identity) -> Result<(), Refusal> {
        let new = register(&self.engine, &self.outbox, self.session.number, who.clone(), (origin, &self.options))?;
        new.connection().set_availability(self.session.state.availability().clone());
        new.connection().ask_receipts(self.session.state.asks_receipts());
        let old = std::mem::replace(&mut self.session.entry, new);
        self.session.state.identified(who);
        self.show_rooms();
        old.connection().retire().into_iter().for_each(drop);
        Ok(())
    }

    /// Replaces the token by another of the same user, which permits at least the same.
    #[inline(never)]
    pub(super) fn refresh(&mut self, token: &Secret, id: Option<Id>) -> Result<(), ActionError> {
        let refused = |refusal| ActionError::Refused(id.clone(), refusal);
        let who = self.engine.identify(token, self.options.address.counted).map_err(refused)?;
        let old = self.session.state.identity();
        // A topic that a pattern matches is asked for by the token that the connection had then.
        let same_topics = self.session.patterns.is_empty() || who.rooms() == old.rooms();
        let may_stay = same_topics && self.session.state.rooms().iter().all(|(room, _)| who.may_enter(room));
        let is_same = (&who.user, who.auth_level, who.device()) == (&old.user, old.auth_level, old.device());
        if !is_same || !may_stay {
            let message = "The token is for another user, level, device or room: connect anew with it";
            return Err(refused(Refusal::new(Code::Forbidden, message)));
        }
        self.session.state.identified(who);
        self.watch();
        self.reply(id, &Event::Done);
        Ok(())
    }

    /// Gives the user's name up, and with it this connection.
    #[inline(never)]
    pub(super) fn unclaim(&mut self, id: Option<Id>) -> Result<(), ActionError> {
        let user = self.session.state.user();
        let released = self.engine.release_name(user, Some(self.session.number));
        released.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &Event::Done);
        Err(ActionError::End(End::Unidentified))
    }

    /// Lists, adds or ends the user's devices; this connection ends with its own.
    #[inline(never)]
    pub(super) fn devices(&mut self, request: DeviceRequest, id: Option<Id>) -> Result<(), ActionError> {
        let who = self.session.state.identity();
        let ends_own = who.device().is_some_and(|device| request == DeviceRequest::End(device));
        let done = match request {
            DeviceRequest::List => self.engine.devices(who).map(|devices| Event::Devices { devices }),
            DeviceRequest::Add => {
                let added = self.engine.add_device(who);
                added.map(|DeviceCode { code, expires }| Event::DeviceCode { code, expires })
            }
            DeviceRequest::End(device) => {
                self.engine.end_device(who, Some(self.session.number), device).map(|()| Event::Done)
            }
        };
        let reply = done.map_err(|refusal| ActionError::Refused(id.clone(), refusal))?;
        self.reply(id, &reply);
        if ends_own { Err(ActionError::End(End::SignedOut)) } else { Ok(()) }
    }

    /// Checks that a detached session still belongs to its user.
    #[inline(never)]
    pub(super) fn check_resumed(&self, mut session: Session) -> Result<Session, Refusal> {
        session.state.identified(self.newer_token(session.state.identity()));
        match self.check_identity(session.state.identity()) {
            Ok(()) => Ok(session),
            Err((end, refusal)) => {
                session.leave(end);
                Err(refusal)
            }
        }
    }

    /// A newer token of the same user that this connection has shown replaces that of the session which it resumes.
    pub(super) fn newer_token(&self, theirs: &Identity) -> Identity {
        let ours = self.session.state.identity();
        let of = |who: &Identity| (who.user.clone(), who.auth_level, who.device());
        if !ours.is_guest() && of(ours) == of(theirs) { ours.clone() } else { theirs.clone() }
    }

    /// Whether a session still belongs to its user, and otherwise how it ends.
    #[inline(never)]
    pub(super) fn check_identity(&self, who: &Identity) -> Result<(), (End, Refusal)> {
        let owner = self.engine.auth.names().owner(&who.user);
        let (end, message) = if who.since().is_some_and(|since| owner.as_ref().is_none_or(|owner| owner.since != since))
        {
            (End::Unidentified, "The session's name was given up")
        } else if !self.engine.auth.is_signed_in(who) {
            (End::SignedOut, "The session's device was signed out")
        } else if who.is_guest() && owner.is_some() {
            (End::Displaced, "The session's name belongs to somebody now")
        } else if who.expires().is_some_and(|expires| expires <= self.now()) {
            (End::Expired, "The session's token has expired")
        } else {
            return Ok(());
        };
        Err((end, Refusal::new(Code::SessionExpired, message)))
    }

    fn now(&self) -> Time {
        self.engine.clock.now().at
    }
}

/// Registers a connection in the directory, if its user may use the name.
fn register(
    engine: &Arc<Engine>,
    outbox: &Arc<super::Outbox>,
    number: u64,
    who: Identity,
    (origin, options): (ConnectionOrigin, &ConnectionOptions),
) -> Result<DirectoryEntry, Refusal> {
    let recipient = Arc::clone(outbox) as Arc<dyn Recipient>;
    let ConnectionOptions { encoding, echo, visibility, .. } = *options;
    let endpoint = Endpoint { recipient, form: Form::Bytes(encoding), authors: engine.authors.clone() };
    let peer = UserConnection::new(who.clone(), number, origin, echo, visibility, endpoint);
    let entry = engine.directory.register_again(peer);
    if who.is_guest() && engine.registered(&who.user) {
        return Err(names::taken(&who.user));
    }
    engine.refuse_banned(Some(&who.user), origin.address)?;
    Ok(entry)
}
