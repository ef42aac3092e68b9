//! A room against its model, with everything that members and non-members may do in any order.
//!
//! Besides what the model says it is seen to, for each member, that it sees every message once and in
//! order, wherever its connection breaks and however it comes back, and believes of it what is so; and
//! that the receipts that an author gets of a user never go back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use roomd::chat::LeaveReason;
use roomd::chat::members::{MemberId, TYPING_FOR};
use roomd::chat::room::{Effect, Input, JoinRequest, ReplayRange, Room, Snapshot};
use roomd::chat::{
    Appended, AuthLevel, Availability, Body, Code, Draft, Event, Id, JoinOptions, Limits, Message, Moment, Note,
    Operation, Position, Publication, Receipt, ReceiptMark, Recovery, RoomName, RoomRequest, Since, Speaker, Status,
    UserName, Visibility,
};
use roomd::store::{Memory, RoomLog, Store};

use super::gathering::Gathering;
use super::happening::{CONNECTIONS, Claim, Happening, happening, user};
use super::model::{Heard, Model, resumed_event};

/// Messages that the room keeps: few, so that they are forgotten.
const KEPT_MAX: usize = 4;
/// Members beyond which receipts are not announced: fewer than there may be.
const RECEIPTS_MEMBERS_MAX: usize = 4;

/// A room and its model, which get the same inputs.
struct Pair {
    room: Room,
    model: Model,
    room_log: Box<dyn RoomLog>,
    now: Moment,
    /// The member that each connection is.
    seats: [Option<MemberId>; CONNECTIONS],
    members: u64,
    /// Who is in, by the room's effects.
    table: BTreeMap<MemberId, UserName>,
    /// Who does not want its own messages back.
    unechoed: BTreeSet<MemberId>,
    /// Whose connection broke.
    absent: BTreeSet<MemberId>,
    /// The newest message when each came.
    entered: BTreeMap<MemberId, u64>,
    /// How far each has come: it has seen all before, or knows that it has not.
    seen: BTreeMap<MemberId, u64>,
    /// How far each that comes back says to have come.
    claimed: BTreeMap<MemberId, u64>,
    /// The newest receipts that each member got of the others.
    told: BTreeMap<(MemberId, Receipt, UserName), u64>,
    /// What each believes that the messages say that it has seen.
    believed: BTreeMap<MemberId, BTreeMap<u64, Body>>,
    heard: BTreeMap<MemberId, Vec<Heard>>,
    /// Whom each member believes to be typing.
    typing: BTreeMap<MemberId, BTreeSet<UserName>>,
}

impl Pair {
    /// `keeps`: the store can be asked for what is no longer in memory.
    fn new(keeps: bool) -> Self {
        let name = RoomName::parse("den").unwrap();
        let past = Snapshot { epoch: "e1".into(), seq: 0, recent: Vec::new(), kept: keeps };
        let receipts_members_max = RECEIPTS_MEMBERS_MAX;
        let limits = Limits { history: KEPT_MAX, receipts_members_max, ..Limits::default() };
        Self {
            room: Room::new(name.clone(), past, &limits),
            model: Model {
                opener: None,
                room: name.clone(),
                epoch: "e1".into(),
                kept_max: KEPT_MAX,
                keeps,
                receipts_members_max,
                messages: Vec::new(),
                changed: BTreeMap::new(),
                members: Vec::new(),
                presences: BTreeMap::new(),
                receipts: Gathering::default(),
                readers: BTreeMap::new(),
                drafts: Vec::new(),
                heard: BTreeMap::new(),
            },
            room_log: Memory.open(&name, 0).unwrap().room_log,
            now: Moment::default(),
            seats: [None; CONNECTIONS],
            members: 0,
            table: BTreeMap::new(),
            unechoed: BTreeSet::new(),
            absent: BTreeSet::new(),
            entered: BTreeMap::new(),
            seen: BTreeMap::new(),
            claimed: BTreeMap::new(),
            told: BTreeMap::new(),
            believed: BTreeMap::new(),
            heard: BTreeMap::new(),
            typing: BTreeMap::new(),
        }
    }

