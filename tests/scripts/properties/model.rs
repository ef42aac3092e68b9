//! A room as lists: every message there ever was, every member, and what each is to hear.
//!
//! It numbers the messages itself, so it is the store as well. A member whose connection broke hears nothing until it is
//! back. Typing is not in it: that is told in passing, and `room` says of it only what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use roomd::chat::LeaveReason;
use roomd::chat::members::MemberId;
use roomd::chat::policy::Role;
use roomd::chat::receipts::GATHERED_FOR_LARGE;
use roomd::chat::room::{Effect, JoinRequest};
use roomd::chat::{
    AuthLevel, Code, Draft, Event, Id, Message, Moment, Note, Operation, Outcome, Position, Presence, Publication,
    Receipt, ReceiptMark, Recovery, Refusal, ResumedRoom, RoomName, Since, Span, Status, StoreFailed, Time, UserName,
};

use super::gathering::Gathering;

/// What one hears: an event, and the mark of the command that it answers.
pub type Heard = (Option<Id>, Event);

/// See the module.
pub struct Model {
    pub room: RoomName,
    pub epoch: Arc<str>,
    /// Messages that the room keeps in memory.
    pub kept_max: usize,
    /// Whether the store can be asked for all of them.
    pub keeps: bool,
    /// Members beyond which receipts are not announced.
    pub receipts_members_max: usize,
    /// All messages since the beginning, as they read now.
    pub messages: Vec<Message>,
    /// Those that were changed, and which was the newest message then.
    pub changed: BTreeMap<u64, u64>,
    pub members: Vec<Member>,
    /// The member that opened the room, as long as it is there.
    pub opener: Option<MemberId>,
    /// What each user says of itself.
    pub presences: BTreeMap<UserName, Presence>,
    pub receipts: Gathering,
    /// Who has read something that was not told yet, and the connection that said so last.
    pub readers: BTreeMap<UserName, MemberId>,
    /// The drafts that are not stored yet.
    pub drafts: Vec<Draft>,
    pub heard: BTreeMap<MemberId, Vec<Heard>>,
}

/// A member of a room.
pub struct Member {
    id: MemberId,
    guest: JoinRequest,
    /// Whether its connection broke.
    detached: bool,
    /// The receipts that it is to hear of then, the newest of each user and sense.
    deferred_receipts: BTreeMap<(Receipt, UserName), Event>,
}

impl Model {
    pub fn join(&mut self, id: MemberId, guest: JoinRequest, mark: Option<Id>, now: Moment) {
        let JoinRequest { user, visibility, .. } = guest.clone();
        let announced = visibility.is_announced();
        let known = self.is_announced(&user);
        let before = self.status_of(&user);
        let (recovery, replay) = self.catch_up(&guest);
        let since = guest.options.since.as_ref().filter(|_| recovery == Recovery::Whole);
        let first = replay.iter().find_map(|event| match event {
            Event::Message(message) => Some(message.seq),
            _ => None,
        });
        let after = since.map_or(first.map_or(self.newest(), |first| first - 1), |since| since.seq);
        if announced && self.users().is_empty() && self.newest() == 0 {
            self.opener = Some(id);
        }
        self.members.push(Member { id, guest: guest.clone(), detached: false, deferred_receipts: BTreeMap::new() });
        let fresh = Presence { user: user.clone(), status: Status::Online, note: None, last_seen: now.at };
        self.presences.entry(user.clone()).or_insert(fresh);
        let members: Vec<_> = self.users().into_iter().collect();
        let joined = Event::Joined {
            room: self.room.clone(),
            epoch: Arc::clone(&self.epoch),
            seq: self.newest(),
            after,
            read: self.receipts.read_by(&user),
            count: members.len(),
            members,
            recovery,
            rate: None,
        };
        if announced {
            self.tell(id, mark, joined);
        }
        replay.into_iter().for_each(|event| self.tell(id, None, event));
        if announced {
            self.tell(id, None, Event::Entered { room: self.room.clone(), user: user.clone() });
        }
        if announced && !known {
            let (room, registered) = (self.room.clone(), guest.auth_level > AuthLevel::Guest);
            self.tell_all(Some(id), &Event::Join { room, user: user.clone(), registered, was: None, at: now.at });
        }
        if guest.availability.status == Status::Away {
            let changed = self.set_presence(&user, Status::Away, guest.availability.note);
            changed.filter(|_| announced || known).iter().for_each(|event| self.tell_all(None, event));
        } else {
            self.tell_otherwise(&user, before);
        }
    }

