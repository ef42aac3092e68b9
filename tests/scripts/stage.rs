//! A room on a stage: names for its members, a clock that a script moves, and a store in plain lists.
//!
//! A member is called by its user; `Ann/2` is another connection of Ann's, and `@Ann` somebody who
//! speaks in Ann's name without being a member. The store answers when the script says `stored`,
//! and not before, so that what a room does in between can be seen. Where it keeps the past, what a
//! reader would fetch from it is named, and not shown.

use std::collections::BTreeMap;

use roomd::chat::LeaveReason;
use roomd::chat::members::MemberId;
use roomd::chat::policy::{
    Description, ModerationAction, ModerationChange, ModerationRequest, Role, RoomOptions, RoomSettings,
};
use roomd::chat::room::{Effect, Input, JoinRequest, Room, Snapshot};
use roomd::chat::{
    About, Appended, AuthLevel, Availability, Body, Draft, Epoch, GroupOptions, Id, JoinOptions, Key, Limits, Message,
    Mid, Moment, Note, OfflineDelivery, Operation, Outcome, Position, Publication, Receipt, RemoteEvent, ResumedRoom,
    RoomName, RoomRequest, Since, Span, Speaker, Status, StoreFailed, Time, UserName, Visibility,
};

use crate::remote_attendance::remote_attendance;
use crate::{printed, transcript};

/// See the module.
pub struct Stage {
    room: Room,
    /// Every message that was stored: its author, its `mid`, when, and whether it was deleted.
    stored: Vec<(UserName, Option<Mid>, Time, bool)>,
    /// The newest message of each key.
    keys: BTreeMap<Key, u64>,
    /// What another server did that the room has not been told.
    elsewhere: Vec<RemoteEvent>,
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

    /// The same with a store that keeps the history.
    pub fn kept(limits: &Limits) -> Self {
        Self::going_on(limits, true)
    }

