//! Who a connection is: the part of it that names and tokens concern.
//!
//! A name is taken first and looked at then, in this order: whoever registers it looks for its users
//! after it has taken it, so one of the two sees the other (`auth/names.rs`). None of it is inlined: it is
//! rare, and a page of stack that is touched once stays with its client.

use std::sync::Arc;

use super::{Connection, Door, Undone};
use crate::auth::names;
use crate::chat::Secret;
use crate::chat::session::Dialect;
use crate::chat::{Code, End, Event, Id, Identity, Refusal, Time, UserName};
use crate::engine::Engine;
use crate::engine::directory::{Arrival, Peer};
use crate::engine::expiry::Watched;
use crate::engine::parking::Token;
use crate::engine::recipient::{Form, Recipient};
use crate::engine::stay::Stay;

impl Connection {
    /// It is one who has to say first who it is, and has as long for it as for the head of a request.
    pub fn be_stranger(&mut self) {
        let until = self.now().after(self.engine.limits.head_timeout);
        self.stay.session.be_stranger();
        self.watch_until(until, End::Unidentified);
        if self.door.dialect() == Dialect::Text {
            let how = Refusal::new(Code::Unauthorized, "Say first who you are: /auth TOKEN");
            self.reply(None, &Event::Refused(how));
        }
    }

    /// A guest whose name was registered in the moment in which it came has to go.
    #[inline(never)]
    pub(super) fn settle_name(&mut self) {
        let who = self.stay.session.identity();
        if who.is_guest() && self.engine.registered(&who.user) {
            self.outbox.end(End::Displaced);
        }
    }

    /// Has the connection end when its token does.
    pub(super) fn watch(&self) {
        if let Some(expires) = self.stay.session.identity().expires() {
            self.watch_until(expires, End::Expired);
        }
    }

    fn watch_until(&self, until: Time, why: End) {
        let (outbox, encoding) = (Arc::clone(&self.outbox), self.door.encoding);
        self.engine.expiry.watch(self.stay.number, Watched { outbox, encoding, until, why });
    }

    /// Takes another name, as a guest.
    #[inline(never)]
    pub(super) fn rename(&mut self, user: UserName) -> Result<(), Undone> {
        self.become_user(Identity::guest(user)).map_err(|refusal| Undone::Refused(None, refusal))
    }

    /// Is whom the token names, from now on.
    #[inline(never)]
    pub(super) fn identify(&mut self, token: &Secret, id: Option<Id>) -> Result<(), Undone> {
        let refused = |refusal| Undone::Refused(id.clone(), refusal);
        let who = self.engine.identify(token, self.door.address).map_err(refused)?;
        self.become_user(who.clone()).map_err(refused)?;
        self.engine.expiry.forget(self.stay.number);
        self.watch();
        let user = who.user.clone();
        log::info!(session = self.stay.number, user = user.as_str(); "session identified");
        match self.door.dialect() {
            Dialect::Text => self.reply(id, &Event::Named { user }),
            Dialect::Json => {
                let resume = self.stay.token.as_ref().map(Token::text);
                let welcome = self.engine.welcome(who, self.stay.number, resume);
                self.reply(id, &welcome);
            }
        }
        self.collect_letters();
        Ok(())
    }

    fn become_user(&mut self, who: Identity) -> Result<(), Refusal> {
        let new = arrive(&self.engine, &self.outbox, self.stay.number, who.clone(), &self.door)?;
        let old = std::mem::replace(&mut self.stay.arrival, new);
        self.stay.session.identified(who);
        old.peer().retire().into_iter().for_each(drop);
        Ok(())
    }

    /// Takes another token of the same user, which says at least as much as the one before.
    #[inline(never)]
    pub(super) fn refresh(&mut self, token: &Secret, id: Option<Id>) -> Result<(), Undone> {
        let refused = |refusal| Undone::Refused(id.clone(), refusal);
        let who = self.engine.identify(token, self.door.address).map_err(refused)?;
        let old = self.stay.session.identity();
        let rooms = self.stay.rooms.iter().map(|membership| membership.handle.room());
        if who.user != old.user || who.standing != old.standing || !rooms.into_iter().all(|room| who.may_enter(room)) {
            let message = "The token is for another user, standing or room: connect anew with it";
            return Err(refused(Refusal::new(Code::Forbidden, message)));
        }
        self.stay.session.identified(who);
        self.watch();
        self.reply(id, &Event::Done);
        Ok(())
    }

    /// Looks whether a session that was interrupted is still its user's. If so, and this connection has
    /// shown a token of the same user, that one counts from now on.
    #[inline(never)]
    pub(super) fn recognise(&self, mut stay: Stay) -> Result<Stay, Refusal> {
        let (ours, theirs) = (self.stay.session.identity(), stay.session.identity());
        if !ours.is_guest() && (&ours.user, ours.standing) == (&theirs.user, theirs.standing) {
            stay.session.identified(ours.clone());
        }
        let who = stay.session.identity();
        if who.is_guest() && self.engine.registered(&who.user) {
            stay.leave(End::Displaced);
            return Err(Refusal::new(Code::SessionExpired, "The session's name belongs to somebody now"));
        }
        if who.expires().is_some_and(|expires| expires <= self.now()) {
            stay.leave(End::Expired);
            return Err(Refusal::new(Code::SessionExpired, "The session's token has expired"));
        }
        Ok(stay)
    }

    fn now(&self) -> Time {
        self.engine.clock.now().at
    }
}

/// Enters a user into the directory, if the name is theirs to use.
fn arrive(
    engine: &Arc<Engine>,
    outbox: &Arc<super::Outbox>,
    number: u64,
    who: Identity,
    door: &Door,
) -> Result<Arrival, Refusal> {
    let recipient = Arc::clone(outbox) as Arc<dyn Recipient>;
    let peer = Peer::new(who.clone(), number, door.echo, recipient, Form::Bytes(door.encoding));
    let arrival = engine.directory.arrive(peer);
    if who.is_guest() && engine.registered(&who.user) {
        return Err(names::taken(&who.user));
    }
    Ok(arrival)
}
