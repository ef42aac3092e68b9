//! A room on a stage: names for its members, a clock that a script moves, and a store in plain lists.
//!
//! A member is called by its user; `Ann/2` is another connection of Ann's, and `@Ann` somebody who
//! speaks in Ann's name without being a member. The store answers when the script says `stored`,
//! and not before, so that what a room does in between can be seen. Where it keeps the past, what a
//! reader would fetch from it is named, and not shown.

use std::collections::BTreeMap;

use roomd::chat::charter::{Amendment, Change, Founding, Motion, Role, Settings};
use roomd::chat::command::{Id, JoinWish, Owed, Span};
use roomd::chat::event::Returned;
use roomd::chat::record::{Deed, Draft, Epoch, Outcome, Receipt, StoreFailed};
use roomd::chat::room::{Departure, Effect, Entrant, Input, Past, Room, Said, Speaker};
use roomd::chat::roster::MemberId;
use roomd::chat::{About, Body, Limits, Mid, Moment, Position, RoomName, Since, Standing, Status, Time, UserName};

use crate::{printed, transcript};

/// See the module.
pub struct Stage {
    room: Room,
    /// Every message that was stored: its author, its `mid`, when, and whether it was deleted.
    stored: Vec<(UserName, Option<Mid>, Time, bool)>,
    now: Moment,
    ids: BTreeMap<String, MemberId>,
    names: BTreeMap<MemberId, String>,
}

impl Stage {
    /// A room that nobody has been in; its history is called `e1`.
    pub fn new() -> Self {
        Self::with(&Limits::default())
    }

    /// The same with other limits.
    pub fn with(limits: &Limits) -> Self {
        Self::going_on(limits, false)
    }

    /// The same with a store that can be asked for what was said.
    pub fn kept(limits: &Limits) -> Self {
        Self::going_on(limits, true)
    }