    /// `works` is whether the store does, `id` the mark of the command.
    fn happen(&mut self, happening: Happening, works: bool, id: Option<Id>) {
        match happening {
            Happening::Join { who, echo, announced, away, history, since } if self.seats[who].is_none() => {
                let epoch = |same| if same { "e1".into() } else { "e0".into() };
                let since = since.map(|(same, seq)| Position { epoch: epoch(same), seq });
                let guest = JoinRequest {
                    echo,
                    visibility: if announced { Visibility::Announced } else { Visibility::Silent },
                    availability: Availability {
                        status: if away { Status::Away } else { Status::Online },
                        note: history.filter(|_| away).map(|_| Note::stored("busy")),
                    },
                    options: JoinOptions { history, since, ..JoinOptions::default() },
                    ..JoinRequest::new(user(who / 2), AuthLevel::Guest, who as u64)
                };
                // As a broker does it: drafts are settled before a join or a leave.
                self.settle(works);
                self.seats[who] = Some(self.join(guest, id));
            }
            Happening::Join { .. } => {}
            Happening::Leave { who, reason } => {
                let Some(member) = self.seats[who].take() else { return };
                self.settle(works);
                self.leave(member, reason, id);
            }
            Happening::Break { who } => {
                let Some(member) = self.present(who) else { return };
                self.settle(works);
                self.absent.insert(member);
                self.typing.remove(&member);
                self.model.detach(member, true);
                self.step(Input::Detach { member });
            }
            Happening::Resume { who, claim } => {
                let Some(member) = self.seats[who].filter(|member| self.absent.contains(member)) else { return };
                self.settle(works);
                self.resume(member, claim);
            }
            Happening::Write { who } => {
                let Some(member) = self.present(who) else { return };
                self.settle(works);
                self.model.written(member, self.now);
                self.step(Input::Written { member });
            }
            Happening::Say { who, request } => {
                let Some(member) = self.present(who) else { return };
                let speaker = self.room.speaker(member).unwrap();
                assert_eq!(speaker.user, user(who / 2));
                self.say(speaker, request, id);
            }
            Happening::Visit { user: who, request } => {
                let member = self.number();
                self.say(
                    Speaker { member, user: user(who), auth_level: AuthLevel::Guest, has_own_rate: false },
                    request,
                    id,
                );
            }
            Happening::Settle => self.settle(works),
            Happening::Pass { ms } => self.pass(Duration::from_millis(ms)),
        }
    }

    /// The member that a connection is, if it is in and whole.
    fn present(&self, who: usize) -> Option<MemberId> {
        self.seats[who].filter(|member| !self.absent.contains(member))
    }

    fn number(&mut self) -> MemberId {
        self.members += 1;
        MemberId(self.members)
    }

    fn join(&mut self, request: JoinRequest, id: Option<Id>) -> MemberId {
        let member = self.number();
        if !request.echo {
            self.unechoed.insert(member);
        }
        self.model.join(member, request.clone(), id.clone(), self.now);
        self.step(Input::Join { member, request, id });
        member
    }

    fn leave(&mut self, member: MemberId, reason: LeaveReason, id: Option<Id>) {
        let user = self.table[&member].clone();
        self.model.leave(member, reason.clone(), id.clone(), self.now);
        let is_closing = reason == LeaveReason::Closing;
        self.step(Input::Leave { member, reason, id });
        self.absent.remove(&member);
        if is_closing {
            // The server stops: what others believe is of no use to them any more.
            self.typing.values_mut().for_each(|believed| believed.retain(|other| *other != user));
        }
    }

