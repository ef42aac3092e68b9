//! What IRCv3 adds: labels, MONITOR, MARKREAD, SETNAME, WHOX; and last words, names and ids that others see.

use roomd::chat::policy::ModerationRequest;
use roomd::chat::{AuthLevel, Identity, RoomName, UserName};
use serde_json::json;

use crate::harness::{IrcClient, LineClient, WebSocketClient};

use super::{server, server_with};

/// A client that wants labels, and the tags that come with them.
const LABELS: &str = "batch labeled-response message-tags echo-message";

#[test]
fn what_answers_a_line_has_its_label() {
    let server = server();
    let mut alice = IrcClient::capable(&server, "alice", LABELS);
    let mut bob = IrcClient::named(&server, "bob");
    // One line, several, and none.
    alice.expect("@label=a PING x", &["@label=a :irc.roomd PONG irc.roomd :x"]);
    alice.expect("@label=b PONG x", &["@label=b :irc.roomd ACK"]);
    alice.expect(
        "@label=c WHOWAS nobody",
        &[
            "@label=c :irc.roomd BATCH +b1 labeled-response",
            "@batch=b1 :irc.roomd 406 alice nobody :There was no such nickname",
            "@batch=b1 :irc.roomd 369 alice nobody :End of WHOWAS",
            ":irc.roomd BATCH -b1",
        ],
    );
    alice.expect("@label=d FOO", &["@label=d :irc.roomd 421 alice FOO :Unknown command"]);
    // A room's answer and the door's are one batch.
    let joined = alice.ask("@label=e JOIN #a");
    assert_eq!(joined[0], "@label=e :irc.roomd BATCH +b2 labeled-response");
    assert_eq!(joined[1], "@batch=b2 :alice!~u@irc.roomd JOIN #a");
    assert_eq!(joined.last().unwrap(), ":irc.roomd BATCH -b2");
    bob.ask("JOIN #a");
    alice.settle();
    // What a room answers has the label itself.
    let echo = alice.ask("@label=f PRIVMSG #a :hi");
    assert!(echo.len() == 1 && echo[0].starts_with("@label=f;msgid=1-"), "{echo:?}");
    alice.expect("@label=g PRIVMSG zz :hi", &["@label=g :irc.roomd 401 alice zz :zz is not online"]);
    alice.expect("@label=h PART #a :bye", &["@label=h :alice!~u@irc.roomd PART #a :bye"]);
    // A client that has not asked for labels gets none.
    bob.wait_for("PART");
    bob.expect("@label=i PING x", &[":irc.roomd PONG irc.roomd :x"]);
}

#[test]
fn a_client_without_echo_is_told_that_its_message_was_sent() {
    let server = server();
    let mut alice = IrcClient::capable(&server, "alice", "batch labeled-response message-tags");
    alice.ask("JOIN #a");
    alice.expect("@label=1 PRIVMSG #a :hi", &["@label=1 :irc.roomd ACK"]);
}

#[test]
fn who_watches_a_user_is_told_of_their_coming_and_going() {
    let server = server();
    let mut alice = IrcClient::named(&server, "alice");
    alice.expect("MONITOR + bob,carl", &[":irc.roomd 731 alice :bob,carl"]);
    let mut bob = IrcClient::named(&server, "BOB");
    assert_eq!(alice.receive(), ":irc.roomd 730 alice :BOB!~u@irc.roomd");
    alice.expect("MONITOR S", &[":irc.roomd 730 alice :BOB!~u@irc.roomd", ":irc.roomd 731 alice :carl"]);
    alice.expect("MONITOR L", &[":irc.roomd 732 alice :bob,carl", ":irc.roomd 733 alice :End of MONITOR list"]);
    // A user on another door is one, too.
    let mut page = WebSocketClient::open(&server, "/ws?format=json&user=carl");
    page.wait_for_type("welcome");
    assert_eq!(alice.receive(), ":irc.roomd 730 alice :carl!~u@irc.roomd");
    bob.ask("NICK bert");
    assert_eq!(alice.receive(), ":irc.roomd 731 alice :BOB");
    alice.expect("MONITOR - carl", &[]);
    drop(page);
    alice.expect("MONITOR C", &[]);
    alice.expect("MONITOR L", &[":irc.roomd 733 alice :End of MONITOR list"]);
    let many: Vec<_> = (0..99).map(|number| format!("u{number}")).collect();
    for some in many.chunks(33) {
        alice.ask(&format!("MONITOR + {}", some.join(",")));
    }
    alice
        .expect("MONITOR + x,y,z", &[":irc.roomd 731 alice :x", ":irc.roomd 734 alice 100 y,z :Monitor list is full."]);
}

