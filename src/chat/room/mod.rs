//! A room as a value: inputs in, effects out, total and deterministic.
//!
//! Owned and stepped by one broker. The store numbers, the room learns: `step` turns what is
//! published into drafts, the broker has them stored, and `settle` takes the answer and shows the
//! messages. Nothing is shown or acknowledged before. The broker settles before anybody enters or
//! leaves, so that a message stands before its author's leave and after its reader's join.

mod inputs;
mod moderation;
mod offline;
mod receipts;
mod resume;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use inputs::{Effect, Input, JoinRequest, LeaveReason, ReplayRange, Snapshot};
use moderation::Moderation;
use offline::OfflineMessages;

use super::draft::{Draft, Operation, Outcome, StoreFailed};
use super::event::Event;
use super::id::Id;
use super::join_options::JoinOptions;
use super::limits::Limits;
use super::members::{MemberId, Members, RoomMember, TYPING_FOR};
use super::message::{Body, Message, Mid};
use super::note::Note;
use super::policy::Actor;
use super::position::Position;
use super::presence::{Presence, Status};
use super::receipt::ReceiptMark;
use super::receipts::Receipts;
use super::recovery::Recovery;
use super::refusal::{Code, Refusal};
use super::ring::Ring;
use super::room_request::RoomRequest;
use super::span::Span;
use super::speaker::Speaker;
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
    members: Members,
    ring: Ring,
    receipts: Receipts,
    moderation: Moderation,
    /// Members beyond which receipts are not announced.
    receipts_members_max: usize,
    drafts: Vec<Draft>,
    /// When its last input came, on the monotonic clock.
    last_input: Duration,
    members_max: usize,
    /// Bytes of history in one answer: half of an outbox, so that an answer never fills it.
    history_bytes: usize,
}