    fn resume(&mut self, member: MemberId, claim: Claim) {
        let (epoch, entered) = (self.model.epoch.clone(), self.entered[&member]);
        let is_true = matches!(claim, Claim::True);
        let (seen, number) = match (claim, self.seen.get(&member).copied()) {
            (Claim::True, Some(seq)) => (Since::Position(Position { epoch, seq }), seq),
            (Claim::True, None) | (Claim::Nothing, _) => (Since::Position(Position { epoch, seq: entered }), entered),
            (Claim::Number(seq), _) => (Since::Number(seq), seq),
            (Claim::Place(true, seq), _) => (Since::Position(Position { epoch, seq }), seq),
            (Claim::Place(false, seq), _) => (Since::Position(Position { epoch: "e0".into(), seq }), seq),
        };
        self.claimed.insert(member, number);
        if !is_true {
            // A client that names no position is not sent the changes.
            self.believed.remove(&member);
        }
        self.model.resume(member, &seen);
        self.step(Input::Resume { member, seen });
        assert!(!self.absent.contains(&member), "who comes back is answered");
    }

    fn say(&mut self, speaker: Speaker, request: RoomRequest, id: Option<Id>) {
        let model = &mut self.model;
        model.seen(&speaker.user, self.now.at);
        let draft =
            |operation, quiet| Draft { id: id.clone(), quiet, ..Draft::new(speaker.clone(), operation, self.now.at) };
        match request.clone() {
            RoomRequest::Publish { publication: Publication { about: Some(about), .. }, .. }
                if !model.has(about.seq()) =>
            {
                let message = format!("There is no message {}", about.seq());
                model.refuse(speaker.member, id.clone(), Code::NotFound, message);
            }
            RoomRequest::Publish { publication, quiet } => {
                let Limits { keys_max, outbox_messages, .. } = Limits::default();
                let keys_max = if model.keeps { keys_max } else { outbox_messages / 2 };
                model.drafts.push(Draft { keys_max, ..draft(Operation::Publish { to: None, publication }, quiet) });
            }
            RoomRequest::Edit { seq, body } => {
                model.drafts.push(draft(Operation::Edit { seq, body, as_moderator: false }, false))
            }
            RoomRequest::Receipt { seq, .. } if seq > model.newest() => {
                model.refuse(speaker.member, id.clone(), Code::NotFound, format!("There is no message {seq} yet"));
            }
            RoomRequest::Receipt { receipt: Receipt::Read, seq } => {
                model.read(speaker.member, &speaker.user, seq, self.now);
            }
            RoomRequest::Receipt { receipt, seq } => model.reach(&speaker.user, receipt, seq, self.now),
            RoomRequest::Session { .. } => model.session(speaker.member, id.clone()),
            RoomRequest::Typing(_) => {}
            // Nobody here is in a group.
            RoomRequest::Finish { seq } => {
                let message = format!("The message {seq} is not yours, or no longer");
                model.refuse(speaker.member, id.clone(), Code::NotFound, message);
            }
            RoomRequest::Presence { status, note } => model.status(&speaker.user, status, note),
            RoomRequest::History { span, limit } => model.history(speaker.member, id.clone(), span, limit),
            RoomRequest::Members => model.who(speaker.member, id.clone(), None),
            RoomRequest::DisplayName(_)
            | RoomRequest::Create(_)
            | RoomRequest::Moderate { .. }
            | RoomRequest::Audit { .. }
            | RoomRequest::AskReceipts(_)
            | RoomRequest::ReadUpTo
            | RoomRequest::Forget { .. }
            | RoomRequest::About => {
                panic!("nobody moderates here")
            }
            RoomRequest::Member(user) => model.who(speaker.member, id.clone(), Some(&user)),
        }
        self.step(Input::Request { speaker, request, id });
    }

    fn settle(&mut self, works: bool) {
        assert_eq!(self.room.drafts(), self.model.drafts);
        let drafts = self.model.drafts.clone();
        let appended = self.model.settle(works).map(Appended::from);
        if works {
            assert_eq!(self.room_log.append(&drafts), appended, "the store in memory numbers as the model does");
        }
        let mut effects = Vec::new();
        self.room.settle(appended, &mut effects);
        self.carry_out(effects, None);
    }

