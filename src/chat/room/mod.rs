//! A room as a value: inputs in, effects out, total and deterministic.
//!
//! Owned and stepped by one broker. The store numbers, the room learns: `step` turns what is
//! published into drafts, the broker has them stored, and `settle` takes the answer and shows the
//! messages. Nothing is shown or acknowledged before. The broker settles before anybody enters or
//! leaves, so that a message stands before its author's leave and after its reader's join.

mod absence;
mod debt;
mod reach;
mod rule;
mod terms;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use debt::Debt;
use rule::Rule;
pub use terms::{Departure, Effect, Entrant, Input, Past, Recall, Said, Speaker};

use super::charter::Who;
use super::command::{Id, JoinWish, Span};
use super::event::{Code, Event, Presence, Recovery, Refusal, Status};
use super::limits::Limits;
use super::message::{Body, Message, Mid, Position};
use super::receipts::Receipts;
use super::record::{Deed, Draft, Mark, Outcome, StoreFailed};
use super::ring::Ring;
use super::roster::{Member, MemberId, Roster, TYPING_FOR};
use super::time::{Moment, Time};
use roomd_protocol::{RoomName, UserName};

/// A room.
#[derive(Debug)]
pub struct Room {
    name: RoomName,
    /// The two users of a private conversation.
    private: Option<(UserName, UserName)>,
    epoch: Arc<str>,
    /// Whether what is no longer in the ring can be read from the store.
    kept: bool,
    roster: Roster,
    ring: Ring,
    receipts: Receipts,
    rule: Rule,
    /// Members beyond which nobody is told who has got a message.
    receipts_members_max: usize,
    drafts: Vec<Draft>,
    /// When it last heard something, on the monotonic clock.
    heard: Duration,
    members_max: usize,
    /// Bytes of history in one answer: half of an outbox, so that an answer never fills it.
    history_bytes: usize,
}

impl Room {
    /// A room that goes on from its past.
    #[must_use]
    pub fn new(name: RoomName, past: Past, limits: &Limits) -> Self {
        let Past { epoch, seq, recent, kept } = past;
        Self {
            name,
            private: None,
            epoch,
            kept,
            roster: Roster::default(),
            ring: Ring::new(limits.history, seq, recent),
            receipts: Receipts::default(),
            rule: Rule::default(),
            receipts_members_max: limits.receipts_members_max,
            drafts: Vec::new(),
            heard: Duration::ZERO,
            members_max: limits.room_members_max,
            history_bytes: limits.outbox_bytes / 2,
        }
    }

    /// The room of a private conversation: quiet, and its messages name the other user.
    #[must_use]
    pub fn private(mut self, one: UserName, other: UserName) -> Self {
        self.private = Some((one, other));
        self
    }

    /// With how far its users have got.
    #[must_use]
    pub fn with_marks(mut self, marks: Vec<Mark>) -> Self {
        self.receipts = Receipts::new(marks);
        self
    }

    /// Whether it wants to know what was written: see [`Input::Written`].
    #[must_use]
    pub fn wants_receipts(&self) -> bool {
        // What was written in a conversation decides what is owed.
        self.private.is_some() || self.tells_receipts()
    }

    fn tells_receipts(&self) -> bool {
        self.roster.len() <= self.receipts_members_max
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// Connections in it.
    #[must_use]
    pub fn members(&self) -> usize {
        self.roster.len()
    }

    /// The member of this number, as a speaker.
    #[must_use]
    pub fn speaker(&self, member: MemberId) -> Option<Speaker> {
        self.roster.member(member).map(|found| Speaker { member, user: found.user.clone(), standing: found.standing })
    }

    /// What waits to be stored, in order.
    #[must_use]
    pub fn drafts(&self) -> &[Draft] {
        &self.drafts
    }

    /// When it wants a `Tick`, on the monotonic clock.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Duration> {
        self.roster.typing_ends().into_iter().chain(self.receipts.due()).min()
    }

    /// Messages up to the number `seq` are kept no longer, and shown no more.
    pub fn forget(&mut self, seq: u64) {
        self.ring.forget(seq);
    }

    /// Nobody is in it any more: how far users have got that nobody has heard of.
    pub fn close(&mut self) -> Vec<Mark> {
        self.receipts.gather(&self.ring, Duration::MAX).map_or(Vec::new(), |advances| advances.marks)
    }

