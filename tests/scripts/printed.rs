//! Events as scripts write them: one line each, with what a script can be about and no more.
//!
//! The room's name is left out, since a script has one room; times are those of the script's clock.

use std::time::Duration;

use roomd::chat::policy::{
    AuditEntry, ModerationAction, ModerationChange, ModerationRequest, Policy, Role, RoomSettings,
};
use roomd::chat::receipt_counts::Counts;
use roomd::chat::room::{Latest, ReplayRange};
use roomd::chat::{
    About, Attendance, Attending, Body, Event, Id, Key, Message, Mid, Position, Presence, Publication, ReceiptMark,
    Recovery, Refusal, RoomName, RoomRequest, Seen, Span, Status, Time, UserName,
};

/// An event.
pub fn event(event: &Event) -> String {
    match event {
        Event::Joined { epoch, seq, read, members, count, recovery, .. } => {
            let read = if *read == 0 { String::new() } else { format!(", {read} read") };
            let members = format!("{}{}", names(members), more(*count, members.len()));
            format!("joined {epoch}/{seq} with {members}{}{read}", why(*recovery))
        }
        Event::Entered { user, .. } => format!("entered {user}"),
        Event::Left { .. } => "left".to_owned(),
        Event::Subscribed { pattern } => format!("subscribed to {pattern}"),
        Event::Unsubscribed { pattern } => format!("no longer subscribed to {pattern}"),
        Event::Sent { seq, ephemeral, mid, at, duplicate, .. } => {
            let already = if *duplicate { " already" } else { "" };
            format!("sent {seq}{}{} at {}{already}", nth(*ephemeral), by_name(mid.as_ref()), time(*at))
        }
        Event::History { epoch, messages, complete, .. } => {
            let list: Vec<_> = messages.iter().map(|kept| message(kept)).collect();
            let list = if list.is_empty() { "nothing".to_owned() } else { list.join(" | ") };
            format!("history of {epoch}: {list}{}", if *complete { ", complete" } else { "" })
        }
        Event::Members { members, count, appointed, .. } => {
            let list: Vec<_> = members.iter().map(presence).collect();
            let list = if list.is_empty() { "nobody".to_owned() } else { list.join(", ") };
            let role = |role: &Role| if *role == Role::Moderator { "operator" } else { role.as_str() };
            let appointed: Vec<_> = appointed.iter().map(|(user, given)| format!(", {} {user}", role(given))).collect();
            format!("members: {list}{}{}", more(*count, members.len()), appointed.concat())
        }
        Event::Created { room, pinned } => format!("created {room}{}", if *pinned { ", pinned" } else { "" }),
        Event::Audit { entries, .. } => {
            let entry = |entry: &AuditEntry| format!("{} {}", entry.number, moderated(&entry.by, &entry.action));
            format!("audit: {}", entries.iter().map(entry).collect::<Vec<_>>().join(" | "))
        }
        Event::Moderated { by, action, .. } | Event::InvitedTo { by, action, .. } => moderated(by, action),
        Event::EndAsked { room } => format!("asked whether {room} is to end"),
        Event::Session { resume, seq, .. } => {
            format!("session {} at {seq}", resume.as_deref().unwrap_or("without a token"))
        }
        Event::Receipt { mark, .. } => self::receipt(mark),
        Event::Reached { private, receipt, users, messages, .. } => {
            let private = if *private { " private" } else { "" };
            format!("{} {} {messages}{private}", names(users), receipt.as_str())
        }
        Event::ReceiptCounts { seq, counts: Counts { written, received, read }, .. } => {
            format!("{seq}: written {written}, received {received}, read {read}")
        }
        Event::ReceiptsAsked { on } => format!("receipts {on}"),
        Event::Named { user } => format!("named {user}"),
        Event::Help => "help".to_owned(),
        Event::Pong => "pong".to_owned(),
        Event::Time { at } => format!("time {}", time(*at)),
        Event::Done => "done".to_owned(),
        Event::Refused(refusal) => refused(refusal),
        Event::Message(shown) => format!("message {}", message(shown)),
        Event::Assigned { message: shown, group, redelivered, missed } => {
            let again = if *redelivered { " again" } else { "" };
            let missed = if *missed > 0 { format!(", {missed} missed") } else { String::new() };
            format!("{}{again}: {}{missed}", group.as_str(), message(shown))
        }
        Event::Edit { seq, user, body, at, .. } => format!("{user} edits {seq}: {} at {}", text(body), time(*at)),
        Event::Join { user, .. } => format!("{user} joins"),
        Event::Leave { user, .. } => format!("{user} leaves"),
        Event::Typing { user, typing: true, .. } => format!("{user} is typing"),
        Event::Typing { user, typing: false, .. } => format!("{user} is not typing"),
        Event::Presence(shown) => format!("presence {}", presence(shown)),
        other => panic!("no script is about {other:?}"),
    }
}

