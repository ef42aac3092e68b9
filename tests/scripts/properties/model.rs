//! A room as lists: every message there ever was, every member, and what each is to hear.
//!
//! It numbers the messages itself, so it is the store as well. Typing is not in it: that is told in
//! passing, and `room` says of it only what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use roomd::chat::command::{Id, Span};
use roomd::chat::event::Recovery;
use roomd::chat::record::{Deed, Draft, Outcome, StoreFailed};
use roomd::chat::room::{Departure, Entrant};
use roomd::chat::roster::MemberId;
use roomd::chat::{Body, Code, Event, Message, Moment, Presence, Refusal, RoomName, Status, Time, UserName};

/// What one hears: an event, and the mark of the command that it answers.
pub type Heard = (Option<Id>, Event);

/// See the module.
pub struct Model {
    pub room: RoomName,
    pub epoch: Arc<str>,
    /// Messages that the room keeps in memory.
    pub kept_max: usize,
    /// All messages since the beginning, as they read now.
    pub messages: Vec<Message>,
    pub members: Vec<(MemberId, Entrant)>,
    pub presences: BTreeMap<UserName, Presence>,
    /// What was said and is not stored yet.
    pub drafts: Vec<Draft>,
    pub heard: BTreeMap<MemberId, Vec<Heard>>,
}

impl Model {
    pub fn join(&mut self, id: MemberId, guest: Entrant, mark: Option<Id>, now: Moment) {
        let Entrant { user, announced, .. } = guest.clone();
        let known = self.is_announced(&user);
        let (recovery, replay) = self.catch_up(&guest);
        self.members.push((id, guest.clone()));
        let fresh = Presence { user: user.clone(), status: Status::Online, note: None, last_seen: now.at };
        self.presences.entry(user.clone()).or_insert(fresh);
        let members: Vec<_> = self.users().into_iter().collect();
        let joined = Event::Joined {
            room: self.room.clone(),
            epoch: Arc::clone(&self.epoch),
            seq: self.messages.len() as u64,
            count: members.len(),
            members,
            recovery,
        };
        if announced {
            self.tell(id, mark, joined);
        }
        replay.into_iter().for_each(|message| self.tell(id, None, Event::Message(Arc::new(message))));
        if announced {
            self.tell(id, None, Event::Entered { room: self.room.clone(), user: user.clone() });
        }
        if announced && !known {
            self.tell_all(Some(id), &Event::Join { room: self.room.clone(), user: user.clone(), at: now.at });
        }
        if guest.status == Status::Away {
            let changed = self.set_presence(&user, Status::Away, None);
            changed.filter(|_| announced || known).iter().for_each(|event| self.tell_all(None, event));
        }
    }

    pub fn leave(&mut self, id: MemberId, departure: Departure, mark: Option<Id>, now: Moment) {
        if departure == Departure::Left {
            self.tell(id, mark, Event::Left { room: self.room.clone() });
        }
        let at = self.members.iter().position(|(member, _)| *member == id).unwrap();
        let Entrant { user, announced, .. } = self.members.remove(at).1;
        let news = announced && !self.is_announced(&user) && departure != Departure::Closing;
        let last = !self.users().contains(&user);
        if last {
            self.presences.remove(&user);
        }
        if news {
            self.tell_all(None, &Event::Leave { room: self.room.clone(), user: user.clone(), at: now.at });
        }
        if news && last && departure == Departure::Disconnected {
            let presence = Presence { user, status: Status::Offline, note: None, last_seen: now.at };
            self.tell_all(None, &Event::Presence(presence));
        }
    }

    /// A user did something.
    pub fn seen(&mut self, user: &UserName, at: Time) {
        self.presences.entry(user.clone()).and_modify(|presence| presence.last_seen = at);
    }

    pub fn status(&mut self, user: &UserName, status: Status, note: Option<Arc<str>>) {
        let changed = self.set_presence(user, status, note);
        changed.iter().for_each(|event| self.tell_all(None, event));
    }

    pub fn history(&mut self, id: MemberId, mark: Option<Id>, span: Span, limit: usize) {
        let all: Vec<_> = match span {
            Span::Before(before) => self.messages.iter().filter(|message| message.seq < before).cloned().collect(),
            Span::After(after) => self.messages.iter().filter(|message| message.seq > after).cloned().collect(),
        };
        let kept: Vec<_> = all.iter().filter(|message| self.kept().contains(message)).cloned().collect();
        let surplus = kept.len().saturating_sub(limit);
        let part = match span {
            Span::Before(_) => kept[surplus..].to_vec(),
            Span::After(_) => kept[..kept.len() - surplus].to_vec(),
        };
        let messages = part.iter().cloned().map(Arc::new).collect();
        let (room, epoch) = (self.room.clone(), Arc::clone(&self.epoch));
        self.tell(id, mark, Event::History { room, epoch, messages, complete: part == all });
    }

