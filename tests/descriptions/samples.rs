//! Events and changes of every kind, with every field that one of its kind may have.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use roomd::chat::admin::{
    AccountInfo, Announcement, BanTarget, Connected, ConnectionInfo, KeyInfo, NewServerBan, PersonalData, RoomOverview,
    ServerAction, ServerActionKind, ServerAuditEntry, ServerBan,
};
use roomd::chat::device::{Device, DeviceId, DeviceLabel, ListedDevice};
use roomd::chat::hook::{Hook, NewHook};
use roomd::chat::identity::TokenClaims;
use roomd::chat::listed_room::{ListedConversation, ListedRoom, Memberships, ReadPosition};
use roomd::chat::policy::{
    Description, Invitation, Invited, ModerationAction, ModerationChange, Role, RoomSettings, RoomSubject,
};
use roomd::chat::receipt_counts::Counts;
use roomd::chat::webhook::{
    DueDelivery, LoggedDelivery, NewWebhook, Webhook, WebhookEvent, WebhookEvents, WebhookOff, WebhookUrl,
};
use roomd::chat::{
    About, AuthLevel, Body, Bookmark, Code, DisplayName, End, Event, GroupName, IceServer, Identity, Key, LeaveReason,
    Limits, Message, Mid, Note, NotificationLevel, Pattern, Position, Presence, Publication, Receipt, ReceiptMark,
    Recovery, Refusal, ResumedRoom, RoomName, RoomSummary, SearchPosition, Secret, Signal, Status, Time, UserName,
    Welcome,
};
use roomd::wire::json::LoginOffer;

pub const AT: Time = Time(1_795_197_600_000);

pub fn room() -> RoomName {
    RoomName::parse("general").unwrap()
}

pub fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

pub fn note() -> Option<Note> {
    Some(Note::parse("spam").unwrap())
}

/// An admin's, with a token for one room.
pub fn identity() -> Identity {
    let (since, expires) = (AT, AT);
    let claims = TokenClaims {
        since,
        expires,
        display: Some("Alice N.".into()),
        rooms: Some(vec![room()]),
        device: Some(DeviceId(0xfeed)),
        rate: Some(60),
        key: None,
    };
    Identity { user: user("Alice"), auth_level: AuthLevel::Admin, claims: Some(Arc::new(claims)) }
}

/// Messages that together have every field: public and private, a reply and a reaction, a text, a ciphertext and bytes, edited
/// and deleted with a reason.
pub fn messages() -> Vec<Message> {
    let text = || Body::Text("Good morning".into());
    let bodies = [
        (text(), Some(About::Reply(1))),
        (Body::Cipher("{}".into()), Some(About::Reaction(1))),
        (Body::Data([0, 1, 0xff].as_slice().into()), None),
        (Body::Deleted(note()), None),
    ];
    let of = |to: Option<UserName>| {
        bodies.clone().map(|(body, about)| Message {
            room: to.as_ref().map_or_else(room, |to| RoomName::private(&user("Alice"), to)),
            user: user("Alice"),
            to: to.clone(),
            body,
            about,
            seq: 42,
            ephemeral: None,
            mid: Some(Mid::parse("m1").unwrap()),
            key: Some(Key::parse("k1").unwrap()),
            at: AT,
            edited: Some(AT),
        })
    };
    of(None).into_iter().chain(of(Some(user("Bob")))).collect()
}

pub fn presences() -> Vec<Presence> {
    let all = [Status::Online, Status::Away, Status::Offline];
    all.map(|status| Presence { user: user("Bob"), status, note: note(), last_seen: AT }).into()
}

pub fn marks() -> Vec<ReceiptMark> {
    let all = [Receipt::Written, Receipt::Received, Receipt::Read];
    all.map(|receipt| ReceiptMark { user: user("Bob"), receipt, seq: 42, at: AT }).into()
}

pub fn subject() -> RoomSubject {
    RoomSubject { description: description(), pinned: BTreeSet::from([3, 41]) }
}

