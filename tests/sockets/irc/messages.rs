//! Messages: to channels and users, between the doors, with tags.

use serde_json::json;

use crate::harness::{IrcClient, LineClient, WebSocketClient};

use super::{server, server_with};

#[test]
fn a_message_reaches_the_others_on_every_door_in_one_order() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    let mut page = WebSocketClient::open(&server, "/ws?format=json&room=lobby&user=Pat");
    page.wait_for_type("joined");
    let mut person = LineClient::named(&server, "Nat");
    alice.ask("JOIN #lobby");
    bob.ask("JOIN #lobby");
    alice.expect("PRIVMSG #lobby :one", &[":bob!~u@irc.roomd JOIN #lobby"]);
    page.command(&json!({"type": "message", "room": "lobby", "message": "two\nlines"}));
    page.wait_for_type("message");
    alice.wait_for("lines");
    alice.ask("PRIVMSG #LOBBY :three");
    person.say("four");
    let mut lines = Vec::new();
    while lines.len() < 5 {
        lines.push(bob.wait_for("PRIVMSG"));
    }
    assert_eq!(
        lines,
        [
            ":alice!~u@irc.roomd PRIVMSG #lobby :one",
            ":Pat!~u@irc.roomd PRIVMSG #lobby :two",
            ":Pat!~u@irc.roomd PRIVMSG #lobby :lines",
            ":alice!~u@irc.roomd PRIVMSG #lobby :three",
            ":Nat!~u@irc.roomd PRIVMSG #lobby :four",
        ]
    );
    person.wait_for("alice: one");
    person.wait_for("alice: three");
}

#[test]
fn a_message_that_cannot_be_sent_has_its_numeric_and_a_notice_has_none() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    bob.ask("JOIN #b");
    for (rest, answer) in [
        ("", "411 alice :No recipient given (PRIVMSG)"),
        (" :", "411 alice :No recipient given (PRIVMSG)"),
        (" #b", "412 alice :No text to send"),
        (" #b :", "412 alice :No text to send"),
        (" #b :x", "404 alice #b :Cannot send to channel: join it first"),
        (" #zz :x", "403 alice #zz :No such channel"),
        (" zz :x", "401 alice zz :zz is not online"),
        (" a:b :x", "401 alice a:b :No such nick/channel"),
        (" bob :\u{1}VERSION\u{1}", "NOTICE alice :PRIVMSG: Of CTCP, this server relays ACTION alone"),
    ] {
        alice.expect(&format!("PRIVMSG{rest}"), &[&format!(":irc.roomd {answer}")]);
        alice.expect(&format!("NOTICE{rest}"), &[]);
    }
    assert_eq!(bob.settle(), [""; 0]);
}

#[test]
fn a_private_message_reaches_its_user_and_says_who_is_away() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "Bob"));
    alice.expect("PRIVMSG bob :hi", &[]);
    assert_eq!(bob.settle(), [":alice!~u@irc.roomd PRIVMSG Bob :hi"]);
    bob.ask("AWAY :back soon");
    alice.expect("PRIVMSG BOB :still?", &[":irc.roomd 301 alice Bob :back soon"]);
    bob.expect("NOTICE ALICE :yes", &[":alice!~u@irc.roomd PRIVMSG Bob :still?"]);
    alice.expect(
        "PRIVMSG alice :a note",
        &[":Bob!~u@irc.roomd NOTICE alice :yes", ":alice!~u@irc.roomd PRIVMSG alice :a note"],
    );
}

#[test]
fn several_targets_get_one_message_each() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.ask("JOIN #a");
    bob.ask("JOIN #a");
    alice.settle();
    alice.expect("PRIVMSG #a,bob,zz :x", &[":irc.roomd 401 alice zz :zz is not online"]);
    assert_eq!(bob.settle(), [":alice!~u@irc.roomd PRIVMSG #a :x", ":alice!~u@irc.roomd PRIVMSG bob :x"]);
    alice.expect("PRIVMSG #a,#a,#a,#a,bob :x", &[":irc.roomd 407 alice bob :PRIVMSG takes 4 targets at most"]);
}

#[test]
fn an_action_is_one_on_every_door() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    let mut person = LineClient::named(&server, "Nat");
    alice.ask("JOIN #lobby");
    bob.ask("JOIN #lobby");
    alice.ask("PRIVMSG #lobby :\u{1}ACTION waves\u{1}");
    person.wait_for("alice: /me waves");
    person.say("/me");
    person.wait_for("Error: There is no such command: /help lists them");
    person.say("//me waves back");
    bob.wait_for(":alice!~u@irc.roomd PRIVMSG #lobby :\u{1}ACTION waves\u{1}");
    bob.wait_for(":Nat!~u@irc.roomd PRIVMSG #lobby :\u{1}ACTION waves back\u{1}");
}