    /// Takes one input; appends what follows from it to `effects`.
    pub fn step(&mut self, input: Input, now: Moment, effects: &mut Vec<Effect>) {
        self.heard = now.since_start;
        match input {
            Input::Join { member, guest, id } => self.join(member, guest, id, now, effects),
            Input::Leave { member, departure, id } => self.leave(member, departure, id, now, effects),
            Input::Park { member } => effects.extend(self.park(member, true)),
            Input::Resume { member, seen } => self.resume(member, seen, effects),
            Input::Written { member } => self.written(member, now),
            Input::Said { speaker, said, id } => self.said(speaker, said, id, now, effects),
            Input::Tick => {
                for user in self.roster.expire_typing(now.since_start) {
                    effects.push(self.typing(user, false));
                }
                effects.extend(self.advanced(now.since_start));
            }
        }
    }

    /// Takes the store's answer to [`Room::drafts`]: one outcome for each, in order, or a failure of all.
    ///
    /// # Panics
    /// When there are not as many outcomes as drafts, or a number is not the next: the store broke
    /// the room's order, and the room must not go on.
    pub fn settle(&mut self, outcomes: Result<Vec<Outcome>, StoreFailed>, effects: &mut Vec<Effect>) {
        let drafts = std::mem::take(&mut self.drafts);
        match outcomes {
            Ok(outcomes) => {
                assert_eq!(outcomes.len(), drafts.len(), "the store answers each draft once");
                for (draft, outcome) in drafts.into_iter().zip(outcomes) {
                    self.show(draft, outcome, effects);
                }
            }
            Err(StoreFailed) => {
                for draft in drafts {
                    if matches!(draft.deed, Deed::Publish { .. }) {
                        self.unsaid(&draft.speaker);
                    }
                    let refusal = Refusal::new(Code::Unavailable, "It could not be stored; try again");
                    effects.push(Effect::One(draft.speaker.member, draft.id, Event::Refused(refusal)));
                }
            }
        }
    }

    fn show(&mut self, draft: Draft, outcome: Outcome, effects: &mut Vec<Effect>) {
        let Draft { speaker, deed, at, id, quiet } = draft;
        match (deed, outcome) {
            (Deed::Publish { to, body, about, mid }, Outcome::Stored { seq }) => {
                if !quiet || id.is_some() {
                    effects.push(self.sent(speaker.member, id, (seq, mid.clone(), at, false)));
                }
                let (room, user) = (self.name.clone(), speaker.user);
                // The message itself says so; one that is not shown says nothing.
                self.roster.set_typing(&user, None);
                let message = Arc::new(Message { room, user, to, body, about, seq, mid, at, edited: None });
                self.ring.push(Arc::clone(&message));
                self.knows(&message);
                let echo = self.roster.member(speaker.member).is_none_or(|member| member.echo);
                let event = Event::Message(message);
                effects.push(if echo { Effect::Everyone(event) } else { Effect::Others(speaker.member, event) });
            }
            (Deed::Publish { mid, .. }, Outcome::Repeat { seq, at }) => {
                if !quiet || id.is_some() {
                    effects.push(self.sent(speaker.member, id, (seq, mid, at, true)));
                }
            }
            (Deed::Edit { seq, body, .. }, Outcome::Changed) => {
                self.ruled_over(&speaker, seq, at);
                effects.push(Effect::One(speaker.member, id, Event::Done));
                self.change(seq, body, at, speaker.user, effects);
            }
            (Deed::Amend(amendment), Outcome::Changed) => self.amended(speaker, amendment, at, id, effects),
            (Deed::Amend(amendment), Outcome::Ended { epoch }) => {
                self.ended(speaker, amendment, (at, epoch), effects);
            }
            (Deed::Edit { seq, .. }, Outcome::Missing) => {
                let refusal = Refusal::new(Code::NotFound, format!("There is no message {seq}"));
                effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            }
            (Deed::Edit { seq, .. }, Outcome::Foreign) => {
                let refusal = Refusal::new(Code::Forbidden, format!("The message {seq} is somebody else's"));
                effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            }
            (deed, outcome) => unreachable!("the store answers {deed:?} with {outcome:?}"),
        }
    }

    fn sent(&self, to: MemberId, id: Option<Id>, sent: (u64, Option<Mid>, Time, bool)) -> Effect {
        let (seq, mid, at, duplicate) = sent;
        Effect::One(to, id, Event::Sent { room: self.name.clone(), seq, mid, at, duplicate })
    }

    fn change(&mut self, seq: u64, body: Body, at: Time, user: UserName, effects: &mut Vec<Effect>) {
        self.ring.change(seq, body.clone(), at);
        effects.push(Effect::Everyone(Event::Edit { room: self.name.clone(), seq, user, body, at }));
    }