    pub fn leave(&mut self, id: MemberId, reason: LeaveReason, mark: Option<Id>, now: Moment) {
        if matches!(reason, LeaveReason::Left(_)) {
            self.tell(id, mark, Event::Left { room: self.room.clone() });
        }
        let at = self.members.iter().position(|member| member.id == id).unwrap();
        let before = self.status_of(&self.members[at].guest.user);
        let JoinRequest { user, visibility, .. } = self.members.remove(at).guest;
        let announced = visibility.is_announced();
        let news = announced && !self.is_announced(&user) && reason != LeaveReason::Closing;
        self.opener = self.opener.filter(|opener| *opener != id);
        let last = !self.users().contains(&user);
        if last {
            self.presences.remove(&user);
        }
        if news {
            let reason = reason.clone();
            self.tell_all(None, &Event::Leave { room: self.room.clone(), user: user.clone(), reason, at: now.at });
        }
        if news && last && reason == LeaveReason::Disconnected {
            let presence = Presence { user, status: Status::Offline, note: None, last_seen: now.at };
            self.tell_all(None, &Event::Presence(presence));
        } else if reason != LeaveReason::Closing {
            self.tell_otherwise(&user, before);
        }
    }

    /// A connection breaks, or a member has another one.
    pub fn detach(&mut self, id: MemberId, detached: bool) {
        let user = self.member(id).guest.user.clone();
        let before = self.status_of(&user);
        self.member(id).detached = detached;
        self.tell_otherwise(&user, before);
    }

    /// A member resumes: it gets what it missed, and from then on what all members get.
    pub fn resume(&mut self, id: MemberId, seen: &Since) {
        let (recovery, missed) = self.missed(match seen {
            Since::Number(seq) => Some(*seq),
            Since::Position(position) => self.number(position),
        });
        let count = missed.iter().filter(|event| event.is_message()).count() as u64;
        let position = Some(Position { epoch: Arc::clone(&self.epoch), seq: self.newest() });
        let user = self.member(id).guest.user.clone();
        let read = self.receipts.read_by(&user);
        let resumed = ResumedRoom { room: self.room.clone(), recovery, missed: count, position, read };
        let deferred_receipts = std::mem::take(&mut self.member(id).deferred_receipts);
        let heard = self.heard.entry(id).or_default();
        heard.push((None, resumed_event(resumed)));
        heard.extend(missed.into_iter().chain(deferred_receipts.into_values()).map(|event| (None, event)));
        self.detach(id, false);
    }

    /// This member's socket has taken everything.
    pub fn written(&mut self, id: MemberId, now: Moment) {
        let user = self.member(id).guest.user.clone();
        self.reach(&user, Receipt::Written, self.newest(), now);
    }

    /// A user has got so far; in a large room nobody else wants to know.
    pub fn reach(&mut self, user: &UserName, receipt: Receipt, seq: u64, now: Moment) {
        if self.members.len() <= self.receipts_members_max {
            self.receipts.reach(user, receipt, seq, now);
        }
    }

    /// A user has read so far, on this connection.
    pub fn read(&mut self, id: MemberId, user: &UserName, seq: u64, now: Moment) {
        if self.receipts.read_by(user) < seq {
            self.readers.insert(user.clone(), id);
        }
        if self.members.len() <= self.receipts_members_max {
            self.receipts.reach(user, Receipt::Read, seq, now);
        } else {
            self.receipts.reach_one(user, Receipt::Read, seq, (now, GATHERED_FOR_LARGE));
        }
    }