    fn pass(&mut self, time: Duration) {
        self.now.since_start += time;
        self.now.at.0 += u64::try_from(time.as_millis()).unwrap();
        if self.room.wakes_at().is_some_and(|at| at <= self.now.since_start) {
            self.step(Input::Tick);
        }
        assert!(self.room.wakes_at().is_none_or(|at| at > self.now.since_start), "what is over is over");
        assert!(!self.model.receipts.is_due(self.now.since_start), "what was gathered is told");
    }

    fn step(&mut self, input: Input) {
        let mut effects = Vec::new();
        let mark = if let Input::Join { id, .. } = &input { id.clone() } else { None };
        self.room.step(input, self.now, &mut effects);
        self.carry_out(effects, mark.as_ref());
        assert_eq!(self.room.members(), self.model.members.len());
    }

    /// As a broker does it, and for a recall the member's reader; `join` is the mark of one.
    fn carry_out(&mut self, effects: Vec<Effect>, join: Option<&Id>) {
        for effect in effects {
            let everybody: Vec<_> = self.table.keys().copied().collect();
            match effect.clone() {
                Effect::Admitted(id) => {
                    let user = self.room.speaker(id).unwrap().user;
                    assert_eq!(self.table.insert(id, user), None);
                    self.entered.insert(id, self.model.newest());
                }
                Effect::Replay(id, replay) => self.fetch(id, join, replay),
                Effect::Resumed(id, resumed, replay) => {
                    self.absent.remove(&id);
                    // It knows what it missed: the answer says that all of it follows, or nothing.
                    let seen = if resumed.recovery == Recovery::Whole {
                        self.claimed[&id]
                    } else {
                        self.believed.remove(&id);
                        self.model.newest()
                    };
                    self.seen.insert(id, seen);
                    self.handle(id, None, resumed_event(resumed));
                    replay.into_iter().for_each(|replay| self.fetch(id, None, replay));
                }
                Effect::Advanced { to, events, .. } => {
                    assert_eq!(self.model.gather(self.now.since_start), Some(effect));
                    for id in to {
                        events.iter().for_each(|event| self.handle(id, None, event.clone()));
                    }
                }
                Effect::TellTyping(..) => panic!("the room has one server"),
                Effect::Left(id) => assert!(self.table.remove(&id).is_some()),
                Effect::Everyone(event) | Effect::Elsewhere(event) => {
                    everybody.into_iter().for_each(|id| self.handle(id, None, event.clone()))
                }
                Effect::Others(but, event) => {
                    everybody.into_iter().filter(|id| *id != but).for_each(|id| self.handle(id, None, event.clone()));
                }
                Effect::One(id, mark, event) => self.handle(id, mark, event),
                Effect::BestEffort(user, event) => {
                    let others = self.table.iter().filter(|(id, other)| **other != user && !self.absent.contains(*id));
                    let Event::Typing { user, typing, .. } = event else { panic!("nothing else passes") };
                    for (id, _) in others {
                        let believed = self.typing.entry(*id).or_default();
                        if typing {
                            believed.insert(user.clone())
                        } else {
                            believed.remove(&user)
                        };
                    }
                }
                Effect::Refused(..) | Effect::AlreadyJoined(..) => panic!("there is room for all"),
                Effect::Evicted(_) | Effect::PolicyChanged(_) => panic!("nobody moderates here"),
            }
        }
    }

    /// What comes first, and then the part of the past; what the room says meanwhile comes after it.
    fn fetch(&mut self, id: MemberId, mark: Option<&Id>, replay: ReplayRange) {
        let ReplayRange { answer, after, until, offline, .. } = replay;
        assert_eq!((until, offline), (self.model.newest(), None), "from there on it comes from the room");
        answer.into_iter().for_each(|answer| self.handle(id, mark.cloned(), answer));
        self.model.changes(after).into_iter().for_each(|change| self.handle(id, None, change));
        let past = self.model.messages.iter().filter(|message| after < message.seq && message.seq <= until);
        for message in past.cloned().collect::<Vec<_>>() {
            self.handle(id, None, Event::Message(Arc::new(message)));
        }
    }