#[test]
fn a_long_message_of_another_door_comes_in_lines_that_fit() {
    let server = server();
    let mut alice = IrcClient::named(&server, "alice");
    let mut page = WebSocketClient::open(&server, "/ws?format=json&room=lobby&user=Pat");
    page.wait_for_type("joined");
    alice.ask("JOIN #lobby");
    let text = "é".repeat(1_000) + " and " + &"word ".repeat(50) + "end";
    page.publish("lobby", &text);
    let mut whole = String::new();
    while !whole.ends_with("end") {
        let line = alice.wait_for("PRIVMSG #lobby :");
        assert!(line.len() <= 510, "{} bytes", line.len());
        whole.push_str(line.split_once("PRIVMSG #lobby :").unwrap().1);
    }
    assert_eq!(whole, text);
}

#[test]
fn tags_come_to_who_has_asked_for_them() {
    let server = server();
    let (mut alice, mut bob) = (
        IrcClient::capable(&server, "alice", "message-tags server-time echo-message extended-join away-notify"),
        IrcClient::named(&server, "bob"),
    );
    let joined = alice.ask("JOIN #a");
    assert_eq!(joined[0], ":alice!~u@irc.roomd JOIN #a * :alice");
    bob.ask("JOIN #a");
    bob.ask("PRIVMSG #a :hi");
    let lines = alice.settle();
    assert!(lines[0].starts_with("@time=20") && lines[0].ends_with("Z :bob!~u@irc.roomd JOIN #a * :bob"), "{lines:?}");
    let id = lines[1].split([';', ' ']).find_map(|tag| tag.strip_prefix("msgid=")).unwrap().to_owned();
    assert!(lines[1].starts_with("@time=20") && lines[1].ends_with(" :bob!~u@irc.roomd PRIVMSG #a :hi"), "{lines:?}");
    let echo = alice.ask(&format!("@+draft/reply={id};+other=x PRIVMSG #a :hello"));
    assert!(echo[0].contains(";msgid=2-") && echo[0].ends_with(" :alice!~u@irc.roomd PRIVMSG #a :hello"), "{echo:?}");
    bob.wait_for(":alice!~u@irc.roomd PRIVMSG #a :hello");
    alice.ask("@+typing=active TAGMSG #a");
    alice.ask(&format!("@+draft/react=👍;+draft/reply={id} TAGMSG #a"));
    bob.wait_for(":alice!~u@irc.roomd PRIVMSG #a :\u{1}ACTION reacted with 👍\u{1}");
    let mut carl = IrcClient::capable(&server, "carl", "message-tags");
    carl.ask("JOIN #a");
    alice.ask("@+typing=active TAGMSG #a");
    assert_eq!(carl.receive(), "@+typing=active :alice!~u@irc.roomd TAGMSG #a");
    alice.ask(&format!("@+draft/react=👍;+draft/reply={id} TAGMSG #a"));
    let reaction = carl.wait_for("react");
    assert!(
        reaction.ends_with(&format!(";+draft/react=👍;+draft/reply={id} :alice!~u@irc.roomd TAGMSG #a")),
        "{reaction}"
    );
    bob.expect(
        "TAGMSG #a",
        &[
            ":carl!~u@irc.roomd JOIN #a",
            ":alice!~u@irc.roomd PRIVMSG #a :\u{1}ACTION reacted with 👍\u{1}",
            ":irc.roomd 421 bob TAGMSG :Ask for the capability message-tags first",
        ],
    );
    bob.ask("AWAY :tea");
    alice.wait_for(":bob!~u@irc.roomd AWAY :tea");
}

#[test]
fn what_is_too_fast_is_refused_and_said_so() {
    let server = server_with(|settings| {
        (settings.limits.rate_burst, settings.limits.rate_per_s) = (2, 1);
    });
    let mut alice = IrcClient::capable(&server, "alice", "standard-replies");
    alice.ask("JOIN #a");
    alice.say("PRIVMSG #a :1");
    alice.say("PRIVMSG #a :2");
    let refused = alice.ask("PRIVMSG #a :3");
    assert_eq!(refused, [":irc.roomd FAIL PRIVMSG RATE_LIMITED :Rate limit exceeded; try again in 1 s"]);
    let mut bob = IrcClient::named(&server, "bob");
    bob.ask("JOIN #a");
    let lines: Vec<_> = (0..3).flat_map(|_| bob.ask("PRIVMSG #a :x")).collect();
    assert_eq!(lines, [":irc.roomd 263 bob PRIVMSG :Rate limit exceeded; try again in 1 s"]);
}