    /// Tells the authors concerned, in memory as they are, what was gathered; nobody only of themselves, but that
    /// they have read it on another connection.
    pub fn gather(&mut self, now: Duration) -> Option<Effect> {
        if !self.receipts.is_due(now) {
            return None;
        }
        let (marks, after, until) = self.receipts.gather();
        let readers = std::mem::take(&mut self.readers);
        let concerned = self.kept().iter().filter(|message| after < message.seq && message.seq <= until);
        let authors: BTreeSet<_> = concerned.map(|message| message.user.clone()).collect();
        let told = marks.iter().filter(|mark| authors.len() != 1 || !authors.contains(&mark.user)).cloned();
        let receipt =
            |mark: ReceiptMark| ((mark.receipt, mark.user.clone()), Event::Receipt { room: self.room.clone(), mark });
        let told: Vec<_> = told.map(receipt).collect();
        let mut to = Vec::new();
        if self.members.len() <= self.receipts_members_max {
            let listens =
                |member: &&mut Member| member.guest.visibility.is_announced() && authors.contains(&member.guest.user);
            for member in self.members.iter_mut().filter(listens) {
                if member.detached { member.deferred_receipts.extend(told.clone()) } else { to.push(member.id) }
            }
        }
        let events: Vec<_> = told.into_iter().map(|(_, event)| event).collect();
        for id in &to {
            events.iter().for_each(|event| self.tell(*id, None, event.clone()));
        }
        let is_told = |event: &Event, member: &Member| {
            let large = self.members.len() > self.receipts_members_max;
            events.contains(event) && authors.contains(&member.guest.user) && !large
        };
        let mut own = Vec::new();
        for mark in marks.iter().filter(|mark| mark.receipt == Receipt::Read) {
            let event = Event::Receipt { room: self.room.clone(), mark: mark.clone() };
            let theirs = self
                .members
                .iter()
                .filter(|member| member.guest.user == mark.user && member.guest.visibility.is_announced());
            let others = theirs.filter(|member| readers.get(&mark.user).is_some_and(|by| *by != member.id));
            let untold = others.filter(|member| !is_told(&event, member));
            own.extend(untold.map(|member| (member.id, mark.clone(), event.clone())));
        }
        for (id, mark, event) in own {
            let member = self.member(id);
            if member.detached {
                member.deferred_receipts.insert((mark.receipt, mark.user), event);
            } else {
                self.tell(id, None, event);
            }
        }
        Some(Effect::Advanced { marks, to, events })
    }

    /// A user did something.
    pub fn seen(&mut self, user: &UserName, at: Time) {
        self.presences.entry(user.clone()).and_modify(|presence| presence.last_seen = at);
    }

    pub fn status(&mut self, user: &UserName, status: Status, note: Option<Note>) {
        let changed = self.set_presence(user, status, note);
        changed.iter().for_each(|event| self.tell_all(None, event));
    }

    pub fn history(&mut self, id: MemberId, mark: Option<Id>, span: Span, limit: usize) {
        let all: Vec<_> = match span {
            Span::Before(before) => self.messages.iter().filter(|message| message.seq < before).cloned().collect(),
            Span::After(after) => self.messages.iter().filter(|message| message.seq > after).cloned().collect(),
            Span::Latest(after) => return self.last_values(id, mark, after, limit),
        };
        let kept: Vec<_> = all.iter().filter(|message| self.kept().contains(message)).cloned().collect();
        let surplus = kept.len().saturating_sub(limit);
        let part = match span {
            Span::Before(_) => kept[surplus..].to_vec(),
            Span::After(_) | Span::Latest(_) => kept[..kept.len() - surplus].to_vec(),
        };
        let messages = part.iter().cloned().map(Arc::new).collect();
        let (room, epoch) = (self.room.clone(), Arc::clone(&self.epoch));
        self.tell(id, mark, Event::History { room, epoch, messages, complete: part == all });
    }

    /// The newest message of each key that was not deleted.
    pub fn values(&self) -> Vec<Message> {
        let is_newer = |one: &Message, other: &Message| other.key == one.key && other.seq > one.seq;
        let is_newest = |message: &&Message| !self.messages.iter().any(|other| is_newer(message, other));
        let keyed = self.messages.iter().filter(|message| message.key.is_some() && !message.body.is_deleted());
        keyed.filter(is_newest).cloned().collect()
    }

    fn last_values(&mut self, id: MemberId, mark: Option<Id>, after: u64, limit: usize) {
        // Where a store keeps them, the room has none.
        let values = if self.keeps { Vec::new() } else { self.values() };
        let all: Vec<_> = values.into_iter().filter(|message| message.seq > after).map(Arc::new).collect();
        let messages: Vec<_> = all.iter().take(limit).cloned().collect();
        let (room, epoch, complete) = (self.room.clone(), Arc::clone(&self.epoch), messages.len() == all.len());
        self.tell(id, mark, Event::History { room, epoch, messages, complete });
    }

    /// Who is in the room; of one user, whether they are.
    pub fn who(&mut self, id: MemberId, mark: Option<Id>, of: Option<&UserName>) {
        let is_asked = |user: &UserName| of.is_none_or(|of| of == user);
        let asked = self.presences.keys().filter(|user| is_asked(user));
        let members: Vec<_> = asked.filter_map(|user| self.shown(user)).collect();
        let opener = self.members.iter().find(|member| Some(member.id) == self.opener);
        let opener = opener.map(|opener| (opener.guest.user.clone(), Role::Moderator));
        let appointed = opener.filter(|(user, _)| is_asked(user)).into_iter().collect();
        self.tell(id, mark, Event::Members { room: self.room.clone(), count: members.len(), members, appointed });
    }