#[test]
fn a_read_mark_is_the_users_on_every_door() {
    let server = server();
    let mut alice = IrcClient::capable(&server, "alice", "draft/read-marker message-tags server-time");
    let joined = alice.ask("JOIN #a");
    let at = |part: &str| joined.iter().position(|line| line.contains(part)).unwrap();
    assert!(at("MARKREAD #a *") < at(" 366 "), "{joined:?}");
    let mut page = WebSocketClient::open(&server, "/ws?format=json&room=a&user=Pat");
    page.wait_for_type("joined");
    let mut times = Vec::new();
    for text in ["one", "two"] {
        page.publish("a", text);
        let line = alice.wait_for(&format!("PRIVMSG #a :{text}"));
        times.push(line.split(['@', ';', ' ']).find_map(|tag| tag.strip_prefix("time=")).unwrap().to_owned());
    }
    let mark = |number: usize| format!(":irc.roomd MARKREAD #a timestamp={}", times[number]);
    // Both may have been said in one millisecond: then the mark is at the second.
    let first = if times[0] == times[1] { mark(1) } else { mark(0) };
    alice.expect(&format!("MARKREAD #a timestamp={}", times[0]), &[&first]);
    alice.expect(&format!("MARKREAD #a timestamp={}", times[1]), &[&mark(1)]);
    // It never goes back, and a time in the future is that of the newest message.
    alice.expect(&format!("MARKREAD #a timestamp={}", times[0]), &[&mark(1)]);
    alice.expect("MARKREAD #a timestamp=2200-01-01T00:00:00.000Z", &[&mark(1)]);
    alice.expect("MARKREAD #a", &[&mark(1)]);
    alice.expect("MARKREAD", &[":irc.roomd FAIL MARKREAD NEED_MORE_PARAMS :Missing parameters"]);
    alice.expect(
        "MARKREAD #zz timestamp=2000-01-01T00:00:00.000Z",
        &[":irc.roomd FAIL MARKREAD INVALID_PARAMS #zz :You are not in such a channel or conversation"],
    );
    // Of what is not known, nothing was read.
    alice.expect("MARKREAD #zz", &[":irc.roomd MARKREAD #zz *"]);
    // A client is told the time that it has said, if there is no message at it.
    alice.ask("JOIN #b");
    for _ in 0..2 {
        alice.expect(
            "MARKREAD #b timestamp=2020-01-01T00:00:00.000Z",
            &[":irc.roomd MARKREAD #b timestamp=2020-01-01T00:00:00.000Z"],
        );
        alice.expect(
            "MARKREAD #b timestamp=2019-01-01T00:00:00.000Z",
            &[":irc.roomd MARKREAD #b timestamp=2020-01-01T00:00:00.000Z"],
        );
        alice.ask("PART #b");
        assert!(alice.ask("JOIN #b").contains(&":irc.roomd MARKREAD #b timestamp=2020-01-01T00:00:00.000Z".to_owned()));
    }
}

#[test]
fn a_name_is_set_and_told_to_who_wants_to_know() {
    let server = server();
    let mut alice = IrcClient::capable(&server, "alice", "setname");
    let (mut bob, mut carl) = (IrcClient::capable(&server, "bob", "setname"), IrcClient::named(&server, "carl"));
    for client in [&mut alice, &mut bob, &mut carl] {
        client.ask("JOIN #a");
    }
    bob.settle();
    carl.settle();
    alice.ask("SETNAME :Alice of Kent");
    assert_eq!(bob.settle(), [":alice!~u@irc.roomd SETNAME :Alice of Kent"]);
    assert_eq!(carl.settle(), [""; 0]);
    carl.expect(
        "WHO alice",
        &[
            ":irc.roomd 352 carl * ~u irc.roomd * alice H :0 Alice of Kent",
            ":irc.roomd 315 carl alice :End of /WHO list",
        ],
    );
    carl.expect(
        "WHO alice %tcuihsnfdlar,42",
        &[
            ":irc.roomd 354 carl 42 * ~u 255.255.255.255 irc.roomd * alice H 0 0 0 :Alice of Kent",
            ":irc.roomd 315 carl alice :End of /WHO list",
        ],
    );
    alice.expect(
        &format!("SETNAME :{}", "x".repeat(65)),
        &[":irc.roomd FAIL SETNAME INVALID_REALNAME :Realname is not valid"],
    );
    alice.expect("SETNAME", &[":irc.roomd 461 alice SETNAME :Not enough parameters"]);
}