    pub fn who(&mut self, id: MemberId, mark: Option<Id>) {
        let members: Vec<_> = self.presences.values().cloned().collect();
        self.tell(id, mark, Event::Members { room: self.room.clone(), count: members.len(), members });
    }

    pub fn whether(&mut self, id: MemberId, mark: Option<Id>, user: &UserName) {
        let members: Vec<_> = self.presences.get(user).cloned().into_iter().collect();
        self.tell(id, mark, Event::Members { room: self.room.clone(), count: members.len(), members });
    }

    /// The store's answer to what was said, which is told at once.
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
        let Draft { speaker, deed, at, id, quiet } = draft;
        let (seq, body) = match deed {
            Deed::Publish { to, body, about, mid } => {
                let same = |message: &&Message| mid.is_some() && message.mid == mid && message.user == speaker.user;
                let before = self.messages.iter().find(same).map(|message| (message.seq, message.at));
                let (seq, since) = before.unwrap_or((self.messages.len() as u64 + 1, at));
                let (room, duplicate) = (self.room.clone(), before.is_some());
                if !quiet || id.is_some() {
                    let sent = Event::Sent { room: room.clone(), seq, mid: mid.clone(), at: since, duplicate };
                    self.tell(speaker.member, id, sent);
                }
                if duplicate {
                    return Outcome::Repeat { seq, at: since };
                }
                let message = Message { room, user: speaker.user, to, body, about, seq, mid, at, edited: None };
                self.messages.push(message.clone());
                let echo = self.members.iter().any(|(member, guest)| *member == speaker.member && !guest.echo);
                self.tell_all(echo.then_some(speaker.member), &Event::Message(Arc::new(message)));
                return Outcome::Stored { seq };
            }
            Deed::Edit { seq, body, .. } => (seq, body),
            Deed::Amend(_) => panic!("nobody rules here"),
        };
        let found = self.messages.iter_mut().find(|message| message.seq == seq && message.body != Body::Deleted);
        match found {
            None => {
                self.refuse(speaker.member, id, Code::NotFound, format!("There is no message {seq}"));
                Outcome::Missing
            }
            Some(message) if message.user != speaker.user => {
                self.refuse(speaker.member, id, Code::Forbidden, format!("The message {seq} is somebody else's"));
                Outcome::Foreign
            }
            Some(message) => {
                (message.body, message.edited) = (body.clone(), Some(at));
                self.tell(speaker.member, id, Event::Done);
                self.tell_all(None, &Event::Edit { room: self.room.clone(), seq, user: speaker.user, body, at });
                Outcome::Changed
            }
        }
    }

    fn catch_up(&self, guest: &Entrant) -> (Recovery, Vec<Message>) {
        let kept = self.kept();
        let newest = kept[kept.len().saturating_sub(guest.wish.history.unwrap_or(0))..].to_vec();
        let Some(since) = &guest.wish.since else { return (Recovery::Whole, newest) };
        if since.epoch != self.epoch || since.seq > self.messages.len() as u64 {
            return (Recovery::EpochChanged, newest);
        }
        let missed: Vec<_> = self.messages.iter().filter(|message| message.seq > since.seq).cloned().collect();
        if missed.iter().all(|message| kept.contains(message)) {
            (Recovery::Whole, missed)
        } else {
            (Recovery::TooOld, newest)
        }
    }

    fn kept(&self) -> &[Message] {
        &self.messages[self.messages.len().saturating_sub(self.kept_max)..]
    }

    fn users(&self) -> BTreeSet<UserName> {
        self.members.iter().map(|(_, guest)| guest.user.clone()).collect()
    }

    fn is_announced(&self, user: &UserName) -> bool {
        self.members.iter().any(|(_, guest)| guest.user == *user && guest.announced)
    }

    fn set_presence(&mut self, user: &UserName, status: Status, note: Option<Arc<str>>) -> Option<Event> {
        let presence = self.presences.get_mut(user)?;
        let before = presence.clone();
        (presence.status, presence.note) = (status, note);
        (*presence != before).then(|| Event::Presence(presence.clone()))
    }

    /// Whether there was ever a message of this number.
    pub fn has(&self, seq: u64) -> bool {
        (1..=self.messages.len() as u64).contains(&seq)
    }

    pub fn refuse(&mut self, id: MemberId, mark: Option<Id>, code: Code, message: String) {
        self.tell(id, mark, Event::Refused(Refusal::new(code, message)));
    }

    fn tell(&mut self, id: MemberId, mark: Option<Id>, event: Event) {
        self.heard.entry(id).or_default().push((mark, event));
    }

    fn tell_all(&mut self, but: Option<MemberId>, event: &Event) {
        let members: Vec<_> = self.members.iter().map(|(id, _)| *id).filter(|id| Some(*id) != but).collect();
        members.into_iter().for_each(|id| self.tell(id, None, event.clone()));
    }
}