    fn join(&mut self, id: MemberId, guest: Entrant, mark: Option<Id>, now: Moment, effects: &mut Vec<Effect>) {
        let Entrant { user, standing, connection, echo, announced, status, wish } = guest;
        if self.private.is_some()
            && let Some(member) = self.roster.of(connection)
        {
            effects.push(Effect::Present(id, member));
            return;
        }
        if let Err(refusal) = self.admits(Who { user: &user, standing }, now.at) {
            effects.push(Effect::Refused(id, refusal));
            return;
        }
        if self.roster.len() >= self.members_max {
            let refusal = Refusal::new(Code::RoomFull, format!("The room {} is full", self.name));
            effects.push(Effect::Refused(id, refusal));
            return;
        }
        let debt = self.debt(&user, &wish);
        if debt == Debt::TooMuch {
            let refusal = Refusal::new(Code::Unavailable, format!("{user} has yet to be given what was said before"));
            effects.push(Effect::Refused(id, refusal));
            return;
        }
        let announced = announced && self.private.is_none();
        let since = self.ring.newest();
        let member = Member {
            user: user.clone(),
            standing,
            connection,
            echo,
            announced,
            since,
            parked: false,
            owed: BTreeMap::new(),
        };
        let before = self.roster.status(&user);
        let news = self.roster.enter(id, member, now.at);
        effects.push(Effect::Admitted(id));
        match debt {
            Debt::Messages(letters) => {
                effects.extend(letters.into_iter().map(|letter| Effect::One(id, None, Event::Message(letter))));
            }
            Debt::Past(recall) => effects.push(Effect::Recall(id, recall)),
            Debt::None | Debt::TooMuch => {}
        }
        let (recovery, shown) = self.catch_up(&wish);
        let joined = announced.then(|| self.joined(recovery));
        match wish.since {
            Some(Position { seq: after, .. }) if self.kept && recovery == Recovery::Whole => {
                let until = self.ring.newest();
                let history = wish.history.unwrap_or(0);
                effects.push(Effect::Recall(id, Recall { answer: joined, after, until, history, letters: None }));
            }
            _ => {
                effects.extend(joined.map(|joined| Effect::One(id, mark, joined)));
                effects.extend(shown.into_iter().map(|event| Effect::One(id, None, event)));
            }
        }
        if announced {
            effects.push(Effect::One(id, None, Event::Entered { room: self.name.clone(), user: user.clone() }));
        }
        if news {
            let join = Event::Join { room: self.name.clone(), user: user.clone(), at: now.at };
            effects.push(Effect::Others(id, join));
        }
        effects.extend(match status {
            Status::Away => self.status_changed(&user, status, None).filter(|_| self.roster.is_announced(&user)),
            _ => self.otherwise(&user, before),
        });
    }

    fn joined(&self, recovery: Recovery) -> Event {
        Event::Joined {
            room: self.name.clone(),
            epoch: Arc::clone(&self.epoch),
            seq: self.ring.newest(),
            members: self.roster.names(),
            count: self.roster.users(),
            recovery,
        }
    }

    /// What one who enters is shown: all since their last message, or else the newest. Where the
    /// store keeps the past, all since then is for the reader to fetch.
    fn catch_up(&self, wish: &JoinWish) -> (Recovery, Vec<Event>) {
        let recovery = match &wish.since {
            Some(since) => match self.missed(self.number(since)) {
                (Recovery::Whole, missed) => return (Recovery::Whole, missed),
                (reason, _) => reason,
            },
            None => Recovery::Whole,
        };
        let count = wish.history.unwrap_or(0);
        let newest = self.ring.before(u64::MAX, count, self.history_bytes);
        (recovery, newest.cloned().map(Event::Message).collect())
    }

    /// The messages after this number that memory has and an answer holds: perhaps not all there are.
    fn ring_after(&self, seq: u64) -> Vec<Arc<Message>> {
        self.ring.after(seq, usize::MAX, self.history_bytes).cloned().collect()
    }