fn description() -> Description {
    Description::parse(Some("The summer fête"), Some("What we need, and who brings it")).unwrap()
}

/// An operator, and a user with a voice.
pub fn appointed() -> Vec<(UserName, Role)> {
    vec![(user("Ann"), Role::Moderator), (user("Bob"), Role::Voice)]
}

/// The changes of which members are told; the others are for the audit log alone.
pub fn told_changes() -> Vec<ModerationChange> {
    let user = || user("Bob");
    vec![
        ModerationChange::Invited { user: user() },
        ModerationChange::Removed { user: user() },
        ModerationChange::Kicked { user: user() },
        ModerationChange::Banned { user: user(), until: Some(AT) },
        ModerationChange::Unbanned { user: user() },
        ModerationChange::Muted { user: user(), until: Some(AT) },
        ModerationChange::Unmuted { user: user() },
        ModerationChange::Role { user: user(), role: Role::Moderator, was: None, former_owner: None },
        ModerationChange::Role { user: user(), role: Role::Voice, was: Some(Role::Member), former_owner: None },
        ModerationChange::Settings(RoomSettings {
            slow_mode_s: Some(30),
            announcement: Some(true),
            members_max: Some(20),
            open_subject: Some(true),
        }),
        ModerationChange::Described(description()),
        ModerationChange::Pinned { seq: 42 },
        ModerationChange::Unpinned { seq: 42 },
        ModerationChange::InvitationCreated { number: 3, code: Secret::from("4dad"), until: AT, uses: 100 },
        ModerationChange::InvitationRevoked { number: 3 },
        ModerationChange::Admitted { user: user(), invitation: 3 },
        ModerationChange::Ended,
    ]
}

/// All changes.
pub fn changes() -> Vec<ModerationChange> {
    let created = ModerationChange::Created { private: true, owner: Some(user("Alice")), members: vec![user("Bob")] };
    let deleted = ModerationChange::Deleted { user: user("Bob"), seq: 42 };
    let accepted = ModerationChange::Accepted { user: user("Bob") };
    told_changes().into_iter().chain([created, deleted, accepted]).collect()
}

pub fn refusals() -> Vec<Refusal> {
    use Code::*;
    let codes = [
        BadRequest,
        UnknownType,
        TooLarge,
        Unauthorized,
        Forbidden,
        NotFound,
        NotMember,
        SessionExpired,
        NameTaken,
        RoomFull,
        TooManyRooms,
        Conflict,
        RateLimited,
        Muted,
        UserOffline,
        Unavailable,
        Draining,
        Internal,
    ];
    let slow = Refusal::slow_mode(&room(), Duration::from_secs(30), Duration::from_secs(2));
    let message = Publication { mid: Some(Mid::parse("m1").unwrap()), ..Publication::text("Good morning") };
    let fast = Refusal::rate_limited(Duration::from_millis(140)).of_message(message.unsent(None));
    let special = [slow, fast, Refusal::conflict(&room(), 41)];
    codes.map(|code| Refusal::new(code, "Why")).into_iter().chain(special).collect()
}

fn assigned() -> Event {
    let (message, group) = (Arc::new(messages().remove(0)), GroupName::parse("agents").unwrap());
    Event::Assigned { message, group, redelivered: true, missed: 3 }
}

