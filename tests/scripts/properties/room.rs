//! A room against its model, with everything that members and visitors may do in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use roomd::chat::command::{Id, JoinWish, Span};
use roomd::chat::record::{Deed, Draft};
use roomd::chat::room::{Departure, Effect, Entrant, Input, Past, Room, Said, Speaker};
use roomd::chat::roster::{MemberId, TYPING_FOR};
use roomd::chat::{About, Body, Code, Event, Limits, Mid, Moment, Position, RoomName, Standing, Status, UserName};
use roomd::store::{Ledger, Memory, Store};

use super::model::{Heard, Model};

/// Messages that the room keeps: few, so that they are forgotten.
const KEPT_MAX: usize = 4;
/// Connections; two of them are one user.
const CONNECTIONS: usize = 6;

/// What happens next. A connection that cannot do it does nothing.
#[derive(Clone, Debug)]
enum Happening {
    Join { who: usize, echo: bool, announced: bool, away: bool, history: Option<usize>, since: Option<(bool, u64)> },
    Leave { who: usize, departure: Departure },
    Say { who: usize, said: Said },
    Visit { user: usize, said: Said },
    Settle,
    Pass { ms: u64 },
}

fn happening() -> impl Strategy<Value = Happening> {
    let who = 0..CONNECTIONS;
    let since = prop::option::of((prop::bool::weighted(0.8), 0..8_u64));
    let join = (who.clone(), any::<[bool; 3]>(), prop::option::of(0..6_usize), since).prop_map(
        |(who, [echo, announced, away], history, since)| Happening::Join { who, echo, announced, away, history, since },
    );
    let departure = prop_oneof![Just(Departure::Left), Just(Departure::Disconnected), Just(Departure::Closing)];
    prop_oneof![
        3 => join,
        2 => (who.clone(), departure).prop_map(|(who, departure)| Happening::Leave { who, departure }),
        8 => (who, said()).prop_map(|(who, said)| Happening::Say { who, said }),
        1 => (0..CONNECTIONS / 2, publish()).prop_map(|(user, said)| Happening::Visit { user, said }),
        2 => Just(Happening::Settle),
        2 => (0..4_000_u64).prop_map(|ms| Happening::Pass { ms }),
    ]
}

fn publish() -> impl Strategy<Value = Said> {
    let about = prop_oneof![
        3 => Just(None),
        1 => (0..8_u64).prop_map(|seq| Some(About::Reply(seq))),
        1 => (0..8_u64).prop_map(|seq| Some(About::Reaction(seq))),
    ];
    (0..3_u8, any::<bool>(), about).prop_map(|(mid, quiet, about)| Said::Publish {
        body: Body::Text("hi".into()),
        about,
        mid: (mid > 0).then(|| Mid::parse(&mid.to_string()).unwrap()),
        quiet,
    })
}

fn said() -> impl Strategy<Value = Said> {
    let status = prop_oneof![Just(Status::Online), Just(Status::Away)];
    let limit = 1..6_usize;
    prop_oneof![
        4 => publish(),
        1 => (0..8_u64).prop_map(|seq| Said::Edit { seq, body: Body::Text("ho".into()) }),
        1 => (0..8_u64).prop_map(|seq| Said::Edit { seq, body: Body::Deleted }),
        2 => any::<bool>().prop_map(Said::Typing),
        1 => (status, prop::option::of(Just("note".into()))).prop_map(|(status, note)| Said::Presence { status, note }),
        1 => (prop_oneof![0..9_u64, Just(u64::MAX)], limit.clone())
            .prop_map(|(seq, limit)| Said::History { span: Span::Before(seq), limit }),
        1 => (0..9_u64, limit).prop_map(|(seq, limit)| Said::History { span: Span::After(seq), limit }),
        1 => Just(Said::Members),
        1 => (0..CONNECTIONS / 2).prop_map(|who| Said::Member(user(who))),
    ]
}

/// A room and its model, which are told the same.
struct Pair {
    room: Room,
    model: Model,
    ledger: Box<dyn Ledger>,
    now: Moment,
    /// The member that each connection is.
    seats: [Option<MemberId>; CONNECTIONS],
    members: u64,
    /// Who is in, by the room's effects.
    table: BTreeMap<MemberId, UserName>,
    heard: BTreeMap<MemberId, Vec<Heard>>,
    /// Whom each member believes to be typing.
    typing: BTreeMap<MemberId, BTreeSet<UserName>>,
}