    pub fn session(&mut self, id: MemberId, mark: Option<Id>) {
        let session = Event::Session { resume: None, room: self.room.clone(), seq: self.newest() };
        self.tell(id, mark, session);
    }

    /// The store's outcomes, which are announced at once.
    pub fn settle(&mut self, works: bool) -> Result<Vec<Outcome>, StoreFailed> {
        let drafts = std::mem::take(&mut self.drafts);
        if works {
            return Ok(drafts.into_iter().map(|draft| self.store(draft)).collect());
        }
        for Draft { speaker, id, .. } in drafts {
            self.refuse(speaker.member, id, Code::Unavailable, "It could not be stored; try again".to_owned());
        }
        Err(StoreFailed)
    }

    fn store(&mut self, draft: Draft) -> Outcome {
        let Draft { speaker, operation, at, id, quiet, .. } = draft;
        let (seq, body) = match operation {
            Operation::Publish { to, publication } => {
                let Publication { body, about, mid, if_seq, key, if_key_seq, .. } = publication;
                let same = |message: &&Message| mid.is_some() && message.mid == mid && message.user == speaker.user;
                let before = self.messages.iter().find(same).map(|message| (message.seq, message.at));
                let newest = self.messages.len() as u64;
                if before.is_none() && if_seq.is_some_and(|seq| seq != newest) {
                    self.tell(speaker.member, id, Event::Refused(Refusal::conflict(&self.room, newest)));
                    return Outcome::Conflict { newest };
                }
                let newest = self.values().iter().find(|value| value.key == key).map_or(0, |value| value.seq);
                if before.is_none() && key.is_some() && if_key_seq.is_some_and(|seq| seq != newest) {
                    self.tell(speaker.member, id, Event::Refused(Refusal::key_conflict(&self.room, newest)));
                    return Outcome::KeyConflict { newest };
                }
                let (seq, since) = before.unwrap_or((self.messages.len() as u64 + 1, at));
                let (room, duplicate) = (self.room.clone(), before.is_some());
                if !quiet || id.is_some() {
                    let (epoch, mid) = (Arc::clone(&self.epoch), mid.clone());
                    let sent =
                        Event::Sent { room: room.clone(), epoch, seq, ephemeral: None, mid, at: since, duplicate };
                    self.tell(speaker.member, id, sent);
                }
                if duplicate {
                    return Outcome::Repeat { seq, at: since };
                }
                let message = Message { to, about, mid, key, ..Message::new(room, speaker.user, body, seq, at) };
                self.messages.push(message.clone());
                let unechoed = self.members.iter().any(|member| member.id == speaker.member && !member.guest.echo);
                self.tell_all(unechoed.then_some(speaker.member), &Event::Message(Arc::new(message)));
                return Outcome::Stored { seq };
            }
            Operation::Edit { seq, body, .. } => (seq, body),
            Operation::Moderate(_) => panic!("nobody moderates here"),
        };
        let found = self.messages.iter_mut().find(|message| message.seq == seq && !message.body.is_deleted());
        match found {
            None => {
                self.refuse(speaker.member, id, Code::NotFound, format!("There is no message {seq}"));
                Outcome::Missing
            }
            Some(message) if message.user != speaker.user => {
                self.refuse(speaker.member, id, Code::Forbidden, format!("The message {seq} is somebody else's"));
                Outcome::NotAuthor
            }
            Some(message) => {
                (message.body, message.edited) = (body.clone(), Some(at));
                self.changed.insert(seq, self.newest());
                self.tell(speaker.member, id, Event::Done);
                self.tell_all(None, &Event::Edit { room: self.room.clone(), seq, user: speaker.user, body, at });
                Outcome::Changed
            }
        }
    }

    fn catch_up(&self, guest: &JoinRequest) -> (Recovery, Vec<Event>) {
        let kept = self.kept();
        let newest = kept[kept.len().saturating_sub(guest.options.history.unwrap_or(0))..].iter().map(event).collect();
        let Some(since) = &guest.options.since else { return (Recovery::Whole, newest) };
        match self.missed(self.number(since)) {
            (Recovery::Whole, missed) => (Recovery::Whole, missed),
            (reason, _) => (reason, newest),
        }
    }