/// How a user is there, as other servers are told.
pub fn attendance((user, attendance): &(UserName, Attendance)) -> String {
    match attendance {
        Attendance::Here(Attending { connections, detached, status, note, .. }) => {
            let lost = if *detached { ", lost" } else { "" };
            let note = note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
            format!("{user}: {connections}, {status:?}{note}{lost}")
        }
        Attendance::Gone(reason, _) => format!("{user}: gone, {reason:?}"),
    }
}

/// A change, and why.
pub fn moderated(by: &UserName, action: &ModerationAction) -> String {
    let ModerationAction { change, note } = action;
    let what = match change {
        ModerationChange::Created { private, members, .. } => {
            let kind = if *private { "private" } else { "public" };
            format!("{kind}{}", members.iter().map(|user| format!(" {user}")).collect::<String>())
        }
        ModerationChange::Role { user, role, .. } => format!("{user} {}", role.as_str()),
        ModerationChange::Settings(settings) => settings_of(*settings),
        ModerationChange::Deleted { user, seq } => format!("{seq} of {user}"),
        ModerationChange::Described(description) => format!("{description:?}"),
        ModerationChange::Pinned { seq } | ModerationChange::Unpinned { seq } => seq.to_string(),
        ModerationChange::InvitationCreated { number, uses, .. } => format!("{number} for {uses}"),
        ModerationChange::InvitationRevoked { number } => number.to_string(),
        ModerationChange::Admitted { user, invitation } => format!("{user} by {invitation}"),
        other => other.user().map(ToString::to_string).unwrap_or_default(),
    };
    let until = change.until().map(|until| format!(" until {}", time(until))).unwrap_or_default();
    let what = if what.is_empty() { what } else { format!(" {what}") };
    format!("{by}: {}{what}{until}{}", change.as_str(), noted(note.as_deref()))
}

/// A policy.
pub fn policy(policy: &Policy) -> String {
    let kind = if policy.is_private() { "private" } else { "public" };
    let people = policy.people().iter().map(|(user, role)| format!(", {user} {}", role.as_str()));
    let until = |until: &Option<Time>| until.map(|until| format!(" until {}", time(until))).unwrap_or_default();
    let bans = policy.bans().iter().map(|(user, end)| format!(", {user} banned{}", until(end)));
    let mutes = policy.mutes().iter().map(|(user, end)| format!(", {user} muted{}", until(end)));
    let lists: String = people.chain(bans).chain(mutes).collect();
    let slow = policy.slow_mode();
    let slow = if slow.is_zero() { String::new() } else { format!(", slow {}", span(slow)) };
    let announcement = if policy.settings().announcement == Some(true) { ", announcement" } else { "" };
    let most = policy.settings().members_max.filter(|most| *most > 0);
    let most = most.map(|most| format!(", at most {most}")).unwrap_or_default();
    let subject = if policy.settings().open_subject == Some(true) { ", open subject" } else { "" };
    format!("policy: {kind}{lists}{slow}{announcement}{most}{subject}")
}

