//! Small archives of both kinds, made here as their documentation has them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Cursor, Write as _};

use roomd_archives::{About, Archive, Message, Room, RoomKind, mattermost, slack};
use roomd_protocol::UserName;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn zip(files: &[(&str, &str)]) -> Cursor<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    let mut written = zip.finish().unwrap();
    written.set_position(0);
    written
}

fn room<'a>(archive: &'a Archive, name: &str) -> &'a Room {
    archive.rooms.iter().find(|room| room.name.as_str() == name).unwrap_or_else(|| panic!("no {name} in {archive:?}"))
}

/// Author, text and relation of each message.
fn said(room: &Room) -> Vec<(&str, &str, Option<About>)> {
    room.messages.iter().map(|Message { user, text, about, .. }| (user.as_str(), text.as_str(), *about)).collect()
}

fn users(names: &[&str]) -> Vec<UserName> {
    names.iter().map(|name| UserName::parse(name).unwrap()).collect()
}

const USERS: &str = r#"[
    {"id": "U1", "name": "anna", "profile": {"display_name": "Anna B.", "real_name": "Anna Berg"}},
    {"id": "U2", "name": "otto", "profile": {"display_name": "", "real_name": "otto"}, "deleted": true},
    {"id": "U3", "name": "Anna"}]"#;

fn slack_files() -> Vec<(&'static str, &'static str)> {
    vec![
        ("users.json", USERS),
        (
            "channels.json",
            r#"[{"id": "C1", "name": "general", "members": ["U1", "U2"], "topic": {"value": "For <@U1> &amp; all"},
                "purpose": {"value": ""}}, {"id": "C2", "name": "empty"}]"#,
        ),
        ("groups.json", r#"[{"id": "G1", "name": "secret plans", "members": ["U1", "U3"]}]"#),
        ("dms.json", r#"[{"id": "D1", "members": ["U2", "U1"]}, {"id": "D2", "members": ["U3", "U1"]}]"#),
        // The later day comes first: the order is that of the times.
        (
            "general/2026-03-02.json",
            r#"[{"type": "message", "user": "U2", "text": "a late answer", "ts": "1772409600.000100",
                "thread_ts": "1772323200.000200"},
                {"type": "message", "user": "U2", "text": "to nobody", "ts": "1772409601.000100", "thread_ts": "1.000001"}]"#,
        ),
        (
            "general/2026-03-01.json",
            r#"[{"type": "message", "subtype": "channel_join", "user": "U1", "text": "has joined", "ts": "1772323100.000100"},
                {"type": "message", "user": "U1", "text": "*hi* <@U2>", "ts": "1772323200.000200",
                 "thread_ts": "1772323200.000200", "edited": {"user": "U1", "ts": "1772323300.000000"},
                 "reactions": [{"name": "tada", "users": ["U2", "U9"], "count": 2}]},
                {"type": "message", "subtype": "bot_message", "username": "CI", "bot_id": "B1", "text": "",
                 "attachments": [{"fallback": "build 7 failed"}], "ts": "1772323201.000000"},
                {"type": "message", "user": "U1", "text": "", "files": [{"name": "plan.pdf"}], "ts": "1772323202.000000"},
                {"type": "message", "user": "U1", "text": "", "ts": "1772323203.000000"}]"#,
        ),
        ("secret plans/2026-03-01.json", r#"[{"user": "U3", "text": "psst", "ts": "1772323200.500000"}]"#),
        ("D1/2026-03-01.json", r#"[{"user": "U2", "text": "only for you", "ts": "1772323100.000000"}]"#),
    ]
}