    fn going_on(limits: &Limits, kept: bool) -> Self {
        let past = Past { epoch: "e1".into(), seq: 0, recent: Vec::new(), kept };
        Self {
            room: Room::new(RoomName::parse("den").unwrap(), past, limits),
            stored: Vec::new(),
            now: Moment::default(),
            ids: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    /// The private conversation of Ann and Bob.
    pub fn private(limits: &Limits) -> Self {
        Self::with(limits).between("Ann", "Bob")
    }

    /// The same as the private conversation of these two.
    pub fn between(self, one: &str, other: &str) -> Self {
        Self { room: self.room.private(user(one), user(other)), ..self }
    }

    /// The same with members that are in it when the script begins.
    pub fn among(mut self, members: &[&str]) -> Self {
        for who in members {
            self.take(&format!("{who} joins"));
        }
        self
    }

    /// Plays a script.
    #[track_caller]
    pub fn check(mut self, script: &str) {
        transcript::check(script, |input| self.take(input));
    }

    fn take(&mut self, input: &str) -> Vec<String> {
        let mut effects = Vec::new();
        if let Some(time) = input.strip_prefix('+') {
            self.pass(time, &mut effects);
        } else if input == "stored" {
            let outcomes = self.room.drafts().to_vec().iter().map(|draft| self.store(draft)).collect();
            self.room.settle(Ok(outcomes), &mut effects);
        } else if input == "store fails" {
            self.room.settle(Err(StoreFailed), &mut effects);
        } else if input == "the room closes" {
            let marks = self.room.close();
            return if marks.is_empty() { Vec::new() } else { vec![format!("kept: {}", printed::marks(&marks))] };
        } else {
            let (who, does) = input.split_once(' ').expect("somebody does something");
            let input = self.input(who, does);
            self.room.step(input, self.now, &mut effects);
        }
        effects.iter().map(|effect| self.printed(effect)).collect()
    }

    /// Time passes, and the room is woken when it asked to be.
    fn pass(&mut self, time: &str, effects: &mut Vec<Effect>) {
        let time = humantime::parse_duration(time).unwrap();
        self.now.since_start += time;
        self.now.at.0 += u64::try_from(time.as_millis()).unwrap();
        if self.room.wakes_at().is_some_and(|at| at <= self.now.since_start) {
            self.room.step(Input::Tick, self.now, effects);
        }
        let late = self.room.wakes_at().is_some_and(|at| at <= self.now.since_start);
        assert!(!late, "a room that was woken does not want to be woken in the past");
    }

    fn store(&mut self, draft: &Draft) -> Outcome {
        let author = &draft.speaker.user;
        let (seq, delete, rules) = match &draft.deed {
            Deed::Publish { mid, .. } => {
                let same = |(user, other, ..): &(UserName, Option<Mid>, Time, bool)| user == author && other == mid;
                if let (Some(_), Some(at)) = (mid, self.stored.iter().position(same)) {
                    return Outcome::Repeat { seq: at as u64 + 1, at: self.stored[at].2 };
                }
                self.stored.push((author.clone(), mid.clone(), draft.at, false));
                return Outcome::Stored { seq: self.stored.len() as u64 };
            }
            Deed::Edit { seq, body, rules } => (*seq, *body == Body::Deleted, *rules),
            Deed::Amend(Amendment { change: Change::Ended, .. }) => {
                self.stored.clear();
                return Outcome::Ended { epoch: Epoch(2) };
            }
            Deed::Amend(_) => return Outcome::Changed,
        };
        let index = usize::try_from(seq).unwrap().wrapping_sub(1);
        match self.stored.get_mut(index).filter(|(.., deleted)| !deleted) {
            None => Outcome::Missing,
            Some((user, ..)) if user != author && !rules => Outcome::Foreign,
            Some((.., deleted)) => {
                *deleted = delete;
                Outcome::Changed
            }
        }
    }

    fn input(&mut self, who: &str, does: &str) -> Input {
        let mut words = Words::new(does);
        let id = words.option("marked").map(|number| Id::Number(number.parse().unwrap()));
        let departure = match words.text().as_str() {
            "leaves" => Some(Departure::Left),
            "is gone" => Some(Departure::Disconnected),
            "is closed" => Some(Departure::Closing),
            _ => None,
        };
        if words.0[0] == "joins" {
            let member = self.name(who);
            return Input::Join { member, guest: entrant(who, &mut words), id };
        }
        let member = *self.ids.get(who).unwrap_or(&MemberId(0));
        let text = words.text();
        match departure {
            _ if text == "breaks off" => Input::Park { member },
            _ if text == "takes it all" => Input::Written { member },
            _ if text.starts_with("resumes") => Input::Resume { member, seen: since(&mut words) },
            Some(departure) => Input::Leave { member, departure, id },
            None if who.starts_with('@') => {
                let (member, user, standing) = (self.name(who), user(&who[1..]), standing(&mut words));
                Input::Said { speaker: Speaker { member, user, standing }, said: said(&mut words), id }
            }
            None => {
                let speaker = self.room.speaker(member).expect("only a member says something");
                Input::Said { speaker, said: said(&mut words), id }
            }
        }
    }

    /// A number of its own for each coming.
    fn name(&mut self, who: &str) -> MemberId {
        let member = MemberId(self.names.len() as u64 + 1);
        self.ids.insert(who.to_owned(), member);
        self.names.insert(member, who.to_owned());
        member
    }

    fn printed(&self, effect: &Effect) -> String {
        let name = |id: &MemberId| &self.names[id];
        match effect {
            Effect::Admitted(id) => format!("{} is in", name(id)),
            Effect::Present(id, member) => format!("{} is in already, as {}", name(id), name(member)),
            Effect::Refused(id, refusal) => format!("{} stays out, {}", name(id), printed::refused(refusal)),
            Effect::Dismissed(id) => format!("{} is out", name(id)),
            Effect::PutOut(id) => format!("{} is put out", name(id)),
            Effect::Chartered(None) => "no charter".to_owned(),
            Effect::Chartered(Some(charter)) => printed::charter(charter),
            Effect::Everyone(event) => format!("to all: {}", printed::event(event)),
            Effect::Others(id, event) => format!("to all but {}: {}", name(id), printed::event(event)),
            Effect::One(id, mark, event) => {
                format!("to {}{}: {}", name(id), printed::mark(mark.as_ref()), printed::event(event))
            }
            Effect::Recall(id, recall) => format!("{} is given {}", name(id), printed::recall(recall)),
            Effect::Returned(id, Returned { recovery, missed, .. }, recall) => {
                let recovery = recovery.reason().unwrap_or("whole");
                let given = recall.as_ref().map(|recall| format!(", is given {}", printed::recall(recall)));
                format!("{} is back, {recovery}, missed {missed}{}", name(id), given.unwrap_or_default())
            }
            Effect::Advanced { marks, to, .. } if to.is_empty() => {
                format!("kept: {}; to nobody", printed::marks(marks))
            }
            Effect::Advanced { marks, to, events } => {
                let to: Vec<_> = to.iter().map(|id| name(id).as_str()).collect();
                let told: Vec<_> = events.iter().map(printed::event).collect();
                let told = if told.is_empty() { "nothing".to_owned() } else { told.join(", ") };
                format!("kept: {}; to {}: {told}", printed::marks(marks), to.join(" and "))
            }
            Effect::Fleeting(user, event) => format!("in passing, not to {user}: {}", printed::event(event)),
        }
    }
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn entrant(who: &str, words: &mut Words) -> Entrant {
    let since = words.option("since").map(|place| position(&place));
    let owed = words.flag("owed").then(|| Owed { since: Time(0), fetched: !words.flag("unfetched") });
    let history = words.option("history").map(|count| count.parse().unwrap());
    let (name, device) = who.split_once('/').unwrap_or((who, "1"));
    let letters = name.bytes().fold(0, |sum, letter| sum * 256 + u64::from(letter));
    let guest = Entrant {
        user: user(name),
        connection: letters * 10 + device.parse::<u64>().unwrap(),
        echo: !words.flag("unechoed"),
        announced: !words.flag("quietly"),
        standing: standing(words),
        status: if words.flag("away") { Status::Away } else { Status::Online },
        wish: JoinWish { history, since, owed, ..JoinWish::default() },
    };
    assert_eq!(words.text(), "joins");
    guest
}

/// What one who comes back has seen.
fn since(words: &mut Words) -> Since {
    let since = match (words.option("after"), words.option("since")) {
        (Some(seq), _) => Since::Number(seq.parse().unwrap()),
        (None, Some(place)) => Since::Position(position(&place)),
        (None, None) => Since::Entry,
    };
    assert_eq!(words.text(), "resumes");
    since
}

fn position(text: &str) -> Position {
    let (epoch, seq) = text.split_once('/').unwrap();
    Position { epoch: epoch.into(), seq: seq.parse().unwrap() }
}

fn standing(words: &mut Words) -> Standing {
    match (words.flag("registered"), words.flag("admin")) {
        (_, true) => Standing::Admin,
        (true, false) => Standing::Registered,
        (false, false) => Standing::Guest,
    }
}

/// What somebody wants changed in the room.
fn motion(words: &mut Words) -> Option<Motion> {
    // Who asks for somebody wants nothing changed.
    let lasts = (words.0[0] != "asks").then(|| words.option("for")).flatten();
    let lasts = lasts.map(|time| humantime::parse_duration(&time).unwrap());
    let parts: Vec<_> = words.0.iter().map(String::as_str).collect();
    let settings = |slow_mode_s, announcement| Motion::Settings(Settings { slow_mode_s, announcement });
    Some(match parts[..] {
        ["invites", name] => Motion::Invite { user: user(name) },
        ["removes", name] => Motion::Remove { user: user(name) },
        ["kicks", name] => Motion::Kick { user: user(name) },
        ["bans", name] => Motion::Ban { user: user(name), lasts },
        ["unbans", name] => Motion::Unban { user: user(name) },
        ["mutes", name] => Motion::Mute { user: user(name), lasts },
        ["unmutes", name] => Motion::Unmute { user: user(name) },
        ["makes", name, role] => Motion::Role { user: user(name), role: Role::parse(role).unwrap() },
        ["slows", "to", seconds] => settings(Some(seconds.parse().unwrap()), None),
        ["announces"] => settings(None, Some(true)),
        ["converses"] => settings(None, Some(false)),
        ["ends"] => Motion::End,
        _ => return None,
    })
}

fn said(words: &mut Words) -> Said {
    let note = words.option("because").map(Into::into);
    if let Some(motion) = motion(words) {
        return Said::Govern { motion, note };
    }
    let quiet = words.flag("quietly");
    let mid = words.option("as").map(|mid| Mid::parse(&mid).unwrap());
    let number = |word: Option<String>| word.map(|word| word.parse().unwrap());
    let about = About::read(number(words.option("re")), number(words.option("upon"))).unwrap();
    let text = words.text();
    let parts: Vec<_> = text.split(' ').collect();
    let number = |at: usize| parts[at].parse().unwrap();
    match parts[..] {
        ["says", ..] => Said::Publish { body: Body::Text(parts[1..].join(" ").into()), about, mid, quiet },
        ["edits", _, "to", ..] => Said::Edit { seq: number(1), body: Body::Text(parts[3..].join(" ").into()) },
        ["deletes", _] => Said::Edit { seq: number(1), body: Body::Deleted },
        ["has", receipt, _] => {
            let all = [Receipt::Written, Receipt::Received, Receipt::Read];
            let receipt = all.into_iter().find(|known| known.as_str() == receipt).unwrap();
            Said::Receipt { receipt, seq: number(2) }
        }
        ["asks", "for", "the", "session"] => Said::Session { resume: Some("t1".into()) },
        ["types"] => Said::Typing(true),
        ["stops", "typing"] => Said::Typing(false),
        ["is", "back"] => Said::Presence { status: Status::Online, note: None },
        ["is", "away"] => Said::Presence { status: Status::Away, note: None },
        ["is", "away:", ..] => Said::Presence { status: Status::Away, note: Some(parts[2..].join(" ").into()) },
        ["wants", _, "newest"] => Said::History { span: Span::Before(u64::MAX), limit: number(1) as usize },
        ["wants", _, "before", _] => Said::History { span: Span::Before(number(3)), limit: number(1) as usize },
        ["wants", _, "after", _] => Said::History { span: Span::After(number(3)), limit: number(1) as usize },
        ["asks", "who"] => Said::Members,
        ["asks", "what", "was", "decided"] => Said::Audit { before: u64::MAX, count: 9 },
        ["founds", kind @ ("public" | "private"), ..] => {
            let members = parts[2..].iter().map(|name| user(name)).collect();
            Said::Found(Founding { private: kind == "private", members })
        }
        ["asks", "about", name] => Said::Member(user(name)),
        _ => panic!("nobody can do this: {text}"),
    }
}

/// The words of a line, from which options are taken out.
struct Words(Vec<String>);

impl Words {
    fn new(line: &str) -> Self {
        Self(line.split_whitespace().map(str::to_owned).collect())
    }

    fn option(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|word| word == name)?;
        let value = self.0.remove(at + 1);
        self.0.remove(at);
        Some(value)
    }

    fn flag(&mut self, name: &str) -> bool {
        let at = self.0.iter().skip(1).position(|word| word == name);
        // "is away" is what somebody does, and no option of it.
        let at = at.filter(|_| self.0[0] != "is").map(|at| at + 1);
        at.map(|at| self.0.remove(at)).is_some()
    }

    fn text(&self) -> String {
        self.0.join(" ")
    }
}