impl Pair {
    fn new() -> Self {
        let name = RoomName::parse("den").unwrap();
        let past = Past { epoch: "e1".into(), seq: 0, recent: Vec::new(), kept: false };
        let limits = Limits { history: KEPT_MAX, ..Limits::default() };
        Self {
            room: Room::new(name.clone(), past, &limits),
            model: Model {
                room: name.clone(),
                epoch: "e1".into(),
                kept_max: KEPT_MAX,
                messages: Vec::new(),
                members: Vec::new(),
                presences: BTreeMap::new(),
                drafts: Vec::new(),
                heard: BTreeMap::new(),
            },
            ledger: Memory.open(&name, 0).unwrap().ledger,
            now: Moment::default(),
            seats: [None; CONNECTIONS],
            members: 0,
            table: BTreeMap::new(),
            heard: BTreeMap::new(),
            typing: BTreeMap::new(),
        }
    }

    /// `works` is whether the store does, `id` the mark of the command.
    fn happen(&mut self, happening: Happening, works: bool, id: Option<Id>) {
        match happening {
            Happening::Join { who, echo, announced, away, history, since } if self.seats[who].is_none() => {
                // As a broker does it: what was said stands before anybody enters or leaves.
                self.settle(works);
                self.members += 1;
                let member = MemberId(self.members);
                self.seats[who] = Some(member);
                let epoch = |same| if same { "e1".into() } else { "e0".into() };
                let since = since.map(|(same, seq)| Position { epoch: epoch(same), seq });
                let guest = Entrant {
                    user: user(who / 2),
                    standing: Standing::Guest,
                    connection: who as u64,
                    echo,
                    announced,
                    status: if away { Status::Away } else { Status::Online },
                    wish: JoinWish { history, since, ..JoinWish::default() },
                };
                self.model.join(member, guest.clone(), id.clone(), self.now);
                self.step(Input::Join { member, guest, id });
            }
            Happening::Leave { who, departure } => {
                let Some(member) = self.seats[who].take() else { return };
                self.settle(works);
                self.model.leave(member, departure, id.clone(), self.now);
                self.step(Input::Leave { member, departure, id });
                if departure == Departure::Closing {
                    // The server stops: what others believe is of no use to them any more.
                    self.typing.values_mut().for_each(|believed| believed.retain(|user| *user != self::user(who / 2)));
                }
            }
            Happening::Say { who, said } => {
                let Some(speaker) = self.seats[who].and_then(|member| self.room.speaker(member)) else { return };
                assert_eq!(speaker.user, user(who / 2));
                self.say(speaker, said, id);
            }
            Happening::Visit { user: who, said } => {
                self.members += 1;
                self.say(
                    Speaker { member: MemberId(self.members), user: user(who), standing: Standing::Guest },
                    said,
                    id,
                );
            }
            Happening::Settle => self.settle(works),
            Happening::Pass { ms } => self.pass(Duration::from_millis(ms)),
            Happening::Join { .. } => {}
        }
    }

    fn say(&mut self, speaker: Speaker, said: Said, id: Option<Id>) {
        let model = &mut self.model;
        model.seen(&speaker.user, self.now.at);
        let draft = |deed, quiet| Draft { speaker: speaker.clone(), deed, at: self.now.at, id: id.clone(), quiet };
        match said.clone() {
            Said::Publish { about: Some(about), .. } if !model.has(about.seq()) => {
                let message = format!("There is no message {}", about.seq());
                model.refuse(speaker.member, id.clone(), Code::NotFound, message);
            }
            Said::Publish { body, about, mid, quiet } => {
                model.drafts.push(draft(Deed::Publish { to: None, body, about, mid }, quiet));
            }
            Said::Edit { seq, body } => model.drafts.push(draft(Deed::Edit { seq, body, rules: false }, false)),
            Said::Typing(_) | Said::Receipt { .. } | Said::Session { .. } => {}
            Said::Presence { status, note } => model.status(&speaker.user, status, note),
            Said::History { span, limit } => model.history(speaker.member, id.clone(), span, limit),
            Said::Members => model.who(speaker.member, id.clone()),
            Said::Found(_) | Said::Govern { .. } | Said::Audit { .. } => panic!("nobody rules here"),
            Said::Member(user) => model.whether(speaker.member, id.clone(), &user),
        }
        self.step(Input::Said { speaker, said, id });
    }