/// Replies and events of the JSON dialect.
pub fn events() -> Vec<Event> {
    let (room, epoch): (_, Arc<str>) = (room(), "e5b1f".into());
    let mut all = session_events();
    all.extend([
        Event::Left { room: room.clone() },
        Event::Subscribed { pattern: Pattern::parse("prices.*").unwrap() },
        Event::Unsubscribed { pattern: Pattern::parse("prices.*").unwrap() },
        Event::Sent {
            room: room.clone(),
            epoch: epoch.clone(),
            seq: 42,
            ephemeral: Some(7),
            mid: Some(Mid::parse("m1").unwrap()),
            at: AT,
            duplicate: false,
        },
        Event::Message(Arc::new(Message { ephemeral: Some(7), edited: None, ..messages().remove(0) })),
        Event::History {
            room: room.clone(),
            epoch,
            messages: messages().into_iter().map(Arc::new).collect(),
            complete: true,
        },
        Event::Found { messages: messages(), complete: false, next: Some(SearchPosition { at: AT, key: 42 }) },
        Event::Members { room: room.clone(), members: presences(), count: 3, appointed: appointed() },
        Event::About { room: room.clone(), subject: subject() },
        Event::Rooms { rooms: vec![RoomSummary { room: room.clone(), members: 2, private: true }] },
        Event::Bookmarks { bookmarks: bookmarks() },
        Event::DisplayNames { names: vec![(user("Bob"), DisplayName::parse("Bob Lee").unwrap())] },
        Event::DisplayName { user: user("Bob"), name: DisplayName::parse("Bob Lee").ok() },
        Event::DisplayName { user: user("Bob"), name: None },
        Event::Unbookmarked { room: room.clone() },
        Event::Devices { devices: devices() },
        Event::DeviceCode { code: Secret::from("KXQ7-2M4P"), expires: AT },
        Event::Memberships(memberships()),
        Event::Invitation { room: room.clone(), invitation: invitation() },
        Event::Invitations { room: room.clone(), invitations: vec![invitation()] },
        Event::Created { room: room.clone(), pinned: false },
        Event::Pong,
        Event::Time { at: AT },
        Event::Done,
        Event::Edit { room: room.clone(), seq: 42, user: user("Bob"), body: Body::Text("hello".into()), at: AT },
        Event::Edit { room: room.clone(), seq: 42, user: user("Bob"), body: Body::Cipher("{}".into()), at: AT },
        Event::Edit { room: room.clone(), seq: 42, user: user("Bob"), body: Body::Data([7].as_slice().into()), at: AT },
        Event::Edit { room: room.clone(), seq: 42, user: user("Bob"), body: Body::Deleted(note()), at: AT },
        Event::Join { room: room.clone(), user: user("Bob"), registered: true, was: None, at: AT },
        Event::Leave { room: room.clone(), user: user("Bob"), reason: LeaveReason::Left(None), at: AT },
        Event::Typing { room: room.clone(), user: user("Bob"), typing: true },
        Event::Lagged { room: room.clone(), missed: 12, conflated: 9 },
        Event::ReceiptCounts { room: room.clone(), seq: 42, counts: Counts { written: 812, received: 790, read: 113 } },
        assigned(),
    ]);
    let told = |change| Event::Moderated {
        room: room.clone(),
        by: user("Alice"),
        action: ModerationAction { change, note: note() },
        evicted: false,
        at: AT,
    };
    let change = ModerationChange::Invited { user: user("Bob") };
    let action = ModerationAction { change, note: note() };
    all.push(Event::InvitedTo { room: room.clone(), by: user("Alice"), action, at: AT });
    all.extend(told_changes().into_iter().map(told));
    all.extend(marks().into_iter().map(|mark| Event::Receipt { room: room.clone(), mark }));
    all.extend(messages().into_iter().map(|message| Event::Message(Arc::new(message))));
    all.extend(presences().into_iter().map(Event::Presence));
    all.extend(refusals().into_iter().map(Event::Refused));
    all.extend(bookmarks().into_iter().map(Event::Bookmarked));
    let signals = [Signal::Offer, Signal::Answer, Signal::IceCandidate, Signal::Hangup];
    all.extend(signals.map(|kind| Event::Signal { kind, from: user("Bob"), payload: "{}".into() }));
    all
}