#[test]
fn an_archive_of_slack_is_rooms_with_their_messages_in_order() {
    let archive = slack::read(zip(&slack_files())).unwrap();
    let general = room(&archive, "general");
    assert_eq!(
        said(general),
        [
            ("anna", "**hi** @otto", None),
            ("otto", "🎉", Some(About::Reaction(1))),
            ("U9", "🎉", Some(About::Reaction(1))),
            ("CI", "build 7 failed", None),
            ("anna", "(file: plan.pdf)", None),
            ("otto", "a late answer", Some(About::Reply(1))),
            ("otto", "to nobody", None),
        ]
    );
    assert_eq!(
        (general.messages[0].at_ms, general.messages[0].edited_ms),
        (1_772_323_200_000, Some(1_772_323_300_000))
    );
    assert_eq!(general.messages[0].id.as_deref(), Some("1772323200.000200"));
    assert_eq!((general.subject.as_deref(), general.description.as_deref()), (Some("For @anna & all"), None));
    assert_eq!(general.kind, RoomKind::Public);
    assert_eq!(room(&archive, "secret-plans").kind, RoomKind::Private(users(&["anna", "Anna-2"])));
    assert_eq!(said(room(&archive, "dm:anna:otto")), [("otto", "only for you", None)]);
    // A conversation in which nothing was said is none; an empty room is a room.
    assert_eq!(archive.rooms.len(), 4);
    let left_out: Vec<_> = archive.left_out.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(
        left_out,
        [
            ("answers to messages that are not in the archive (they stand alone)", 1),
            ("files (their names stand in the messages)", 1),
            ("messages without a text", 1),
            ("notices (channel_join)", 1),
        ]
    );
    let users: Vec<_> = archive.users.iter().map(|user| (user.name.as_str(), user.since_ms)).collect();
    let (general, direct) = (1_772_323_200_000, 1_772_323_100_000);
    assert_eq!(
        users,
        [("anna", direct), ("otto", direct), ("Anna-2", 1_772_323_200_500), ("CI", general), ("U9", general)]
    );
    assert_eq!(archive.users[0].display_name.as_ref().map(ToString::to_string).as_deref(), Some("Anna B."));
    assert_eq!(slack::read(zip(&slack_files())).unwrap(), archive, "the same twice");
}

