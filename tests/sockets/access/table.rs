//! The access matrix: what each privilege may do with each command and path, of a room on trial.
//!
//! One table, from which the trials are made. A new command has no row and does not compile; a new
//! path has none and fails. The columns are those of `cast::RANKS`: an outsider, a guest, a member, a
//! moderator, the owner, an admin.

use roomd::chat::command::InvitationRequest;
use roomd::chat::policy::{ModerationRequest, Role};
use roomd::chat::{Body, Command, RoomRequest, ServerQuery};

/// The result for each privilege: `ok`, or the code of the refusal.
pub type Fates = [&'static str; 6];

/// A row.
pub struct Row {
    /// The number of the row: each has to be tried.
    pub number: usize,
    /// In a private room, and in a public one. `None`: it does not concern a room.
    pub fates: Option<(Fates, Fates)>,
}

/// Rows of the table of commands.
pub const ROWS: usize = 52;

const OK: &str = "ok";
const NO: &str = "forbidden";
const NOT_IN: &str = "not_member";
const NONE: &str = "not_found";
const TAKEN: &str = "name_taken";

/// Any user may.
const ALL: Fates = [OK; 6];
/// Users who may enter a private room.
const ENTERS: Fates = [NO, NO, OK, OK, OK, OK];
/// Members may.
const IN: Fates = [NOT_IN, NOT_IN, OK, OK, OK, OK];
/// Moderators may, in a private room and in a public one.
const MODERATES: (Fates, Fates) = ([NONE, NONE, NO, OK, OK, OK], [NO, NO, NO, OK, OK, OK]);
/// The owner may.
const OWNS: (Fates, Fates) = ([NONE, NONE, NO, NO, OK, OK], [NO, NO, NO, NO, OK, OK]);

/// The row of a command. Tim is a member who is in the room and wrote its message 1.
pub fn row(command: &Command) -> Row {
    let (number, fates) = match command {
        Command::Join { .. } => (0, (ENTERS, ALL)),
        Command::Leave { .. } => (1, (IN, ALL)),
        Command::ToRoom { request, .. } => match request {
            RoomRequest::Publish { .. } => (2, (IN, ALL)),
            RoomRequest::Edit { body: Body::Deleted(_), .. } => {
                (4, ([NOT_IN, NOT_IN, NO, OK, OK, OK], [NO, NO, NO, OK, OK, OK]))
            }
            RoomRequest::Edit { .. } => (5, ([NOT_IN, NOT_IN, NO, NO, NO, NO], [NO; 6])),
            RoomRequest::Receipt { .. } => (6, (IN, ALL)),
            RoomRequest::Typing(_) => (7, (IN, ALL)),
            RoomRequest::Members => (9, (IN, ALL)),
            RoomRequest::About => (36, (IN, ALL)),
            // A member is given something to finish in `tests/sockets/groups.rs`.
            RoomRequest::Finish { .. } => (48, ([NOT_IN, NOT_IN, NONE, NONE, NONE, NONE], [NONE; 6])),
            // What no command asks of a room.
            RoomRequest::Presence { .. }
            | RoomRequest::DisplayName(_)
            | RoomRequest::History { .. }
            | RoomRequest::Create(_)
            | RoomRequest::Moderate { .. }
            | RoomRequest::Audit { .. }
            | RoomRequest::Member(_)
            | RoomRequest::AskReceipts(_)
            | RoomRequest::ReadUpTo
            | RoomRequest::Forget { .. }
            | RoomRequest::Session { .. } => panic!("no command asks {request:?} of a room"),
        },
        Command::Topic { .. } => (3, (ENTERS, ALL)),
        Command::History { .. } => (8, (IN, ALL)),
        Command::Create { options, .. } if options.private => {
            let fates = [TAKEN, "unauthorized", TAKEN, TAKEN, TAKEN, TAKEN];
            (10, (fates, fates))
        }
        Command::Create { .. } => (11, ([TAKEN; 6], [TAKEN; 6])),
        Command::Moderate { request, .. } => of_moderation(request),
        Command::Invitations { request: InvitationRequest::Create { .. }, .. } => (45, MODERATES),
        Command::Invitations { request: InvitationRequest::List, .. } => (46, MODERATES),
        // Commands that concern users, and not rooms.
        Command::Private { .. } => return elsewhere(22),
        Command::Presence { .. } => return elsewhere(23),
        Command::Rooms => return elsewhere(24),
        Command::Signal { .. } => return elsewhere(25),
        Command::Nick { .. } => return elsewhere(26),
        Command::Auth { .. } => return elsewhere(27),
        Command::Refresh { .. } => return elsewhere(28),
        Command::Resume { .. } => return elsewhere(29),
        Command::Session => return elsewhere(30),
        Command::Receipts { .. } => return elsewhere(49),
        // Which topics it is given is in `tests/sockets/patterns.rs`.
        Command::Patterns(_) => return elsewhere(51),
        Command::Query(ServerQuery::Ping) => return elsewhere(31),
        Command::Query(ServerQuery::Help) => return elsewhere(32),
        Command::Query(ServerQuery::Time) => return elsewhere(34),
        // Which rooms it looks into is in `tests/sockets/searching.rs`.
        Command::Search { .. } => return elsewhere(41),
        Command::Bookmarks(_) => return elsewhere(35),
        Command::Unclaim { .. } => return elsewhere(40),
        Command::Devices(_) => return elsewhere(42),
        Command::Memberships => return elsewhere(43),
        Command::DisplayNames(_) => return elsewhere(47),
        Command::Quit => return elsewhere(33),
    };
    Row { number, fates: Some(fates) }
}

fn of_moderation(request: &ModerationRequest) -> (usize, (Fates, Fates)) {
    match request {
        ModerationRequest::Invite { .. } => (12, MODERATES),
        ModerationRequest::Remove { .. } => (13, MODERATES),
        ModerationRequest::Kick { .. } => (14, MODERATES),
        ModerationRequest::Ban { .. } => (15, MODERATES),
        ModerationRequest::Unban { .. } => (16, MODERATES),
        ModerationRequest::Mute { .. } => (17, MODERATES),
        ModerationRequest::Unmute { .. } => (18, MODERATES),
        ModerationRequest::Settings(_) => (19, MODERATES),
        ModerationRequest::Describe(_) => (37, MODERATES),
        ModerationRequest::Pin { .. } => (38, MODERATES),
        ModerationRequest::Unpin { .. } => (39, MODERATES),
        ModerationRequest::RevokeInvitation { .. } => (44, MODERATES),
        ModerationRequest::Role { role: Role::Member | Role::Voice, .. } => (50, MODERATES),
        ModerationRequest::Role { role: Role::Moderator | Role::Owner, .. } => (20, OWNS),
        ModerationRequest::End => (21, OWNS),
        // What no command asks for as such.
        ModerationRequest::Appoint { .. }
        | ModerationRequest::CreateInvitation { .. }
        | ModerationRequest::Admit { .. }
        | ModerationRequest::Accept => panic!("no command is {request:?}"),
    }
}

fn elsewhere(number: usize) -> Row {
    Row { number, fates: None }
}

/// A command of each row, in JSON; `R` is the room.
pub const JSON: [&str; 56] = [
    r#"{"type":"join","room":"R"}"#,
    r#"{"type":"leave","room":"R"}"#,
    r#"{"type":"message","room":"R","message":"hi"}"#,
    r#"{"type":"message","room":"R","cipher":{"alg":"A256GCM","ct":"x"}}"#,
    r#"{"topic":"R","message":"hi"}"#,
    r#"{"type":"delete","room":"R","seq":1}"#,
    r#"{"type":"edit","room":"R","seq":1,"message":"mine"}"#,
    r#"{"type":"received","room":"R","seq":1}"#,
    r#"{"type":"read","room":"R","seq":1}"#,
    r#"{"type":"typing","room":"R","typing":true}"#,
    r#"{"type":"history","room":"R"}"#,
    r#"{"type":"members","room":"R"}"#,
    r#"{"type":"create","room":"R","private":true}"#,
    r#"{"type":"create","room":"R"}"#,
    r#"{"type":"invite","room":"R","user":"Ivy"}"#,
    r#"{"type":"remove","room":"R","user":"Tim"}"#,
    r#"{"type":"kick","room":"R","user":"Tim"}"#,
    r#"{"type":"ban","room":"R","user":"Tim","for_s":60}"#,
    r#"{"type":"unban","room":"R","user":"Ben"}"#,
    r#"{"type":"mute","room":"R","user":"Tim"}"#,
    r#"{"type":"unmute","room":"R","user":"Max"}"#,
    r#"{"type":"settings","room":"R","slow_mode_s":5}"#,
    r#"{"type":"role","room":"R","user":"Tim","role":"moderator"}"#,
    r#"{"type":"role","room":"R","user":"Tim","role":"voice"}"#,
    r#"{"type":"end","room":"R"}"#,
    r#"{"type":"private","to":"Tim","message":"hi"}"#,
    r#"{"type":"presence","status":"away"}"#,
    r#"{"type":"rooms"}"#,
    r#"{"type":"offer","to":"Tim","payload":{}}"#,
    r#"{"type":"hangup","to":"Tim"}"#,
    r#"{"type":"auth","token":"x"}"#,
    r#"{"type":"refresh","token":"x"}"#,
    r#"{"type":"resume","resume":"x"}"#,
    r#"{"type":"ping"}"#,
    r#"{"type":"time"}"#,
    r#"{"type":"about","room":"R"}"#,
    r#"{"type":"done","room":"R","seq":1}"#,
    r#"{"type":"describe","room":"R","subject":"Tea"}"#,
    r#"{"type":"pin","room":"R","seq":1}"#,
    r#"{"type":"unpin","room":"R","seq":1}"#,
    r#"{"type":"search","q":"hi"}"#,
    r#"{"type":"bookmarks"}"#,
    r#"{"type":"bookmark","room":"R"}"#,
    r#"{"type":"unbookmark","room":"R"}"#,
    r#"{"type":"unclaim","user":"Nobody"}"#,
    r#"{"type":"invitation","room":"R"}"#,
    r#"{"type":"invitations","room":"R"}"#,
    r#"{"type":"revoke","room":"R","invitation":1}"#,
    r#"{"type":"memberships"}"#,
    r#"{"type":"devices"}"#,
    r#"{"type":"add_device"}"#,
    r#"{"type":"end_device","device":"0000000000000001"}"#,
    r#"{"type":"display_names","users":["Tim"]}"#,
    r#"{"type":"display_name","name":""}"#,
    r#"{"type":"subscribe","pattern":"a.*"}"#,
    r#"{"type":"unsubscribe","pattern":"a.*"}"#,
];

/// The same in text, as far as the dialect has them. All but the first three are about the current room.
pub const TEXT: [&str; 39] = [
    "/join R",
    "/create R",
    "/end R",
    "/leave",
    "hi",
    "/history",
    "/who",
    "/done 1",
    "/invite Ivy",
    "/remove Tim",
    "/kick Tim",
    "/ban Tim 10m",
    "/unban Ben",
    "/mute Tim",
    "/unmute Max",
    "/slow 5",
    "/announce on",
    "/limit 5",
    "/opentopic on",
    "/topic",
    "/describe Tea",
    "/pin 1",
    "/unpin 1",
    "/invitation 1d 5",
    "/invitations",
    "/revoke 1",
    "/role Tim voice",
    "/role Tim moderator",
    "/nick Nick",
    "/session",
    "/receipts on",
    "/help",
    "/quit",
    "/rooms",
    "/devices",
    "/unread",
    "/back",
    "/msg Tim hi",
    "/subscribe a.*",
];

/// The result of a request, for each privilege, in a private room and in a public one. `None`: it does not
/// concern a room. `R` is the room.
pub struct Answers {
    /// Its body.
    pub body: &'static str,
    /// The statuses.
    pub statuses: Option<([u16; 6], [u16; 6])>,
}

/// Whoever may enter may read.
const READS: ([u16; 6], [u16; 6]) = ([404, 404, 200, 200, 200, 200], [200; 6]);
/// Moderators may.
const RULES: ([u16; 6], [u16; 6]) = ([404, 404, 403, 204, 204, 204], [403, 403, 403, 204, 204, 204]);

/// The row of a path and a method; `None`: there is none, and there has to be.
pub fn answers(address: &str, method: &str) -> Option<Answers> {
    let answers = |body, statuses| Some(Answers { body, statuses: Some(statuses) });
    let elsewhere = Some(Answers { body: "", statuses: None });
    match (address, method) {
        (
            "/"
            | "/admin"
            | "/assets/{file}"
            | "/login/{provider}"
            | "/login/{provider}/callback"
            | "/healthz"
            | "/readyz"
            | "/ws"
            | "/api/v1/claims"
            | "/api/v1/tickets"
            | "/hooks/{token}"
            | "/api/v1/private/{user}/messages"
            | "/api/v1/private/{user}/messages/{seq}"
            | "/api/v1/claims/{user}"
            | "/api/v1/memberships"
            | "/api/v1/qr"
            | "/api/v1/devices"
            | "/api/v1/devices/codes"
            | "/api/v1/codes"
            | "/api/v1/devices/{device}"
            | "/api/v1/me"
            | "/api/v1/server"
            | "/api/v1/time",
            _,
        ) => elsewhere,
        (_, "OPTIONS") => answers("", ([204; 6], [204; 6])),
        ("/metrics", "GET" | "HEAD") => answers("", ([403, 401, 403, 403, 403, 200], [403, 401, 403, 403, 403, 200])),
        ("/api/v1/rooms", "GET" | "HEAD") => answers("", ([200; 6], [200; 6])),
        // Which rooms it looks into is in `tests/sockets/searching.rs`.
        ("/api/v1/search", "GET" | "HEAD") => answers("", ([400; 6], [400; 6])),
        ("/api/v1/rooms", "POST") => answers(r#"{"room":"R"}"#, ([409; 6], [409; 6])),
        ("/api/v1/rooms/{room}" | "/api/v1/rooms/{room}/members", "GET" | "HEAD") => answers("", READS),
        ("/api/v1/rooms/{room}", "DELETE") => {
            answers("", ([404, 404, 403, 403, 204, 204], [403, 403, 403, 403, 204, 204]))
        }
        // A code that admits nobody.
        ("/api/v1/rooms/{room}/members", "POST") => answers(r#"{"invitation":"x"}"#, ([401; 6], [401; 6])),
        ("/api/v1/rooms/{room}/invitations", "GET" | "HEAD") => {
            answers("", ([404, 404, 403, 200, 200, 200], [403, 403, 403, 200, 200, 200]))
        }
        ("/api/v1/rooms/{room}/invitations", "POST") => {
            answers("{}", ([404, 404, 403, 201, 201, 201], [403, 403, 403, 201, 201, 201]))
        }
        ("/api/v1/rooms/{room}/invitations/{seq}", "DELETE") => answers("", RULES),
        ("/api/v1/rooms/{room}/members/{user}", "PUT") => answers("", RULES),
        ("/api/v1/rooms/{room}/members/{user}", "DELETE") => answers("", RULES),
        ("/api/v1/rooms/{room}/about", "PUT") => answers(r#"{"subject":"Tea"}"#, RULES),
        ("/api/v1/rooms/{room}/pins/{seq}", "PUT" | "DELETE") => answers("", RULES),
        // There is no hook of this number.
        ("/api/v1/rooms/{room}/hooks/{seq}", "DELETE") => {
            answers("", ([404, 404, 403, 404, 404, 404], [403, 403, 403, 404, 404, 404]))
        }
        ("/api/v1/rooms/{room}/hooks", "POST") => {
            answers(r#"{"name":"CI"}"#, ([404, 404, 403, 201, 201, 201], [403, 403, 403, 201, 201, 201]))
        }
        ("/api/v1/rooms/{room}/audit" | "/api/v1/rooms/{room}/hooks", "GET" | "HEAD") => {
            answers("", ([404, 404, 403, 200, 200, 200], [403, 403, 403, 200, 200, 200]))
        }
        _ if address.contains("/messages") || address.contains("/events") => of_messages(address, method),
        _ if address.starts_with("/api/v1/admin/") => of_admin(address, method),
        _ if address.contains("/webhooks") => of_webhooks(address, method),
        _ => None,
    }
}

/// The same, of what is said.
fn of_messages(address: &str, method: &str) -> Option<Answers> {
    let answers = |body, statuses| Some(Answers { body, statuses: Some(statuses) });
    match (address, method) {
        ("/api/v1/rooms/{room}/messages", "GET" | "HEAD") => answers("", READS),
        ("/api/v1/rooms/{room}/messages", "POST") => {
            answers(r#"{"message":"hi"}"#, ([403, 403, 201, 201, 201, 201], [201; 6]))
        }
        ("/api/v1/rooms/{room}/events" | "/api/v1/events?room={room}", "GET") => {
            answers("", ([403, 403, 200, 200, 200, 200], [200; 6]))
        }
        ("/api/v1/rooms/{room}/messages/{seq}", "PUT") => {
            answers(r#"{"message":"mine"}"#, ([404, 404, 403, 403, 403, 403], [403; 6]))
        }
        ("/api/v1/rooms/{room}/messages/{seq}", "DELETE") => answers("", RULES),
        ("/api/v1/rooms/{room}/messages/{seq}/receipts", "GET" | "HEAD") => answers("", READS),
        _ => None,
    }
}

/// The same, of what is an admin's; nobody else learns anything, whatever the request says.
fn of_admin(address: &str, method: &str) -> Option<Answers> {
    let admin = |body, status| {
        let statuses = [403, 401, 403, 403, 403, status];
        Some(Answers { body, statuses: Some((statuses, statuses)) })
    };
    match (address, method) {
        ("/api/v1/admin/connections", "GET" | "HEAD") => admin("", 200),
        ("/api/v1/admin/bans" | "/api/v1/admin/audit", "GET" | "HEAD") => admin("", 200),
        ("/api/v1/admin/accounts", "GET" | "HEAD") => admin("", 200),
        ("/api/v1/admin/keys", "GET" | "HEAD") => admin("", 200),
        ("/api/v1/admin/keys", "POST") => admin("", 201),
        ("/api/v1/admin/keys/{key}", "DELETE") => admin("", 404),
        // Nobody has this name, and nobody had it.
        ("/api/v1/admin/accounts/{account}", "DELETE") => admin("", 404),
        ("/api/v1/admin/people/{person}", "GET" | "HEAD" | "DELETE") => admin("", 404),
        ("/api/v1/admin/rooms", "GET" | "HEAD") => admin("", 200),
        ("/api/v1/admin/rooms", "POST") => admin(r#"{"room":"R"}"#, 409),
        ("/api/v1/admin/rooms/{room}", "DELETE") => admin("", 204),
        ("/api/v1/admin/rooms/{room}/owner", "PUT") => admin(r#"{"user":"Tim"}"#, 204),
        ("/api/v1/admin/rooms/{room}/retention", "PUT") => admin("{}", 200),
        ("/api/v1/admin/announcements", "POST") => admin(r#"{"text":"Tea"}"#, 204),
        ("/api/v1/admin/bans", "POST") => admin(r#"{"address":"203.0.113.9","for_s":60}"#, 201),
        // There is none of this number.
        ("/api/v1/admin/connections/{connection}" | "/api/v1/admin/bans/{ban}", "DELETE") => admin("", 404),
        _ => None,
    }
}

/// The same, of webhooks.
fn of_webhooks(address: &str, method: &str) -> Option<Answers> {
    let answers = |body, statuses| Some(Answers { body, statuses: Some(statuses) });
    match (address, method) {
        // Those of all rooms are an admin's; who else owns what has none of this number.
        ("/api/v1/webhooks", "GET" | "HEAD") => {
            answers("", ([403, 403, 403, 403, 403, 200], [403, 403, 403, 403, 403, 200]))
        }
        ("/api/v1/webhooks", "POST") => {
            answers(r#"{"url":"http://127.0.0.1:9"}"#, ([403, 403, 403, 403, 403, 201], [403, 403, 403, 403, 403, 201]))
        }
        (
            "/api/v1/webhooks/{webhook}"
            | "/api/v1/webhooks/{webhook}/deliveries"
            | "/api/v1/webhooks/{webhook}/deliveries/{delivery}",
            _,
        ) => answers("", ([403, 403, 403, 403, 403, 404], [403, 403, 403, 403, 403, 404])),
        ("/api/v1/rooms/{room}/webhooks", "GET" | "HEAD") => {
            answers("", ([404, 404, 403, 403, 200, 200], [403, 403, 403, 403, 200, 200]))
        }
        ("/api/v1/rooms/{room}/webhooks", "POST") => {
            answers(r#"{"url":"http://127.0.0.1:9"}"#, ([404, 404, 403, 403, 201, 201], [403, 403, 403, 403, 201, 201]))
        }
        (
            "/api/v1/rooms/{room}/webhooks/{webhook}"
            | "/api/v1/rooms/{room}/webhooks/{webhook}/deliveries"
            | "/api/v1/rooms/{room}/webhooks/{webhook}/deliveries/{delivery}",
            _,
        ) => answers("", ([404, 404, 403, 403, 404, 404], [403, 403, 403, 403, 404, 404])),
        _ => None,
    }
}