fn settings_of(settings: RoomSettings) -> String {
    let slow_mode = settings.slow_mode_s.map(|seconds| format!("slow {seconds}s"));
    let announcement = settings.announcement.map(|on| format!("announcement {on}"));
    let members_max = settings.members_max.map(|most| format!("at most {most}"));
    let open_subject = settings.open_subject.map(|on| format!("open subject {on}"));
    [slow_mode, announcement, members_max, open_subject].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A moderation request.
pub fn moderation(request: &ModerationRequest, note: Option<&str>) -> String {
    let lasting = |lasts: &Option<Duration>| lasts.map(|lasts| format!(" for {}", span(lasts))).unwrap_or_default();
    let text = match request {
        ModerationRequest::Invite { user } => format!("invites {user}"),
        ModerationRequest::Remove { user } => format!("removes {user}"),
        ModerationRequest::Kick { user } => format!("kicks {user}"),
        ModerationRequest::Ban { user, lasts } => format!("bans {user}{}", lasting(lasts)),
        ModerationRequest::Unban { user } => format!("unbans {user}"),
        ModerationRequest::Mute { user, lasts } => format!("mutes {user}{}", lasting(lasts)),
        ModerationRequest::Unmute { user } => format!("unmutes {user}"),
        ModerationRequest::Role { user, role } => format!("makes {user} {}", role.as_str()),
        ModerationRequest::Appoint { user, role } => format!("appoints {user} {}", role.as_str()),
        ModerationRequest::Settings(settings) => format!("sets {}", settings_of(*settings)),
        ModerationRequest::Describe(description) => format!("describes {description:?}"),
        ModerationRequest::Pin { seq } => format!("pins {seq}"),
        ModerationRequest::Unpin { seq } => format!("unpins {seq}"),
        ModerationRequest::CreateInvitation { options, .. } => format!("creates an invitation for {}", options.uses),
        ModerationRequest::RevokeInvitation { number } => format!("revokes invitation {number}"),
        ModerationRequest::Admit { code } => format!("shows {}", code.reveal()),
        ModerationRequest::Accept => "accepts".to_owned(),
        ModerationRequest::End => "ends".to_owned(),
    };
    format!("{text}{}", noted(note))
}

/// The mark that an answer carries back.
pub fn mark(id: Option<&Id>) -> String {
    match id {
        None => String::new(),
        Some(Id::Number(number)) => format!(" [{number}]"),
        Some(Id::Text(text)) => format!(" [{text}]"),
    }
}

/// A request to a room.
pub fn request(request: &RoomRequest) -> String {
    match request {
        RoomRequest::Publish {
            publication: Publication { body, about, mid, if_seq, key, if_key_seq, store },
            quiet,
        } => {
            let quietly = if *quiet { " quietly" } else { "" };
            let behind = if_seq.map(|seq| format!(" behind {seq}")).unwrap_or_default();
            let behind_key = if_key_seq.map(|seq| format!(" behind {seq} of its key")).unwrap_or_default();
            let unstored = if *store { "" } else { " unstored" };
            let behind = format!("{}{behind}{behind_key}{unstored}", keyed(key.as_ref()));
            format!("says {}{}{}{behind}{quietly}", text(body), self::about(*about), by_name(mid.as_ref()))
        }
        RoomRequest::Edit { seq, body } => format!("edits {seq}: {}", text(body)),
        RoomRequest::AskReceipts(true) => "asks for receipts".to_owned(),
        RoomRequest::AskReceipts(false) => "asks for no receipts".to_owned(),
        RoomRequest::Finish { seq } => format!("finishes {seq}"),
        RoomRequest::Typing(true) => "types".to_owned(),
        RoomRequest::Typing(false) => "stops typing".to_owned(),
        RoomRequest::Presence { status, note } => format!("is {}{}", status_word(*status), noted(note.as_deref())),
        RoomRequest::DisplayName(Some(name)) => format!("wants to be called {name}"),
        RoomRequest::DisplayName(None) => "wants to be called nothing else".to_owned(),
        RoomRequest::History { span, limit } => format!("wants {limit} {}", part(*span)),
        RoomRequest::Receipt { receipt, seq } => format!("has {} {seq}", receipt.as_str()),
        RoomRequest::Session { .. } => "asks for the session".to_owned(),
        RoomRequest::Members => "asks who".to_owned(),
        RoomRequest::ReadUpTo => "asks how far it has read".to_owned(),
        RoomRequest::About => "asks what it is about".to_owned(),
        RoomRequest::Create(_)
        | RoomRequest::Moderate { .. }
        | RoomRequest::Audit { .. }
        | RoomRequest::Forget { .. } => {
            panic!("no session says {request:?}")
        }
        RoomRequest::Member(user) => format!("asks about {user}"),
    }
}

/// How far users have got.
pub fn marks(marks: &[ReceiptMark]) -> String {
    marks.iter().map(receipt).collect::<Vec<_>>().join(", ")
}

fn receipt(mark: &ReceiptMark) -> String {
    format!("{} {} {} at {}", mark.user, mark.receipt.as_str(), mark.seq, time(mark.at))
}

/// A part of the past, which a reader fetches.
pub fn replay(replay: &ReplayRange) -> String {
    let ReplayRange { answer, after, until, history, latest, offline } = replay;
    let newest = if *history == 0 { String::new() } else { format!(", or else the newest {history}") };
    let offline = offline.as_ref().map(|(user, since)| format!(", what was said to {user} since {}", time(*since)));
    let answer = answer.as_ref().map(|answer| format!(", with {}", event(answer)));
    if *latest == Latest::Only {
        return format!("the newest of each key up to {until}{}", answer.unwrap_or_default());
    }
    let newest = if *latest == Latest::Fallback { ", or else the newest of each key".to_owned() } else { newest };
    format!("the past after {after} to {until}{newest}{}{}", offline.unwrap_or_default(), answer.unwrap_or_default())
}

/// What a client that comes back has seen.
pub fn seen(seen: &Seen) -> String {
    match seen {
        Seen::Current(seq) => format!("seen {seq}"),
        Seen::Rooms(rooms) if rooms.is_empty() => "seen nothing".to_owned(),
        Seen::Rooms(rooms) => {
            let room = |(room, place): &(RoomName, Position)| format!("{room} {}/{}", place.epoch, place.seq);
            format!("seen {}", rooms.iter().map(room).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A part of a history.
pub fn part(span: Span) -> String {
    match span {
        Span::Before(u64::MAX) => "newest".to_owned(),
        Span::Before(seq) => format!("before {seq}"),
        Span::After(seq) => format!("after {seq}"),
        Span::Latest(seq) => format!("latest after {seq}"),
    }
}

/// A refusal: its code, the room that it is about, its words, and when to try again.
pub fn refused(refusal: &Refusal) -> String {
    let Refusal { code, message, retry_after, room, seq, unsent } = refusal;
    let room = room.as_ref().map(|room| format!(" in {room}"));
    let again = retry_after.map(|wait| format!(", again in {}", span(wait)));
    let newest = seq.map(|seq| format!(", newest {seq}")).unwrap_or_default();
    let excerpt = unsent.as_ref().and_then(|unsent| unsent.excerpt.as_deref());
    let unsent = excerpt.map(|excerpt| format!(", not sent: {excerpt}")).unwrap_or_default();
    let again = again.unwrap_or_default();
    format!("{}{}: {message}{again}{newest}{unsent}", code.as_str(), room.unwrap_or_default())
}

/// What a message is the newest value of.
pub fn keyed(key: Option<&Key>) -> String {
    key.map(|key| format!(" of {}", key.as_str())).unwrap_or_default()
}

/// Which message another one is about.
pub fn about(about: Option<About>) -> String {
    match about {
        None => String::new(),
        Some(About::Reply(seq)) => format!(" re {seq}"),
        Some(About::Reaction(seq)) => format!(" upon {seq}"),
    }
}

/// What a message says.
pub fn text(body: &Body) -> &str {
    match body {
        Body::Text(text) | Body::Cipher(text) => text,
        Body::Data(_) => "(binary)",
        Body::Deleted(_) => "(deleted)",
    }
}

fn message(message: &Message) -> String {
    let Message { user, to, body, about, seq, ephemeral, mid, key, edited, .. } = message;
    let nth = nth(*ephemeral);
    let to = to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
    let edited = edited.map(|at| format!(", edited at {}", time(at))).unwrap_or_default();
    let (about, by_name, keyed) = (self::about(*about), by_name(mid.as_ref()), keyed(key.as_ref()));
    format!("{seq}{nth} {user}{to}: {}{about}{by_name}{keyed}{edited}", text(body))
}

/// The number of a message that is not stored.
fn nth(ephemeral: Option<u64>) -> String {
    ephemeral.map(|number| format!("+{number}")).unwrap_or_default()
}

fn presence(presence: &Presence) -> String {
    let Presence { user, status, note, last_seen } = presence;
    format!("{user} {}{} at {}", status_word(*status), noted(note.as_deref()), time(*last_seen))
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Online => "online",
        Status::Away => "away",
        Status::Offline => "offline",
    }
}

fn names(users: &[UserName]) -> String {
    let names: Vec<_> = users.iter().map(UserName::as_str).collect();
    names.join(", ")
}

fn more(count: usize, listed: usize) -> String {
    if count == listed { String::new() } else { format!(" of {count}") }
}

fn why(recovery: Recovery) -> String {
    recovery.reason().map(|reason| format!(", {reason}")).unwrap_or_default()
}

fn by_name(mid: Option<&Mid>) -> String {
    mid.map(|mid| format!(" ({})", mid.as_str())).unwrap_or_default()
}

fn noted(note: Option<&str>) -> String {
    note.map(|note| format!(" ({note})")).unwrap_or_default()
}

fn time(at: Time) -> String {
    span(Duration::from_millis(at.0))
}

fn span(span: Duration) -> String {
    if span.subsec_nanos() == 0 { format!("{}s", span.as_secs()) } else { format!("{}ms", span.as_millis()) }
}