impl Room {
    /// A room with its stored state.
    #[must_use]
    pub fn new(name: RoomName, past: Snapshot, limits: &Limits) -> Self {
        let Snapshot { epoch, seq, recent, kept } = past;
        Self {
            name,
            private: None,
            epoch,
            kept,
            members: Members::default(),
            ring: Ring::new(limits.history, seq, recent),
            receipts: Receipts::default(),
            moderation: Moderation::default(),
            receipts_members_max: limits.receipts_members_max,
            drafts: Vec::new(),
            last_input: Duration::ZERO,
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

    /// With the stored receipts of its users.
    #[must_use]
    pub fn with_marks(mut self, marks: Vec<ReceiptMark>) -> Self {
        self.receipts = Receipts::new(marks);
        self
    }

    /// Whether it needs [`Input::Written`].
    #[must_use]
    pub fn wants_receipts(&self) -> bool {
        // In a private conversation they decide which messages are undelivered.
        self.private.is_some() || self.tells_receipts()
    }

    fn tells_receipts(&self) -> bool {
        self.members.len() <= self.receipts_members_max
    }

    /// The room's name.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// Connections in it.
    #[must_use]
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// The member of this number, as a speaker.
    #[must_use]
    pub fn speaker(&self, member: MemberId) -> Option<Speaker> {
        self.members.member(member).map(|found| Speaker {
            member,
            user: found.user.clone(),
            auth_level: found.auth_level,
        })
    }

    /// The drafts that wait to be stored, in order.
    #[must_use]
    pub fn drafts(&self) -> &[Draft] {
        &self.drafts
    }

    /// When it wants a `Tick`, on the monotonic clock.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Duration> {
        self.members.typing_ends().into_iter().chain(self.receipts.due()).min()
    }

    /// Forgets the messages up to the number `seq`.
    pub fn forget(&mut self, seq: u64) {
        self.ring.forget(seq);
    }

    /// The last member has left: returns the marks that were not announced yet.
    pub fn close(&mut self) -> Vec<ReceiptMark> {
        self.receipts.gather(&self.ring, Duration::MAX).map_or(Vec::new(), |advances| advances.marks)
    }

    /// Takes one input; appends what follows from it to `effects`.
    pub fn step(&mut self, input: Input, now: Moment, effects: &mut Vec<Effect>) {
        self.last_input = now.since_start;
        match input {
            Input::Join { member, request, id } => self.join(member, request, id, now, effects),
            Input::Leave { member, reason, id } => self.leave(member, reason, id, now, effects),
            Input::Detach { member } => effects.extend(self.detach(member, true)),
            Input::Resume { member, seen } => self.resume(member, seen, effects),
            Input::Written { member } => self.written(member, now),
            Input::Request { speaker, request, id } => self.request(speaker, request, id, now, effects),
            Input::Tick => {
                for user in self.members.expire_typing(now.since_start) {
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
                    if matches!(draft.operation, Operation::Publish { .. }) {
                        self.forget_last_message(&draft.speaker);
                    }
                    let refusal = Refusal::new(Code::Unavailable, "It could not be stored; try again");
                    effects.push(Effect::One(draft.speaker.member, draft.id, Event::Refused(refusal)));
                }
            }
        }
    }

    fn show(&mut self, draft: Draft, outcome: Outcome, effects: &mut Vec<Effect>) {
        let Draft { speaker, operation, at, id, quiet } = draft;
        match (operation, outcome) {
            (Operation::Publish { to, body, about, mid }, Outcome::Stored { seq }) => {
                if !quiet || id.is_some() {
                    effects.push(self.sent(speaker.member, id, (seq, mid.clone(), at, false)));
                }
                let (room, user) = (self.name.clone(), speaker.user);
                // The message itself ends the typing notice, once it is shown.
                self.members.set_typing(&user, None);
                let message = Arc::new(Message { to, about, mid, ..Message::new(room, user, body, seq, at) });
                self.ring.push(Arc::clone(&message));
                self.mark_own_written(&message);
                let echo = self.members.member(speaker.member).is_none_or(|member| member.echo);
                let event = Event::Message(message);
                effects.push(if echo { Effect::Everyone(event) } else { Effect::Others(speaker.member, event) });
            }
            (Operation::Publish { mid, .. }, Outcome::Repeat { seq, at }) => {
                if !quiet || id.is_some() {
                    effects.push(self.sent(speaker.member, id, (seq, mid, at, true)));
                }
            }
            (Operation::Edit { seq, body, .. }, Outcome::Changed) => {
                self.record_deletion(&speaker, seq, at);
                effects.push(Effect::One(speaker.member, id, Event::Done));
                self.change(seq, body, at, speaker.user, effects);
            }
            (Operation::Moderate(action), Outcome::Changed) => self.moderated(speaker, action, at, id, effects),
            (Operation::Moderate(action), Outcome::Ended { epoch }) => {
                self.ended(speaker, action, (at, epoch), effects);
            }
            (Operation::Edit { seq, .. }, Outcome::Missing) => {
                let refusal = Refusal::new(Code::NotFound, format!("There is no message {seq}"));
                effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            }
            (Operation::Edit { seq, .. }, Outcome::NotAuthor) => {
                let refusal = Refusal::new(Code::Forbidden, format!("The message {seq} is somebody else's"));
                effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            }
            (operation, outcome) => unreachable!("the store answers {operation:?} with {outcome:?}"),
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

    fn join(
        &mut self,
        id: MemberId,
        request: JoinRequest,
        request_id: Option<Id>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let JoinRequest { user, auth_level, connection, echo, announced, status, options } = request;
        if self.private.is_some()
            && let Some(member) = self.members.of(connection)
        {
            effects.push(Effect::AlreadyJoined(id, member));
            return;
        }
        if let Err(refusal) = self.admits(Actor { user: &user, auth_level }, now.at) {
            effects.push(Effect::Refused(id, refusal));
            return;
        }
        if self.members.len() >= self.members_max {
            let refusal = Refusal::new(Code::RoomFull, format!("The room {} is full", self.name));
            effects.push(Effect::Refused(id, refusal));
            return;
        }
        let offline_messages = self.offline_messages(&user, &options);
        if offline_messages == OfflineMessages::TooMuch {
            let refusal = Refusal::new(Code::Unavailable, format!("{user} has yet to be given what was said before"));
            effects.push(Effect::Refused(id, refusal));
            return;
        }
        let announced = announced && self.private.is_none();
        let since = self.ring.newest();
        let member = RoomMember {
            user: user.clone(),
            auth_level,
            connection,
            echo,
            announced,
            since,
            detached: false,
            deferred_receipts: BTreeMap::new(),
        };
        let before = self.members.status(&user);
        let announce = self.members.enter(id, member, now.at);
        effects.push(Effect::Admitted(id));
        match offline_messages {
            OfflineMessages::Messages(offline_messages) => {
                effects
                    .extend(offline_messages.into_iter().map(|message| Effect::One(id, None, Event::Message(message))));
            }
            OfflineMessages::Past(replay) => effects.push(Effect::Replay(id, replay)),
            OfflineMessages::None | OfflineMessages::TooMuch => {}
        }
        let (recovery, shown) = self.initial_events(&options);
        let joined = announced.then(|| self.joined(recovery));
        match options.since {
            Some(Position { seq: after, .. }) if self.kept && recovery == Recovery::Whole => {
                let until = self.ring.newest();
                let history = options.history.unwrap_or(0);
                effects.push(Effect::Replay(id, ReplayRange { answer: joined, after, until, history, offline: None }));
            }
            _ => {
                effects.extend(joined.map(|joined| Effect::One(id, request_id, joined)));
                effects.extend(shown.into_iter().map(|event| Effect::One(id, None, event)));
            }
        }
        if announced {
            effects.push(Effect::One(id, None, Event::Entered { room: self.name.clone(), user: user.clone() }));
        }
        if announce {
            let join = Event::Join { room: self.name.clone(), user: user.clone(), at: now.at };
            effects.push(Effect::Others(id, join));
        }
        effects.extend(match status {
            Status::Away => self.status_changed(&user, status, None).filter(|_| self.members.is_announced(&user)),
            _ => self.presence_change(&user, before),
        });
    }

    fn joined(&self, recovery: Recovery) -> Event {
        Event::Joined {
            room: self.name.clone(),
            epoch: Arc::clone(&self.epoch),
            seq: self.ring.newest(),
            members: self.members.names(),
            count: self.members.users(),
            recovery,
        }
    }

    /// What a new member is sent: all events since its last message, or else the newest messages. Where the
    /// store keeps the history, the reader fetches the events since then.
    fn initial_events(&self, options: &JoinOptions) -> (Recovery, Vec<Event>) {
        let recovery = match &options.since {
            Some(since) => match self.missed(self.number(since)) {
                (Recovery::Whole, missed) => return (Recovery::Whole, missed),
                (reason, _) => reason,
            },
            None => Recovery::Whole,
        };
        let count = options.history.unwrap_or(0);
        let newest = self.ring.before(u64::MAX, count, self.history_bytes);
        (recovery, newest.cloned().map(Event::Message).collect())
    }

    /// The messages after this number that are in memory and fit in an answer: perhaps not all there are.
    fn ring_after(&self, seq: u64) -> Vec<Arc<Message>> {
        self.ring.after(seq, usize::MAX, self.history_bytes).cloned().collect()
    }

    fn leave(
        &mut self,
        id: MemberId,
        reason: LeaveReason,
        request_id: Option<Id>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let before = self.members.member(id).and_then(|member| self.members.status(&member.user));
        let Some((member, announce, last)) = self.members.leave(id) else { return };
        let typed = last && self.members.set_typing(&member.user, None);
        if reason == LeaveReason::Left {
            effects.push(Effect::One(id, request_id, Event::Left { room: self.name.clone() }));
        }
        effects.push(Effect::Left(id));
        if reason == LeaveReason::Closing {
            return;
        }
        if !announce {
            effects.extend(self.presence_change(&member.user, before));
            // No leave is announced that would end the typing notice.
            effects.extend(typed.then(|| self.typing(member.user, false)));
            return;
        }
        effects.push(Effect::Everyone(Event::Leave { room: self.name.clone(), user: member.user.clone(), at: now.at }));
        if last && reason == LeaveReason::Disconnected {
            effects.push(Effect::Everyone(Event::Presence(Presence {
                user: member.user,
                status: Status::Offline,
                note: None,
                last_seen: now.at,
            })));
        }
    }

    fn request(
        &mut self,
        speaker: Speaker,
        request: RoomRequest,
        id: Option<Id>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        self.members.seen(&speaker.user, now.at);
        if let Err(refusal) = self.authorize(&speaker, &request, now) {
            effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            return;
        }
        match request {
            RoomRequest::Publish { about: Some(about), .. } if !(1..=self.ring.newest()).contains(&about.seq()) => {
                let refusal = Refusal::new(Code::NotFound, format!("There is no message {}", about.seq()));
                effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
            }
            RoomRequest::Publish { body, about, mid, quiet } => {
                let to = self.private.as_ref().map(|(a, b)| if *a == speaker.user { b.clone() } else { a.clone() });
                let operation = Operation::Publish { to, body, about, mid };
                self.drafts.push(Draft { id, quiet, ..Draft::new(speaker, operation, now.at) });
            }
            RoomRequest::Edit { seq, body } => {
                let as_moderator = body == Body::Deleted && self.may_delete_others(&speaker);
                let operation = Operation::Edit { seq, body, as_moderator };
                self.drafts.push(Draft { id, ..Draft::new(speaker, operation, now.at) });
            }
            RoomRequest::Receipt { receipt, seq } => {
                if let Err(refusal) = self.receipt(&speaker.user, (receipt, seq), now) {
                    effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
                }
            }
            RoomRequest::Typing(typing) => {
                let until = typing.then(|| now.since_start + TYPING_FOR);
                if self.members.set_typing(&speaker.user, until) {
                    effects.push(self.typing(speaker.user, typing));
                }
            }
            RoomRequest::Presence { status, note } => effects.extend(self.status_changed(&speaker.user, status, note)),
            RoomRequest::History { span, limit } => {
                effects.push(Effect::One(speaker.member, id, self.history(span, limit)));
            }
            RoomRequest::Session { resume } => {
                let session = Event::Session { resume, room: self.name.clone(), seq: self.ring.newest() };
                effects.push(Effect::One(speaker.member, id, session));
            }
            RoomRequest::Create(options) => self.create(speaker, options, now, effects),
            RoomRequest::Moderate { request, note } => self.moderate(speaker, &request, note, now, effects),
            RoomRequest::Audit { before, count } => {
                effects.push(Effect::One(speaker.member, id, self.audit(&speaker, before, count)));
            }
            RoomRequest::Members => {
                let (members, count) = (self.members.presences(), self.members.users());
                let members = Event::Members { room: self.name.clone(), members, count };
                effects.push(Effect::One(speaker.member, id, members));
            }
            RoomRequest::Member(user) => {
                let members = Vec::from_iter(self.members.presence(&user));
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

    fn status_changed(&mut self, user: &UserName, status: Status, note: Option<Note>) -> Option<Effect> {
        let changed = self.members.set_status(user, status, note)?;
        Some(Effect::Everyone(Event::Presence(changed)))
    }

    fn typing(&self, user: UserName, typing: bool) -> Effect {
        let event = Event::Typing { room: self.name.clone(), user: user.clone(), typing };
        Effect::BestEffort(user, event)
    }
}
