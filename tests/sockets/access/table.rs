//! The access matrix: what each privilege may do with each command and path, of a room on trial.
//!
//! One table, from which the trials are made. A new command has no row and does not compile; a new
//! path has none and fails. The columns are those of `cast::RANKS`: an outsider, a guest, a member, a
//! moderator, the owner, an admin.

use roomd::chat::policy::ModerationRequest;
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
pub const ROWS: usize = 35;

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
            RoomRequest::Edit { body: Body::Deleted, .. } => {
                (4, ([NOT_IN, NOT_IN, NO, OK, OK, OK], [NO, NO, NO, OK, OK, OK]))
            }
            RoomRequest::Edit { .. } => (5, ([NOT_IN, NOT_IN, NO, NO, NO, NO], [NO; 6])),
            RoomRequest::Receipt { .. } => (6, (IN, ALL)),
            RoomRequest::Typing(_) => (7, (IN, ALL)),
            RoomRequest::Members => (9, (IN, ALL)),
            // What no command asks of a room.
            RoomRequest::Presence { .. }
            | RoomRequest::History { .. }
            | RoomRequest::Create(_)
            | RoomRequest::Moderate { .. }
            | RoomRequest::Audit { .. }
            | RoomRequest::Member(_)
            | RoomRequest::Session { .. } => panic!("no command asks {request:?} of a room"),
        },
        Command::Topic { .. } => (3, (ENTERS, ALL)),
        Command::History { .. } => (8, (IN, ALL)),
        Command::Create { options, .. } if options.private => {
            let fates = [TAKEN, "unauthorized", TAKEN, TAKEN, TAKEN, TAKEN];
            (10, (fates, fates))
        }
        Command::Create { .. } => (11, ([TAKEN; 6], [TAKEN; 6])),
        Command::Moderate { request, .. } => match request {
            ModerationRequest::Invite { .. } => (12, MODERATES),
            ModerationRequest::Remove { .. } => (13, MODERATES),
            ModerationRequest::Kick { .. } => (14, MODERATES),
            ModerationRequest::Ban { .. } => (15, MODERATES),
            ModerationRequest::Unban { .. } => (16, MODERATES),
            ModerationRequest::Mute { .. } => (17, MODERATES),
            ModerationRequest::Unmute { .. } => (18, MODERATES),
            ModerationRequest::Settings(_) => (19, MODERATES),
            ModerationRequest::Role { .. } => (20, OWNS),
            ModerationRequest::End => (21, OWNS),
        },
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
        Command::Query(ServerQuery::Ping) => return elsewhere(31),
        Command::Query(ServerQuery::Help) => return elsewhere(32),
        Command::Query(ServerQuery::Time) => return elsewhere(34),
        Command::Quit => return elsewhere(33),
    };
    Row { number, fates: Some(fates) }
}

fn elsewhere(number: usize) -> Row {
    Row { number, fates: None }
}

/// A command of each row, in JSON; `R` is the room.
pub const JSON: [&str; 34] = [
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
];

/// The same in text, as far as the dialect has them. All but the first three are about the current room.
pub const TEXT: [&str; 24] = [
    "/join R",
    "/create R",
    "/end R",
    "/leave",
    "hi",
    "/history",
    "/who",
    "/invite Ivy",
    "/remove Tim",
    "/kick Tim",
    "/ban Tim 10m",
    "/unban Ben",
    "/mute Tim",
    "/unmute Max",
    "/slow 5",
    "/announce on",
    "/role Tim moderator",
    "/nick Nick",
    "/session",
    "/help",
    "/quit",
    "/rooms",
    "/back",
    "/msg Tim hi",
];

/// The result of a request, for each privilege, in a private room and in a public one. `None`: it does not
/// concern a room. `R` is the room.
pub struct Answers {
    /// Its body.
    pub body: &'static str,
    /// The statuses.
    pub statuses: Option<([u16; 6], [u16; 6])>,
}

/// The row of a path and a method; `None`: there is none, and there has to be.
pub fn answers(address: &str, method: &str) -> Option<Answers> {
    const READS: ([u16; 6], [u16; 6]) = ([404, 404, 200, 200, 200, 200], [200; 6]);
    const MODERATES: ([u16; 6], [u16; 6]) = ([404, 404, 403, 204, 204, 204], [403, 403, 403, 204, 204, 204]);
    let answers = |body, statuses| Some(Answers { body, statuses: Some(statuses) });
    let elsewhere = Some(Answers { body: "", statuses: None });
    match (address, method) {
        (
            "/" | "/assets/{file}" | "/healthz" | "/readyz" | "/ws" | "/api/v1/claims" | "/api/v1/me" | "/api/v1/time",
            _,
        ) => elsewhere,
        (_, "OPTIONS") => answers("", ([204; 6], [204; 6])),
        ("/metrics", "GET" | "HEAD") => answers("", ([403, 401, 403, 403, 403, 200], [403, 401, 403, 403, 403, 200])),
        ("/api/v1/rooms", "GET" | "HEAD") => answers("", ([200; 6], [200; 6])),
        ("/api/v1/rooms", "POST") => answers(r#"{"room":"R"}"#, ([409; 6], [409; 6])),
        ("/api/v1/rooms/{room}/messages", "GET" | "HEAD") => answers("", READS),
        ("/api/v1/rooms/{room}/messages", "POST") => {
            answers(r#"{"message":"hi"}"#, ([403, 403, 201, 201, 201, 201], [201; 6]))
        }
        ("/api/v1/rooms/{room}/messages/{seq}/receipts", "GET" | "HEAD") => answers("", READS),
        ("/api/v1/rooms/{room}", "GET" | "HEAD") => answers("", READS),
        ("/api/v1/rooms/{room}", "DELETE") => {
            answers("", ([404, 404, 403, 403, 204, 204], [403, 403, 403, 403, 204, 204]))
        }
        ("/api/v1/rooms/{room}/members", "GET" | "HEAD") => answers("", READS),
        ("/api/v1/rooms/{room}/members/{user}", "PUT") => answers("", MODERATES),
        ("/api/v1/rooms/{room}/members/{user}", "DELETE") => answers("", MODERATES),
        ("/api/v1/rooms/{room}/audit", "GET" | "HEAD") => {
            answers("", ([404, 404, 403, 200, 200, 200], [403, 403, 403, 200, 200, 200]))
        }
        _ => None,
    }
}