    fn handle(&mut self, id: MemberId, mark: Option<Id>, event: Event) {
        if self.absent.contains(&id) {
            return;
        }
        match &event {
            Event::Message(message) => {
                self.typing.entry(id).or_default().remove(&message.user);
                self.sees(id, message.seq);
                self.believed.entry(id).or_default().insert(message.seq, message.body.clone());
            }
            Event::Edit { seq, body, .. } => {
                let before = self.believed.get_mut(&id).and_then(|believed| believed.get_mut(seq));
                before.into_iter().for_each(|before| *before = body.clone());
            }
            Event::Receipt { mark, .. } => self.learns(id, mark),
            Event::Leave { user, .. } => drop(self.typing.entry(id).or_default().remove(user)),
            _ => {}
        }
        self.heard.entry(id).or_default().push((mark, event));
    }

    /// From its first on, a member sees every message, once and in order.
    fn sees(&mut self, id: MemberId, seq: u64) {
        let seen = self.seen_by(id).unwrap_or((seq - 1).min(self.entered[&id]));
        assert!(seen < seq && !self.misses(id, seen, seq), "{id:?} has seen {seen} and sees {seq}");
        self.seen.insert(id, seq);
    }

    fn seen_by(&self, id: MemberId) -> Option<u64> {
        self.seen.get(&id).copied()
    }

    /// Whether there is a message between these two numbers that the member ought to have seen.
    fn misses(&self, id: MemberId, after: u64, before: u64) -> bool {
        let mut between = self.model.messages.iter().filter(|message| after < message.seq && message.seq < before);
        between.any(|message| !self.unechoed.contains(&id) || message.user != self.table[&id])
    }

    /// The receipts that an author gets of a user advance, and not beyond the newest message.
    fn learns(&mut self, id: MemberId, mark: &ReceiptMark) {
        let before = self.told.insert((id, mark.receipt, mark.user.clone()), mark.seq);
        assert!(before < Some(mark.seq) && mark.seq <= self.model.newest(), "{id:?} is told {mark:?} after {before:?}");
    }

    fn check(&mut self) {
        self.settle(true);
        self.pass(TYPING_FOR);
        assert_eq!(self.heard, self.model.heard, "each hears what it should, in one order");
        for id in self.table.keys().filter(|id| !self.absent.contains(*id)) {
            let seen = self.seen_by(*id).unwrap_or(self.entered[id]);
            assert!(!self.misses(*id, seen, u64::MAX), "{id:?} has seen {seen} and no more");
            for Message { seq, body, .. } in self.model.past() {
                let believed = self.believed.get(id).and_then(|believed| believed.get(seq));
                assert!(believed.is_none_or(|believed| believed == body), "{id:?} believes of {seq}: {believed:?}");
            }
        }
        let still: Vec<_> = self.typing.iter().filter(|(id, _)| self.table.contains_key(id)).collect();
        assert!(still.iter().all(|(_, believed)| believed.is_empty()), "typing does not end: {still:?}");
        assert_eq!(self.room.wakes_at(), None);
    }
}

proptest! {
    // Some of what goes wrong needs a few rare things in a row.
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_member_gets_what_the_lists_say(
        keeps in any::<bool>(),
        happenings in prop::collection::vec((happening(), prop::bool::weighted(0.8), any::<bool>()), 0..100),
    ) {
        let mut pair = Pair::new(keeps);
        for (number, (happening, works, marked)) in (1..).zip(happenings) {
            pair.happen(happening, works, marked.then_some(Id::Number(number)));
        }
        pair.check();
    }
}