    fn settle(&mut self, works: bool) {
        assert_eq!(self.room.drafts(), self.model.drafts);
        let drafts = self.model.drafts.clone();
        let outcomes = self.model.settle(works);
        if works {
            assert_eq!(self.ledger.append(&drafts), outcomes, "the store in memory numbers as the model does");
        }
        let mut effects = Vec::new();
        self.room.settle(outcomes, &mut effects);
        self.carry_out(effects);
    }

    fn pass(&mut self, time: Duration) {
        self.now.since_start += time;
        self.now.at.0 += u64::try_from(time.as_millis()).unwrap();
        if self.room.wakes_at().is_some_and(|at| at <= self.now.since_start) {
            self.step(Input::Tick);
        }
        assert!(self.room.wakes_at().is_none_or(|at| at > self.now.since_start), "what is over is over");
    }

    fn step(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.room.step(input, self.now, &mut effects);
        self.carry_out(effects);
        assert_eq!(self.room.members(), self.model.members.len());
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let everybody: Vec<_> = self.table.keys().copied().collect();
            match effect.clone() {
                Effect::Admitted(id) => {
                    let user = self.room.speaker(id).unwrap().user;
                    assert_eq!(self.table.insert(id, user), None);
                }
                Effect::Dismissed(id) => assert!(self.table.remove(&id).is_some()),
                Effect::Everyone(event) => everybody.into_iter().for_each(|id| self.hear(id, None, event.clone())),
                Effect::Others(but, event) => {
                    everybody.into_iter().filter(|id| *id != but).for_each(|id| self.hear(id, None, event.clone()));
                }
                Effect::One(id, mark, event) => self.hear(id, mark, event),
                Effect::Fleeting(user, event) => {
                    let others = self.table.iter().filter(|(_, other)| **other != user).map(|(id, _)| *id);
                    let Event::Typing { user, typing, .. } = event else { panic!("nothing else passes") };
                    for id in others {
                        let believed = self.typing.entry(id).or_default();
                        if typing {
                            believed.insert(user.clone())
                        } else {
                            believed.remove(&user)
                        };
                    }
                }
                Effect::Refused(..) | Effect::Present(..) => panic!("there is room for all"),
                Effect::PutOut(_) | Effect::Chartered(_) => panic!("nobody rules here"),
                Effect::Recall(..) | Effect::Returned(..) | Effect::Advanced { .. } => {
                    panic!("nobody asked: {effect:?}")
                }
            }
        }
    }

    fn hear(&mut self, id: MemberId, mark: Option<Id>, event: Event) {
        match &event {
            Event::Message(message) => drop(self.typing.entry(id).or_default().remove(&message.user)),
            Event::Leave { user, .. } => drop(self.typing.entry(id).or_default().remove(user)),
            _ => {}
        }
        self.heard.entry(id).or_default().push((mark, event));
    }

    fn check(&mut self) {
        self.settle(true);
        self.pass(TYPING_FOR);
        assert_eq!(self.heard, self.model.heard, "each hears what it should, in one order");
        for (id, heard) in &self.heard {
            let seqs = heard.iter().filter_map(|(_, event)| match event {
                Event::Message(message) => Some(message.seq),
                _ => None,
            });
            assert!(seqs.is_sorted_by(|one, next| one < next), "{id:?} sees a message twice, or out of order");
        }
        let still: Vec<_> = self.typing.iter().filter(|(id, _)| self.table.contains_key(id)).collect();
        assert!(still.iter().all(|(_, believed)| believed.is_empty()), "typing does not end: {still:?}");
        assert_eq!(self.room.wakes_at(), None);
    }
}

fn user(number: usize) -> UserName {
    UserName::parse(["Ann", "Bob", "Cy"][number]).unwrap()
}

proptest! {
    #[test]
    fn every_member_hears_what_the_lists_say(
        happenings in prop::collection::vec((happening(), prop::bool::weighted(0.8), any::<bool>()), 0..80),
    ) {
        let mut pair = Pair::new();
        for (number, (happening, works, marked)) in (1..).zip(happenings) {
            pair.happen(happening, works, marked.then_some(Id::Number(number)));
        }
        pair.check();
    }
}