#[test]
fn others_see_the_last_word_and_the_new_name_of_a_user() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    let mut person = LineClient::named(&server, "Nat");
    alice.ask("JOIN #lobby");
    bob.ask("JOIN #lobby");
    alice.settle();
    bob.ask("NICK Bob");
    assert_eq!(alice.receive(), ":bob!~u@irc.roomd NICK :Bob");
    bob.expect("PART #lobby :back soon", &[":Bob!~u@irc.roomd PART #lobby :back soon"]);
    assert_eq!(alice.receive(), ":Bob!~u@irc.roomd PART #lobby :back soon");
    person.wait_for("Bob left the room: back soon");
    bob.ask("JOIN #lobby");
    alice.ask("MONITOR + Bob");
    bob.say("QUIT :gone home");
    alice.wait_for(":Bob!~u@irc.roomd QUIT :Quit: gone home");
    // A room tells that its member leaves before the name is free.
    alice.wait_for(":irc.roomd 731 alice :Bob");
    alice.expect(
        "WHOWAS bob 1",
        &[
            ":irc.roomd 314 alice Bob ~u irc.roomd * :Somebody",
            ":irc.roomd 312 alice Bob irc.roomd :roomd",
            ":irc.roomd 369 alice bob :End of WHOWAS",
        ],
    );
}

#[test]
fn a_room_that_begins_again_has_other_ids() {
    let server = server();
    let engine = server.engine();
    let (room, root) = (RoomName::parse("a").unwrap(), Identity::guest(UserName::parse("root").unwrap()));
    let root = Identity { auth_level: AuthLevel::Admin, ..root };
    let mut alice = IrcClient::capable(&server, "alice", "message-tags echo-message batch draft/chathistory");
    let mut id_of_first = || {
        alice.ask("JOIN #a");
        let echo = alice.ask("PRIVMSG #a :one");
        engine.moderate(&root, &room, ModerationRequest::End, None).unwrap();
        alice.settle();
        echo[0].split(['@', ';', ' ']).find_map(|tag| tag.strip_prefix("msgid=")).unwrap().to_owned()
    };
    let (one, other) = (id_of_first(), id_of_first());
    assert!(one.starts_with("1-") && other.starts_with("1-") && one != other, "{one} {other}");
    alice.ask("JOIN #a");
    let answer = alice.ask(&format!("CHATHISTORY AFTER #a msgid={one} 5"));
    assert!(answer[0].starts_with(":irc.roomd FAIL CHATHISTORY INVALID_PARAMS"), "{answer:?}");
}

#[test]
fn a_line_beyond_its_limit_is_refused_and_the_next_one_heard() {
    let server = server_with(|_| ());
    let mut alice = IrcClient::capable(&server, "alice", "message-tags echo-message");
    alice.ask("JOIN #a");
    let tags = format!("@+typing={}", "x".repeat(4096 - "@+typing= ".len()));
    let fits = "x".repeat(510 - ":alice!~u@irc.roomd PRIVMSG #a :".len());
    let echo = alice.ask(&format!("{tags} PRIVMSG #a :{fits}"));
    assert!(echo[0].contains(" PRIVMSG #a :xxx"), "{echo:?}");
    for too_long in [format!("{tags}x PRIVMSG #a :y"), format!("PRIVMSG #a :{}", "x".repeat(510))] {
        alice.expect(&too_long, &[":irc.roomd 417 alice :A line may have 512 bytes"]);
    }
    // Others see it behind her source.
    let why = format!(":irc.roomd 417 alice :This message has {} bytes, and {} fit a line", fits.len() + 1, fits.len());
    alice.expect(&format!("PRIVMSG #a :{fits}x"), &[&why]);
    let mut page = WebSocketClient::open(&server, "/ws?format=json&room=a&user=Pat");
    page.wait_for_type("joined");
    page.command(&json!({"type": "message", "room": "a", "message": "still here"}));
    alice.wait_for("PRIVMSG #a :still here");
}

#[test]
fn a_message_of_tags_alone_is_given_back_too() {
    let server = server();
    let mut alice = IrcClient::capable(&server, "alice", "message-tags echo-message");
    alice.ask("JOIN #a");
    alice.expect("@+typing=active;+x=y TAGMSG #a", &["@+typing=active :alice!~u@irc.roomd TAGMSG #a"]);
    let said = alice.ask("PRIVMSG #a :hi");
    let id = said[0].split_once("msgid=").unwrap().1.split([' ', ';']).next().unwrap();
    let echoed = alice.ask(&format!("@+draft/react=+1;+draft/reply={id} TAGMSG #a"));
    let tags = format!(";+draft/react=+1;+draft/reply={id} :alice!~u@irc.roomd TAGMSG #a");
    assert!(echoed.len() == 1 && echoed[0].starts_with("@msgid=") && echoed[0].ends_with(&tags), "{echoed:?}");
    let own = "@+typing=done :alice!~u@irc.roomd TAGMSG alice";
    alice.expect("@+typing=done TAGMSG alice", &[own, own]);
}