    fn leave(&mut self, id: MemberId, departure: Departure, mark: Option<Id>, now: Moment, effects: &mut Vec<Effect>) {
        let before = self.roster.member(id).and_then(|member| self.roster.status(&member.user));
        let Some((member, news, last)) = self.roster.leave(id) else { return };
        let typed = last && self.roster.set_typing(&member.user, None);
        if departure == Departure::Left {
            effects.push(Effect::One(id, mark, Event::Left { room: self.name.clone() }));
        }
        effects.push(Effect::Dismissed(id));
        if departure == Departure::Closing {
            return;
        }
        if !news {
            effects.extend(self.otherwise(&member.user, before));
            // No word of a leave says that the typing is over.
            effects.extend(typed.then(|| self.typing(member.user, false)));
            return;
        }
        effects.push(Effect::Everyone(Event::Leave { room: self.name.clone(), user: member.user.clone(), at: now.at }));
        if last && departure == Departure::Disconnected {
            effects.push(Effect::Everyone(Event::Presence(Presence {
                user: member.user,
                status: Status::Offline,
                note: None,
                last_seen: now.at,
            })));
        }
    }

    fn said(&mut self, speaker: Speaker, said: Said, id: Option<Id>, now: Moment, effects: &mut Vec<Effect>) {
        self.roster.seen(&speaker.user, now.at);
        if let Err(refusal) = self.permit(&speaker, &said, now) {
            effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            return;
        }
        match said {
            Said::Publish { about: Some(about), .. } if !(1..=self.ring.newest()).contains(&about.seq()) => {
                let refusal = Refusal::new(Code::NotFound, format!("There is no message {}", about.seq()));
                effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            }
            Said::Publish { body, about, mid, quiet } => {
                let to = self.private.as_ref().map(|(a, b)| if *a == speaker.user { b.clone() } else { a.clone() });
                let deed = Deed::Publish { to, body, about, mid };
                self.drafts.push(Draft { speaker, deed, at: now.at, id, quiet });
            }
            Said::Edit { seq, body } => {
                let rules = body == Body::Deleted && self.rules(&speaker);
                let deed = Deed::Edit { seq, body, rules };
                self.drafts.push(Draft { speaker, deed, at: now.at, id, quiet: false });
            }
            Said::Receipt { receipt, seq } => {
                if let Err(refusal) = self.receipt(&speaker.user, (receipt, seq), now) {
                    effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
                }
            }
            Said::Typing(typing) => {
                let until = typing.then(|| now.since_start + TYPING_FOR);
                if self.roster.set_typing(&speaker.user, until) {
                    effects.push(self.typing(speaker.user, typing));
                }
            }
            Said::Presence { status, note } => effects.extend(self.status_changed(&speaker.user, status, note)),
            Said::History { span, limit } => {
                effects.push(Effect::One(speaker.member, id, self.history(span, limit)));
            }
            Said::Session { resume } => {
                let session = Event::Session { resume, room: self.name.clone(), seq: self.ring.newest() };
                effects.push(Effect::One(speaker.member, id, session));
            }
            Said::Found(founding) => self.found(speaker, founding, now, effects),
            Said::Govern { motion, note } => self.govern(speaker, &motion, note, now, effects),
            Said::Audit { before, count } => {
                effects.push(Effect::One(speaker.member, id, self.audit(&speaker, before, count)));
            }
            Said::Members => {
                let (members, count) = (self.roster.presences(), self.roster.users());
                let members = Event::Members { room: self.name.clone(), members, count };
                effects.push(Effect::One(speaker.member, id, members));
            }
            Said::Member(user) => {
                let members = Vec::from_iter(self.roster.presence(&user));
                let members = Event::Members { room: self.name.clone(), count: members.len(), members };
                effects.push(Effect::One(speaker.member, id, members));
            }
        }
    }

    fn history(&self, span: Span, limit: usize) -> Event {
        let messages: Vec<_> = match span {
            Span::Before(before) => self.ring.before(before, limit, self.history_bytes).cloned().collect(),
            Span::After(after) => self.ring.after(after, limit, self.history_bytes).cloned().collect(),
        };
        let complete = match span {
            Span::Before(before) => messages.first().map_or(before <= 1 || self.ring.newest() == 0, |m| m.seq == 1),
            Span::After(after) => {
                let oldest_kept = self.ring.oldest() <= after.saturating_add(1);
                oldest_kept && messages.last().map_or(after, |m| m.seq) >= self.ring.newest()
            }
        };
        Event::History { room: self.name.clone(), epoch: Arc::clone(&self.epoch), messages, complete }
    }

    fn status_changed(&mut self, user: &UserName, status: Status, note: Option<Arc<str>>) -> Option<Effect> {
        let changed = self.roster.set_status(user, status, note)?;
        Some(Effect::Everyone(Event::Presence(changed)))
    }

    fn typing(&self, user: UserName, typing: bool) -> Effect {
        let event = Event::Typing { room: self.name.clone(), user: user.clone(), typing };
        Effect::Fleeting(user, event)
    }
}