    fn going_on(limits: &Limits, kept: bool) -> Self {
        let past = Snapshot { epoch: "e1".into(), seq: 0, recent: Vec::new(), kept };
        Self {
            room: Room::new(RoomName::parse("den").unwrap(), past, limits),
            stored: Vec::new(),
            keys: BTreeMap::new(),
            elsewhere: Vec::new(),
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

    /// The same of several servers.
    pub fn shared() -> Self {
        let stage = Self::kept(&Limits::default());
        Self { room: stage.room.shared(Vec::new()), ..stage }
    }

    /// The same with members that are in it when the script begins.
    pub fn among(mut self, members: &[&str]) -> Self {
        for who in members {
            let (name, how) = who.split_once(' ').unwrap_or((who, ""));
            self.take(&format!("{name} joins {how}"));
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
            let before = std::mem::take(&mut self.elsewhere);
            let outcomes = match before.iter().any(|event| matches!(event, RemoteEvent::Moderated { .. })) {
                true => vec![Outcome::Stale; self.room.drafts().len()],
                false => self.room.drafts().to_vec().iter().map(|draft| self.store(draft)).collect(),
            };
            self.room.settle(Ok(Appended { before, outcomes }), &mut effects);
        } else if input == "the room catches up" {
            for event in std::mem::take(&mut self.elsewhere) {
                self.room.step(Input::Remote(event), self.now, &mut effects);
            }
        } else if let Some(input) = input.strip_prefix("server ") {
            self.room.step(Input::Attended(remote_attendance(input, self.now.at)), self.now, &mut effects);
        } else if let Some(input) = input.strip_prefix("on a server ") {
            let (who, does) = input.split_once(' ').unwrap();
            let typed = Input::TypedElsewhere { user: user(who), typing: does == "types" };
            self.room.step(typed, self.now, &mut effects);
        } else if input == "others hear" {
            return self.room.take_attendance_changes().iter().map(printed::attendance).collect();
        } else if let Some(input) = input.strip_prefix("elsewhere ") {
            self.elsewhere(input);
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

    /// Another server stores something of somebody's.
    fn elsewhere(&mut self, input: &str) {
        let (who, does) = input.split_once(' ').expect("somebody does something");
        let (by, at) = (user(who), self.now.at);
        let moderated = |change| {
            let action = ModerationAction { change, note: None };
            RemoteEvent::Moderated { by: user(who), action, at }
        };
        let number = |text: &str| text.parse().unwrap();
        let parts: Vec<_> = does.split(' ').collect();
        self.elsewhere.push(match parts[..] {
            ["says", ..] => {
                self.stored.push((by.clone(), None, at, false));
                let body = Body::Text(parts[1..].join(" ").into());
                let room = self.room.name().clone();
                RemoteEvent::Message(Message::new(room, by, body, self.stored.len() as u64, at))
            }
            ["edits", seq, "to", ..] => {
                RemoteEvent::Edited { seq: number(seq), body: Body::Text(parts[3..].join(" ").into()), by, at }
            }
            ["deletes", seq] => RemoteEvent::Edited { seq: number(seq), body: Body::Deleted(None), by, at },
            ["bans", name] => moderated(ModerationChange::Banned { user: user(name), until: None }),
            ["kicks", name] => moderated(ModerationChange::Kicked { user: user(name) }),
            ["mutes", name] => moderated(ModerationChange::Muted { user: user(name), until: None }),
            ["slows", "to", seconds] => {
                let slow_mode_s = Some(seconds.parse().unwrap());
                moderated(ModerationChange::Settings(RoomSettings { slow_mode_s, ..RoomSettings::default() }))
            }
            ["creates", "private", ..] => {
                let members = parts[2..].iter().map(|name| user(name)).collect();
                moderated(ModerationChange::Created { private: true, owner: Some(by), members })
            }
            ["ends"] => {
                self.stored.clear();
                let action = ModerationAction { change: ModerationChange::Ended, note: None };
                RemoteEvent::Ended { by, action, at, epoch: Epoch(2) }
            }
            _ => panic!("nobody can do this: {does}"),
        });
    }

    fn store(&mut self, draft: &Draft) -> Outcome {
        let author = &draft.speaker.user;
        let (seq, delete, as_moderator) = match &draft.operation {
            Operation::Publish { publication, .. } => {
                let Publication { body, mid, if_seq, key, if_key_seq, .. } = publication;
                let same = |(user, other, ..): &(UserName, Option<Mid>, Time, bool)| user == author && other == mid;
                if let (Some(_), Some(at)) = (mid, self.stored.iter().position(same)) {
                    return Outcome::Repeat { seq: at as u64 + 1, at: self.stored[at].2 };
                }
                let newest = self.stored.len() as u64;
                if if_seq.is_some_and(|seq| seq != newest) {
                    return Outcome::Conflict { newest };
                }
                let newest = key.as_ref().and_then(|key| self.keys.get(key)).copied();
                if if_key_seq.is_some_and(|seq| seq != newest.unwrap_or(0)) {
                    return Outcome::KeyConflict { newest: newest.unwrap_or(0) };
                }
                let deleted = body.is_deleted();
                if key.is_some() && newest.is_none() && !deleted && self.keys.len() >= draft.keys_max {
                    return Outcome::TooManyKeys;
                }
                self.stored.push((author.clone(), mid.clone(), draft.at, deleted));
                let seq = self.stored.len() as u64;
                match key {
                    Some(key) if deleted => _ = self.keys.remove(key),
                    Some(key) => _ = self.keys.insert(key.clone(), seq),
                    None => {}
                }
                return Outcome::Stored { seq };
            }
            Operation::Edit { seq, body, as_moderator } => (*seq, body.is_deleted(), *as_moderator),
            Operation::Moderate(ModerationAction { change: ModerationChange::Ended, .. }) => {
                self.stored.clear();
                return Outcome::Ended { epoch: Epoch(2) };
            }
            Operation::Moderate(_) => return Outcome::Changed,
        };
        let index = usize::try_from(seq).unwrap().wrapping_sub(1);
        match self.stored.get_mut(index).filter(|(.., deleted)| !deleted) {
            None => Outcome::Missing,
            Some((user, ..)) if user != author && !as_moderator => Outcome::NotAuthor,
            Some((.., deleted)) => {
                *deleted = delete;
                Outcome::Changed
            }
        }
    }

    /// The part of the room that a resuming client has seen; one that names none, what was said before it joined.
    fn since(&self, member: MemberId, words: &mut Words) -> Since {
        let since = match (words.option("after"), words.option("since")) {
            (Some(seq), _) => Since::Number(seq.parse().unwrap()),
            (None, Some(place)) => Since::Position(position(&place)),
            (None, None) => Since::Number(self.room.entered(member).unwrap_or_default()),
        };
        assert_eq!(words.text(), "resumes");
        since
    }

    fn input(&mut self, who: &str, does: &str) -> Input {
        let mut words = Words::new(does);
        let id = words.option("marked").map(|number| Id::Number(number.parse().unwrap()));
        let reason = match words.text().as_str() {
            "leaves" => Some(LeaveReason::Left(None)),
            "is gone" => Some(LeaveReason::Disconnected),
            "is closed" => Some(LeaveReason::Closing),
            _ => None,
        };
        if words.0[0] == "joins" {
            let member = self.name(who);
            return Input::Join { member, request: entrant(who, &mut words), id };
        }
        let member = *self.ids.get(who).unwrap_or(&MemberId(0));
        let text = words.text();
        match reason {
            _ if text == "breaks off" => Input::Detach { member },
            _ if text == "takes it all" => Input::Written { member },
            _ if text.starts_with("resumes") => Input::Resume { member, seen: self.since(member, &mut words) },
            Some(reason) => Input::Leave { member, reason, id },
            None if who.starts_with('@') => {
                let (member, user, auth_level) = (self.name(who), user(&who[1..]), auth_level(&mut words));
                let speaker = Speaker { member, user, auth_level, has_own_rate: false };
                Input::Request { speaker, request: request(&mut words), id }
            }
            None => {
                let speaker = self.room.speaker(member).expect("only a member says something");
                let mut request = request(&mut words);
                if let RoomRequest::Moderate { connection, .. } = &mut request {
                    *connection = Some(connection_of(who));
                }
                Input::Request { speaker, request, id }
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
            Effect::AlreadyJoined(id, member) => format!("{} is in already, as {}", name(id), name(member)),
            Effect::Refused(id, refusal) => format!("{} stays out, {}", name(id), printed::refused(refusal)),
            Effect::Left(id) => format!("{} is out", name(id)),
            Effect::Evicted(id) => format!("{} is put out", name(id)),
            Effect::PolicyChanged(None) => "no policy".to_owned(),
            Effect::PolicyChanged(Some(policy)) => printed::policy(policy),
            Effect::Everyone(event) => format!("to all: {}", printed::event(event)),
            Effect::Elsewhere(event) => format!("to all here: {}", printed::event(event)),
            Effect::TellTyping(user, typing) => format!("others hear: {user} types: {typing}"),
            Effect::Others(id, event) => format!("to all but {}: {}", name(id), printed::event(event)),
            Effect::One(id, mark, event) => {
                format!("to {}{}: {}", name(id), printed::mark(mark.as_ref()), printed::event(event))
            }
            Effect::Replay(id, replay) => format!("{} is given {}", name(id), printed::replay(replay)),
            Effect::Resumed(id, ResumedRoom { recovery, missed, read, .. }, replay) => {
                let recovery = recovery.reason().unwrap_or("whole");
                let read = if *read == 0 { String::new() } else { format!(", {read} read") };
                let given = replay.as_ref().map(|replay| format!(", is given {}", printed::replay(replay)));
                let given = given.unwrap_or_default();
                format!("{} is back, {recovery}, missed {missed}{read}{given}", name(id))
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
            Effect::BestEffort(user, event) => format!("in passing, not to {user}: {}", printed::event(event)),
        }
    }
}

/// The user of this name.
pub fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

/// The number of a connection: `Ann/2` is Ann's second.
fn connection_of(who: &str) -> u64 {
    let (name, device) = who.split_once('/').unwrap_or((who, "1"));
    let letters = name.bytes().fold(0, |sum, letter| sum * 256 + u64::from(letter));
    letters * 10 + device.parse::<u64>().unwrap()
}

fn entrant(who: &str, words: &mut Words) -> JoinRequest {
    let since = words.option("since").map(|place| position(&place));
    let offline = words.flag("owed").then(|| OfflineDelivery { since: Time(0), fetched: !words.flag("unfetched") });
    let history = words.option("history").map(|count| count.parse().unwrap());
    let number = |word: Option<String>| word.map(|word| word.parse().unwrap());
    let (prefetch, visibility_s) = (number(words.option("taking")), number(words.option("seconds")));
    let group = words.option("sharing").map(|name| GroupOptions::parse(&name, prefetch, visibility_s).unwrap());
    let group = group.map(Box::new);
    let (name, _) = who.split_once('/').unwrap_or((who, "1"));
    let guest = JoinRequest {
        user: user(name),
        connection: connection_of(who),
        echo: !words.flag("unechoed"),
        visibility: match (words.flag("quietly"), words.flag("hidden")) {
            (false, false) => Visibility::Announced,
            (true, _) => Visibility::Silent,
            (false, true) => Visibility::Hidden,
        },
        auth_level: auth_level(words),
        has_own_rate: words.flag("rated"),
        availability: Availability {
            note: words.option("because").map(|note| Note::parse(&note).unwrap()),
            status: if words.flag("away") { Status::Away } else { Status::Online },
        },
        options: JoinOptions { history, since, offline, latest: words.flag("latest"), group, ..JoinOptions::default() },
    };
    assert_eq!(words.text(), "joins");
    guest
}

fn position(text: &str) -> Position {
    let (epoch, seq) = text.split_once('/').unwrap();
    Position { epoch: epoch.into(), seq: seq.parse().unwrap() }
}

fn auth_level(words: &mut Words) -> AuthLevel {
    match (words.flag("registered"), words.flag("admin")) {
        (_, true) => AuthLevel::Admin,
        (true, false) => AuthLevel::Registered,
        (false, false) => AuthLevel::Guest,
    }
}

/// What somebody wants changed in the room.
fn moderation(words: &mut Words) -> Option<ModerationRequest> {
    // Who asks for somebody wants nothing changed.
    let lasts = (words.0[0] != "asks").then(|| words.option("for")).flatten();
    let lasts = lasts.map(|time| humantime::parse_duration(&time).unwrap());
    let parts: Vec<_> = words.0.iter().map(String::as_str).collect();
    let none = RoomSettings::default();
    let settings =
        |slow_mode_s, announcement| ModerationRequest::Settings(RoomSettings { slow_mode_s, announcement, ..none });
    Some(match parts[..] {
        ["invites", name] => ModerationRequest::Invite { user: user(name) },
        ["removes", name] => ModerationRequest::Remove { user: user(name) },
        ["kicks", name] => ModerationRequest::Kick { user: user(name) },
        ["bans", name] => ModerationRequest::Ban { user: user(name), lasts },
        ["unbans", name] => ModerationRequest::Unban { user: user(name) },
        ["mutes", name] => ModerationRequest::Mute { user: user(name), lasts },
        ["unmutes", name] => ModerationRequest::Unmute { user: user(name) },
        ["appoints", name, role] => ModerationRequest::Appoint { user: user(name), role: Role::parse(role).unwrap() },
        ["makes", name, role] => ModerationRequest::Role { user: user(name), role: Role::parse(role).unwrap() },
        ["slows", "to", seconds] => settings(Some(seconds.parse().unwrap()), None),
        ["announces"] => settings(None, Some(true)),
        ["converses"] => settings(None, Some(false)),
        ["limits", "to", most] => ModerationRequest::Settings(RoomSettings { members_max: most.parse().ok(), ..none }),
        ["describes", subject] => ModerationRequest::Describe(Description::parse(Some(subject), None).unwrap()),
        ["opens", "the", "subject"] => ModerationRequest::Settings(RoomSettings { open_subject: Some(true), ..none }),
        ["ends"] => ModerationRequest::End,
        _ => return None,
    })
}

fn request(words: &mut Words) -> RoomRequest {
    let note = words.option("because").map(|note| Note::parse(&note).unwrap());
    if let Some(request) = moderation(words) {
        return RoomRequest::Moderate { request, note, connection: None };
    }
    let quiet = words.flag("quietly");
    let store = !words.flag("unstored");
    let mid = words.option("as").map(|mid| Mid::parse(&mid).unwrap());
    let number = |word: Option<String>| word.map(|word| word.parse().unwrap());
    let about = About::parse(number(words.option("re")), number(words.option("upon"))).unwrap();
    let if_seq = number(words.option("behind"));
    let key = words.option("keyed").map(|key| Key::parse(&key).unwrap());
    let if_key_seq = number(words.option("behind-its"));
    let text = words.text();
    let parts: Vec<_> = text.split(' ').collect();
    let number = |at: usize| parts[at].parse().unwrap();
    match parts[..] {
        ["says", ..] => {
            let text = parts[1..].join(" ");
            let body = if text == "nothing" { Body::Deleted(None) } else { Body::Text(text.into()) };
            let publication = Publication { body, about, mid, if_seq, key, if_key_seq, store };
            RoomRequest::Publish { publication, quiet }
        }
        ["edits", _, "to", ..] => RoomRequest::Edit { seq: number(1), body: Body::Text(parts[3..].join(" ").into()) },
        ["deletes", _] => RoomRequest::Edit { seq: number(1), body: Body::Deleted(None) },
        ["has", receipt, _] => {
            let all = [Receipt::Written, Receipt::Received, Receipt::Read];
            let receipt = all.into_iter().find(|known| known.as_str() == receipt).unwrap();
            RoomRequest::Receipt { receipt, seq: number(2) }
        }
        ["asks", "for", "the", "session"] => RoomRequest::Session { resume: Some("t1".into()) },
        ["asks", "for", "receipts"] => RoomRequest::AskReceipts(true),
        ["asks", "for", "no", "receipts"] => RoomRequest::AskReceipts(false),
        ["finishes", _] => RoomRequest::Finish { seq: number(1) },
        ["types"] => RoomRequest::Typing(true),
        ["stops", "typing"] => RoomRequest::Typing(false),
        ["is", "back"] => RoomRequest::Presence { status: Status::Online, note: None },
        ["is", "away"] => RoomRequest::Presence { status: Status::Away, note: None },
        ["is", "away:", ..] => {
            RoomRequest::Presence { status: Status::Away, note: Some(Note::parse(&parts[2..].join(" ")).unwrap()) }
        }
        ["wants", _, "newest"] => RoomRequest::History { span: Span::Before(u64::MAX), limit: number(1) as usize },
        ["wants", _, "latest", _] => RoomRequest::History { span: Span::Latest(number(3)), limit: number(1) as usize },
        ["wants", _, "before", _] => RoomRequest::History { span: Span::Before(number(3)), limit: number(1) as usize },
        ["wants", _, "after", _] => RoomRequest::History { span: Span::After(number(3)), limit: number(1) as usize },
        ["asks", "who"] => RoomRequest::Members,
        ["asks", "what", "was", "decided"] => RoomRequest::Audit { before: u64::MAX, count: 9 },
        ["creates", kind @ ("public" | "private"), ..] => {
            let members = parts[2..].iter().map(|name| user(name)).collect();
            RoomRequest::Create(RoomOptions { private: kind == "private", members })
        }
        ["asks", "about", name] => RoomRequest::Member(user(name)),
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