/// Those of a connection's beginning and end.
fn session_events() -> Vec<Event> {
    let ice = IceServer {
        urls: "turn:example.org".to_owned(),
        username: Some("u".to_owned()),
        credential: Some("c".to_owned()),
    };
    let welcome = Welcome {
        who: identity(),
        session: 31,
        resume: Some("4dadaa3d".into()),
        limits: Arc::new(Limits { room_rate_per_s: 1_000, ..Limits::default() }),
        ice_servers: [ice].into(),
    };
    let position = Some(Position { epoch: "e5b1f".into(), seq: 45 });
    let back = |recovery| ResumedRoom { room: room(), recovery, missed: 0, position: position.clone(), read: 42 };
    let reasons = [Recovery::Whole, Recovery::EpochChanged, Recovery::TooOld, Recovery::Unavailable];
    let gone = [Recovery::RoomFailed, Recovery::Removed].map(|recovery| ResumedRoom::lost(room(), recovery));
    let room_rate = Some(1_000);
    let joined = |recovery| Event::Joined {
        room: room(),
        epoch: "e5b1f".into(),
        seq: 41,
        after: 21,
        read: 40,
        members: vec![user("Bob")],
        count: 1,
        recovery,
        rate: room_rate.filter(|_| recovery == Recovery::Whole),
    };
    let resumed =
        |room| Event::Resumed { user: user("Alice"), session: 31, resume: "4dadaa3d".into(), rooms: vec![room] };
    let goodbye = |end| Event::Goodbye { end, retry_after: Duration::from_millis(2_100) };
    let mut all = vec![
        Event::Welcome(welcome),
        Event::TokenExpiring { expires: AT, left: Duration::from_secs(60) },
        Event::Draining { left: Duration::from_secs(2) },
        Event::Announced(Announcement::parse("Tea", user("Alice"), AT).unwrap()),
        goodbye(End::Closing),
        goodbye(End::Replaced),
    ];
    all.extend(reasons.map(joined));
    all.extend(reasons.map(back).into_iter().chain(gone).map(resumed));
    all
}

fn bookmarks() -> Vec<Bookmark> {
    NotificationLevel::ALL.map(|notify| Bookmark { room: room(), notify, read: Some(41) }).into()
}

pub fn devices() -> Vec<ListedDevice> {
    let label = DeviceLabel::parse("Chromium on Linux").unwrap();
    let device = Device { id: DeviceId(0xfeed), label, created: AT, seen: Some(AT) };
    vec![ListedDevice { device, connections: 1, current: true }]
}

pub fn invitation() -> Invitation {
    Invitation { number: 3, code: Secret::from("4dad"), by: user("Alice"), at: AT, until: AT, uses: 100, used: 1 }
}

/// One in force, and one that was revoked.
pub fn hooks() -> Vec<Hook> {
    let made = NewHook { room: room(), name: user("CI"), by: Some(user("Alice")), created: AT };
    let revoked = Hook { number: 2, made: made.clone(), revoked: Some((AT, Some(user("Bob")))) };
    vec![Hook { number: 1, made, revoked: None }, revoked]
}

/// One through the network, and one that is detached.
pub fn connections() -> Vec<ConnectionInfo> {
    let one = ConnectionInfo {
        number: 1,
        user: user("Alice"),
        auth_level: AuthLevel::Registered,
        ip: Some([192, 0, 2, 7].into()),
        door: "websocket-json",
        since: AT,
        rooms: vec![room()],
        connected: Connected::Yes { events: 3, bytes: 120 },
    };
    vec![one.clone(), ConnectionInfo { number: 2, connected: Connected::Detached, ..one }]
}

/// One with everything.
pub fn accounts() -> Vec<AccountInfo> {
    let display_name = DisplayName::parse("Alice B.").ok();
    vec![AccountInfo { user: user("Alice"), since: AT, used: AT, display_name, devices: 2 }]
}

/// A provider, and a proxy.
pub fn logins() -> [LoginOffer<'static>; 2] {
    let provider = LoginOffer { id: "sso", label: Some("Example"), at_once: false };
    [provider, LoginOffer { id: "proxy", label: None, at_once: true }]
}

/// One that signs, and one that has signed nothing.
pub fn keys() -> Vec<KeyInfo> {
    let signing = KeyInfo { key: "5d0c1f0e9a7b3c42".into(), made: AT, until: Some(AT), signs: true };
    vec![signing.clone(), KeyInfo { until: None, signs: false, ..signing }]
}

