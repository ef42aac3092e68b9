//! The access matrix over IRC: each command that concerns a room has the fate of the command of the JSON dialect that
//! does the same; the others are named.

use std::collections::BTreeSet;

use roomd::chat::{Event, RoomName, Span};
use roomd::net::irc::command_names;
use roomd::wire::irc::message_id;

use super::cast::{Cast, RANKS, Rank, Trial};
use super::{enters, fate, parsed};

/// A line about the channel `#R`, and the command that does the same; `ID` is the id of its message. With a numeric, an
/// answer that has it is a yes; otherwise one that has no error.
const LINES: [(&str, &str, Option<&str>); 29] = [
    ("JOIN #R", r#"{"type":"join","room":"R"}"#, None),
    ("PART #R", r#"{"type":"leave","room":"R"}"#, None),
    ("PRIVMSG #R :hi", r#"{"type":"message","room":"R","message":"hi"}"#, None),
    ("PRIVMSG #R :\u{1}ACTION waves\u{1}", r#"{"type":"message","room":"R","message":"hi"}"#, None),
    ("@+typing=active TAGMSG #R", r#"{"type":"typing","room":"R","typing":true}"#, None),
    ("REDACT #R ID", r#"{"type":"delete","room":"R","seq":1}"#, None),
    ("MARKREAD #R timestamp=2200-01-01T00:00:00.000Z", r#"{"type":"read","room":"R","seq":1}"#, None),
    ("CHATHISTORY LATEST #R * 5", r#"{"type":"history","room":"R"}"#, None),
    ("NAMES #R", r#"{"type":"members","room":"R"}"#, Some(" 353 ")),
    ("WHO #R", r#"{"type":"members","room":"R"}"#, Some(" 352 ")),
    ("MODE #R", r#"{"type":"about","room":"R"}"#, None),
    ("MODE #R b", r#"{"type":"about","room":"R"}"#, None),
    ("TOPIC #R", r#"{"type":"about","room":"R"}"#, None),
    ("TOPIC #R :Tea", r#"{"type":"describe","room":"R","subject":"Tea"}"#, None),
    ("KICK #R Tim", r#"{"type":"kick","room":"R","user":"Tim"}"#, None),
    ("MODE #R +b Tim!*@*", r#"{"type":"ban","room":"R","user":"Tim","for_s":60}"#, None),
    ("MODE #R -b Ben!*@*", r#"{"type":"unban","room":"R","user":"Ben"}"#, None),
    ("MODE #R +b m:Tim!*@*", r#"{"type":"mute","room":"R","user":"Tim"}"#, None),
    ("MODE #R -b m:Max!*@*", r#"{"type":"unmute","room":"R","user":"Max"}"#, None),
    ("MODE #R +m", r#"{"type":"settings","room":"R","slow_mode_s":5}"#, None),
    ("MODE #R +l 5", r#"{"type":"settings","room":"R","slow_mode_s":5}"#, None),
    ("MODE #R -t", r#"{"type":"settings","room":"R","slow_mode_s":5}"#, None),
    ("MODE #R +o Tim", r#"{"type":"role","room":"R","user":"Tim","role":"moderator"}"#, None),
    ("MODE #R +v Tim", r#"{"type":"role","room":"R","user":"Tim","role":"voice"}"#, None),
    ("MODE #R +q Tim", r#"{"type":"role","room":"R","user":"Tim","role":"moderator"}"#, None),
    // These change nothing, and need the same rights.
    ("MODE #R -o Tim", r#"{"type":"role","room":"R","user":"Tim","role":"moderator"}"#, None),
    ("MODE #R -v Tim", r#"{"type":"role","room":"R","user":"Tim","role":"voice"}"#, None),
    ("MODE #R -m", r#"{"type":"settings","room":"R","slow_mode_s":5}"#, None),
    ("MODE #R +n", r#"{"type":"settings","room":"R","slow_mode_s":5}"#, None),
];

/// Commands that concern no room, or that are refused to everybody, or, as NOTICE, never answered. INVITE is tried for
/// itself: in a public room it changes nothing, and anybody may say it.
const OTHERS: &str = "NOTICE INVITE AWAY MONITOR NICK SETNAME WHOIS WHOWAS ISON USERHOST LIST PING PONG CAP QUIT MOTD \
                      LUSERS VERSION TIME INFO ADMIN LINKS STATS HELP HELPOP USERS SUMMON USER PASS AUTHENTICATE OPER KILL \
                      REHASH RESTART DIE SQUIT CONNECT";

fn is_refusal(line: &str) -> bool {
    let number = line.split(' ').nth(1).unwrap_or_default();
    number == "FAIL" || (number.len() == 3 && (number.starts_with('4') || number == "696"))
}

fn line_about(sample: &str, trial: &Trial<'_>, cast: &Cast) -> String {
    let room = RoomName::parse(&trial.room).unwrap();
    let history = cast.server.engine().history(&Rank::Admin.identity(), &room, Span::NEWEST, 1).unwrap();
    let Event::History { epoch, .. } = history else { panic!("it is a history: {history:?}") };
    let id = message_id(&room, &epoch, 1);
    sample.replace("#R", &format!("#{room}")).replace(" ID", &format!(" {id}"))
}

#[test]
fn each_rank_may_do_over_irc_what_the_table_says() {
    let cast = Cast::new();
    for (column, rank) in RANKS.into_iter().enumerate() {
        let mut client = cast.irc(rank);
        for private in [true, false] {
            for (sample, same, yes) in LINES {
                let expected = fate(&parsed(same), private, column).expect("it concerns a room");
                let trial = cast.trial(private);
                if enters(private, column) && !sample.starts_with("JOIN") {
                    client.ask(&format!("JOIN #{}", trial.room));
                }
                let answer = client.ask(&line_about(sample, &trial, &cast));
                let is_allowed = match yes {
                    Some(number) => answer.iter().any(|line| line.contains(number)),
                    None => !answer.iter().any(|line| is_refusal(line)),
                };
                assert_eq!(is_allowed, expected == "ok", "{rank:?}, {sample}, private: {private}: {answer:?}");
                client.ask(&format!("PART #{}", trial.room));
            }
        }
    }
}

#[test]
fn who_may_invite_over_irc_is_who_may_elsewhere() {
    let cast = Cast::new();
    for (column, rank) in RANKS.into_iter().enumerate() {
        let mut client = cast.irc(rank);
        let trial = cast.trial(true);
        client.ask(&format!("JOIN #{}", trial.room));
        let expected = fate(&parsed(r#"{"type":"invite","room":"R","user":"Ivy"}"#), true, column);
        let answer = client.ask(&format!("INVITE Ivy #{}", trial.room));
        let is_allowed = answer.iter().any(|line| line.contains(" 341 "));
        assert_eq!(is_allowed, expected == Some("ok"), "{rank:?}: {answer:?}");
    }
}

#[test]
fn to_an_outsider_a_private_room_answers_over_irc_like_a_room_that_does_not_exist() {
    let cast = Cast::new();
    let trial = cast.trial(true);
    for rank in [Rank::Outsider, Rank::Guest] {
        let mut client = cast.irc(rank);
        for (sample, ..) in LINES.iter().filter(|(sample, ..)| !sample.starts_with("JOIN")) {
            let line = line_about(sample, &trial, &cast);
            let mut ask = |room: &str| -> Vec<String> {
                let answer = client.ask(&line.replace(&trial.room, room));
                answer.iter().map(|line| line.replace(room, "R")).collect()
            };
            assert_eq!(ask(&trial.room), ask("nowhere-00"), "{rank:?} {sample}");
        }
        assert!(!client.ask("LIST").join("\n").contains(&trial.room));
    }
}

#[test]
fn each_command_of_irc_has_a_row_or_is_named() {
    let word = |sample: &'static str| sample.split(' ').find(|word| !word.starts_with('@')).unwrap();
    let tried = LINES.iter().map(|(sample, ..)| word(sample));
    let named: BTreeSet<_> = tried.chain(OTHERS.split_whitespace()).collect();
    assert_eq!(named, command_names().collect());
}