    fn number(&self, position: &Position) -> Option<u64> {
        (position.epoch == self.epoch).then_some(position.seq)
    }

    /// All after a number of this history, if it can be had, with what was changed before; or why not.
    fn missed(&self, after: Option<u64>) -> (Recovery, Vec<Event>) {
        let Some(after) = after.filter(|after| *after <= self.newest()) else {
            return (Recovery::EpochChanged, Vec::new());
        };
        let past: Vec<_> = self.past().iter().filter(|message| message.seq > after).map(event).collect();
        if past.len() as u64 == self.newest() - after {
            (Recovery::Whole, [self.changes(after), past].concat())
        } else {
            (Recovery::TooOld, Vec::new())
        }
    }

    /// The changes of messages up to `seen` that a client at this position may have missed.
    pub fn changes(&self, seen: u64) -> Vec<Event> {
        let is_unknown = |message: &&Message| self.changed.get(&message.seq).is_some_and(|newest| *newest >= seen);
        let before = self.past().iter().filter(|message| message.seq <= seen);
        before.filter(is_unknown).map(Event::changed).collect()
    }

    /// What can be had of the messages.
    pub fn past(&self) -> &[Message] {
        if self.keeps { &self.messages } else { self.kept() }
    }

    fn kept(&self) -> &[Message] {
        &self.messages[self.messages.len().saturating_sub(self.kept_max)..]
    }

    fn member(&mut self, id: MemberId) -> &mut Member {
        self.members.iter_mut().find(|member| member.id == id).unwrap()
    }

    fn users(&self) -> BTreeSet<UserName> {
        self.members.iter().map(|member| member.guest.user.clone()).collect()
    }

    fn is_announced(&self, user: &UserName) -> bool {
        self.members.iter().any(|Member { guest, .. }| guest.user == *user && guest.visibility.is_announced())
    }

    /// How others see a user: as it says, unless all its connections broke.
    fn shown(&self, user: &UserName) -> Option<Presence> {
        let mut shown = self.presences.get(user)?.clone();
        if self.members.iter().filter(|member| member.guest.user == *user).all(|member| member.detached) {
            shown.status = Status::Away;
        }
        Some(shown)
    }

    fn status_of(&self, user: &UserName) -> Option<Status> {
        self.shown(user).map(|presence| presence.status)
    }

    /// Others hear that they see a user otherwise than before, if they have heard of it.
    fn tell_otherwise(&mut self, user: &UserName, before: Option<Status>) {
        let Some(shown) = self.shown(user).filter(|_| self.is_announced(user)) else { return };
        if before.is_some_and(|before| before != shown.status) {
            self.tell_all(None, &Event::Presence(shown));
        }
    }

    fn set_presence(&mut self, user: &UserName, status: Status, note: Option<Note>) -> Option<Event> {
        let presence = self.presences.get_mut(user)?;
        let before = presence.clone();
        (presence.status, presence.note) = (status, note);
        let changed = *presence != before;
        self.shown(user).filter(|_| changed).map(Event::Presence)
    }

    /// The number of the newest message.
    pub fn newest(&self) -> u64 {
        self.messages.len() as u64
    }

    /// Whether there was ever a message of this number.
    pub fn has(&self, seq: u64) -> bool {
        (1..=self.newest()).contains(&seq)
    }

    pub fn refuse(&mut self, id: MemberId, mark: Option<Id>, code: Code, message: String) {
        self.tell(id, mark, Event::Refused(Refusal::new(code, message)));
    }

    fn tell(&mut self, id: MemberId, mark: Option<Id>, event: Event) {
        if self.members.iter().all(|member| member.id != id || !member.detached) {
            self.heard.entry(id).or_default().push((mark, event));
        }
    }

    fn tell_all(&mut self, but: Option<MemberId>, event: &Event) {
        let members: Vec<_> = self.members.iter().map(|member| member.id).filter(|id| Some(*id) != but).collect();
        members.into_iter().for_each(|id| self.tell(id, None, event.clone()));
    }
}

fn event(message: &Message) -> Event {
    Event::Message(Arc::new(message.clone()))
}

/// The events for a client that resumes one room.
pub fn resumed_event(resumed: ResumedRoom) -> Event {
    let user = UserName::parse("Ann").unwrap();
    Event::Resumed { user, session: 0, resume: "".into(), rooms: vec![resumed] }
}