/// Of a registered user who owns a room.
pub fn personal_data() -> PersonalData {
    let owns = vec![room()];
    let since = Some(AT);
    PersonalData { user: user("Alice"), since, connections: 1, messages: 4_711, rooms: 12, marks: 903, listed: 2, owns }
}

/// One in which something was said.
pub fn overviews() -> Vec<RoomOverview> {
    vec![RoomOverview {
        room: room(),
        members: 2,
        private: true,
        owner: Some(user("Alice")),
        listed: 3,
        settings: RoomSettings { slow_mode_s: Some(5), announcement: Some(false), ..RoomSettings::default() },
        last: Some((42, AT, user("Bob"))),
    }]
}

/// One of a user for a time, and one of a network.
pub fn bans() -> Vec<ServerBan> {
    let of = |target| NewServerBan { target, until: None, note: None, by: user("Alice"), at: AT };
    let bob = NewServerBan { until: Some(AT), note: note(), ..of(BanTarget::User(user("Bob"))) };
    let network = of(BanTarget::Network("192.0.2.0/24".parse().unwrap()));
    vec![ServerBan { number: 1, made: bob }, ServerBan { number: 2, made: network }]
}

/// One of each kind.
pub fn server_audit() -> Vec<ServerAuditEntry> {
    let entry = |(i, kind)| {
        let about = Some("Bob".into());
        let action = ServerAction { kind, about, until: Some(AT), note: note(), by: user("Alice"), at: AT };
        ServerAuditEntry::of(i, action)
    };
    (1..).zip(ServerActionKind::ALL).map(entry).collect()
}

/// One that is well, one that fails, one that is off, and one that was removed.
pub fn webhooks() -> Vec<Webhook> {
    let url = WebhookUrl::parse("https://bot.example/in").unwrap();
    let events = WebhookEvents::default();
    let made = NewWebhook { url, room: Some(room()), events, by: Some(user("Alice")), created: AT };
    let one = |number| Webhook::new(number, made.clone(), Secret::from("whsec_c2VjcmV0"));
    vec![
        one(1),
        Webhook { waiting: 3, failures: 2, failing: Some(AT), due: AT, ..one(2) },
        Webhook { waiting: 3, failures: 2, failing: Some(AT), off: Some((AT, WebhookOff::Failing)), ..one(3) },
        Webhook { removed: Some((AT, Some(user("Bob")))), ..one(4) },
    ]
}

/// One that was made, and one that waits.
pub fn deliveries() -> Vec<LoggedDelivery> {
    let tried = Some((AT, "204".to_owned()));
    let (id, kind) = ("msg_1".to_owned(), WebhookEvent::Message);
    let made = LoggedDelivery { number: 1, id, kind, room: room(), at: AT, attempts: 1, tried, delivered: true };
    vec![LoggedDelivery { number: 2, attempts: 0, tried: None, delivered: false, ..made.clone() }, made]
}

/// One with this text.
pub fn due(text: &str) -> DueDelivery {
    let body = Body::Text(text.into());
    let message = Arc::new(Message { body, ..messages().remove(0) });
    let (id, kind) = ("msg_1".to_owned(), WebhookEvent::Message);
    DueDelivery { number: 1, id, kind, epoch: "e5b1f".into(), at: AT, event: Event::Message(message) }
}

pub fn memberships() -> Memberships {
    let position = ReadPosition { newest: 41, read: 40 };
    let listed = ListedRoom {
        room: room(),
        role: Some(Role::Member),
        private: true,
        invited: Some(Invited { by: user("Alice"), at: AT }),
        position: Some(position),
    };
    let rooms = Role::ALL.map(|role| ListedRoom { role: Some(role), ..listed.clone() }).into();
    let conversation = RoomName::private(&user("Alice"), &user("Bob"));
    let conversations = vec![ListedConversation { room: conversation, user: user("Bob"), position }];
    Memberships { rooms, conversations }
}