#[test]
fn what_is_no_archive_of_slack_is_refused_with_the_reason() {
    let changed = |name: &str, text: &'static str| {
        let files = slack_files().into_iter().map(|(path, old)| (path, if path == name { text } else { old }));
        slack::read(zip(&files.collect::<Vec<_>>())).unwrap_err().to_string()
    };
    for (sentence, error) in [
        ("it is no ZIP file: ", slack::read(Cursor::new(b"hello".to_vec())).unwrap_err().to_string()),
        ("it is no archive of Slack: users.json is missing", slack::read(zip(&[("a", "b")])).unwrap_err().to_string()),
        ("users.json is not as Slack writes it: ", changed("users.json", "{}")),
        ("D1/2026-03-01.json is not as Slack writes it: ", changed("D1/2026-03-01.json", "[{}]")),
        (
            "D1/2026-03-01.json: a message has the time \"soon\", which is none",
            changed("D1/2026-03-01.json", r#"[{"user": "U1", "text": "x", "ts": "soon"}]"#),
        ),
        (
            "D1/2026-03-01.json: a message has the time \"99999999999999999999.1\"",
            changed("D1/2026-03-01.json", r#"[{"user": "U1", "text": "x", "ts": "99999999999999999999.1"}]"#),
        ),
    ] {
        assert!(error.starts_with(sentence), "{error}");
    }
    let mut cut = zip(&slack_files()).into_inner();
    cut.truncate(cut.len() / 2);
    assert!(slack::read(Cursor::new(cut)).is_err());
}

const MATTERMOST: &str = r#"{"type":"version","version":1}
{"type":"team","team":{"name":"acme","display_name":"Acme","type":"I"}}
{"type":"channel","channel":{"team":"acme","name":"town-square","type":"O","header":"All of us","purpose":""}}
{"type":"channel","channel":{"team":"acme","name":"board","type":"P"}}
{"type":"user","user":{"username":"anna","nickname":"","first_name":"Anna","last_name":"Berg","teams":[{"name":"acme","channels":[{"name":"board"}]}]}}
{"type":"user","user":{"username":"otto"}}
{"type":"post","post":{"team":"acme","channel":"town-square","user":"otto","message":"second **b**","create_at":2000,"edit_at":3000}}
{"type":"post","post":{"team":"acme","channel":"town-square","user":"anna","message":"first :tada:","create_at":1000,"reactions":[{"user":"otto","emoji_name":"heart","create_at":1500}],"replies":[{"user":"otto","message":"yes","create_at":2500},{"user":"otto","message":"and","create_at":2500}]}}
{"type":"post","post":{"team":"acme","channel":"town-square","type":"system_join_channel","user":"anna","message":"anna joined","create_at":500}}
{"type":"post","post":{"team":"acme","channel":"board","user":"anna","message":"","attachments":[{"path":"data/budget.xlsx"}],"create_at":4000}}
{"type":"direct_channel","direct_channel":{"participants":[{"username":"otto"},{"username":"anna"}]}}
{"type":"direct_post","direct_post":{"channel_members":["anna","otto"],"user":"anna","message":"hello","create_at":700}}
{"type":"direct_post","direct_post":{"channel_members":["anna","otto","eva"],"user":"eva","message":"three","create_at":800}}
{"type":"emoji","emoji":{"name":"logo","image":"x.png"}}
"#;

#[test]
fn an_export_of_mattermost_is_rooms_with_their_messages_in_order() {
    let archive = mattermost::read(Cursor::new(MATTERMOST)).unwrap();
    let square = room(&archive, "town-square");
    assert_eq!(
        said(square),
        [
            ("anna", "first 🎉", None),
            ("otto", "❤️", Some(About::Reaction(1))),
            ("otto", "second **b**", None),
            ("otto", "yes", Some(About::Reply(1))),
            ("otto", "and", Some(About::Reply(1))),
        ]
    );
    assert_eq!((square.subject.as_deref(), square.messages[2].edited_ms), (Some("All of us"), Some(3_000)));
    assert_eq!(room(&archive, "board").kind, RoomKind::Private(users(&["anna"])));
    assert_eq!(said(room(&archive, "board")), [("anna", "(file: budget.xlsx)", None)]);
    assert_eq!(said(room(&archive, "dm:anna:otto")), [("anna", "hello", None)]);
    assert_eq!(room(&archive, "anna-eva-otto").kind, RoomKind::Private(users(&["anna", "eva", "otto"])));
    let since: Vec<_> = archive.users.iter().map(|user| (user.name.as_str(), user.since_ms)).collect();
    assert_eq!(since, [("anna", 700), ("otto", 700), ("eva", 800)]);
    let kinds: Vec<_> = archive.left_out.keys().map(String::as_str).collect();
    assert_eq!(
        kinds,
        ["files (their names stand in the messages)", "lines of the type \"emoji\"", "notices (system_join_channel)"]
    );
    assert_eq!(mattermost::read(zip(&[("data/x.png", ""), ("import.jsonl", MATTERMOST)])).unwrap(), archive);
}

#[test]
fn what_is_no_export_of_mattermost_is_refused_with_the_line() {
    for (text, sentence) in [
        (String::new(), "it is empty"),
        ("hello".to_owned(), "line 1 is not as Mattermost writes it: "),
        (r#"{"type":"team"}"#.to_owned(), "line 1 is not the first of an export of Mattermost"),
        (
            MATTERMOST.replace(r#""channel":"board""#, r#""channel":"gone""#),
            "line 10 is a post in the channel gone of ",
        ),
        (
            MATTERMOST.replace(r#","create_at":2000"#, ""),
            "line 7 is not as Mattermost writes it: missing field `create_at`",
        ),
        (
            format!("{MATTERMOST}{{\"type\":\"post\"}}"),
            "line 15 is of the type \"post\", and has no field of that name",
        ),
    ] {
        let error = mattermost::read(Cursor::new(text)).unwrap_err().to_string();
        assert!(error.starts_with(sentence), "{error}");
    }
    let error = mattermost::read(zip(&[("a.txt", "")])).unwrap_err().to_string();
    assert_eq!(error, "it is no export of Mattermost: no file in it is called .jsonl");
}
