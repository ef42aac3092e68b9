//! What a client says of itself, and what others see of it: ident, server's name, presence.

use super::{server, server_with};
use crate::harness::{IrcClient, TestServer, WebSocketClient};

fn registered(server: &TestServer, nick: &str, user: &str) -> IrcClient {
    let mut client = IrcClient::connect(server);
    client.say(&format!("NICK {nick}"));
    client.say(&format!("USER {user} 0 * :Somebody"));
    client.wait_for(" 422 ");
    client
}

#[test]
fn a_source_has_the_ident_of_the_user_and_the_name_of_the_server() {
    let server = server_with(|settings| settings.irc_name = "irc.example.org".to_owned());
    let mut alice = registered(&server, "alice", "wonder");
    alice.ask("JOIN #a");
    let mut bob = registered(&server, "bob", "b!@u");
    bob.ask("JOIN #a");
    alice.wait_for(":bob!~bu@irc.example.org JOIN #a");
    bob.say("PRIVMSG #a :hi");
    alice.wait_for(":bob!~bu@irc.example.org PRIVMSG #a :hi");
    for (line, answer) in [
        ("PING x", ":irc.example.org PONG irc.example.org :x"),
        ("USERHOST bob", ":irc.example.org 302 alice :bob=+~bu@irc.example.org"),
        ("WHO bob", ":irc.example.org 352 alice * ~bu irc.example.org * bob H :0 Somebody"),
        ("WHOIS bob", ":irc.example.org 311 alice bob ~bu irc.example.org * :Somebody"),
        ("LINKS", ":irc.example.org 364 alice irc.example.org irc.example.org :0 roomd"),
        ("VERSION IRC.example.*", ":irc.example.org 351 "),
    ] {
        assert!(alice.ask(line)[0].starts_with(answer), "{line}");
    }
    bob.expect("PART #a", &[":bob!~bu@irc.example.org PART #a"]);
    let mut cleo = registered(&server, "cleo", "cleo");
    cleo.ask("JOIN #a");
    cleo.expect("NICK cora", &[":cleo!~cleo@irc.example.org NICK :cora"]);
    cleo.say("QUIT");
    alice.wait_for(":cora!~cleo@irc.example.org QUIT");
    let was = alice.ask("WHOWAS cleo");
    assert_eq!(was[0], ":irc.example.org 314 alice cleo ~cleo irc.example.org * :Somebody");
    _ = server.stop();
    let last = alice.ending().pop();
    assert_eq!(last.as_deref(), Some(":irc.example.org ERROR :Closing link: The server is shutting down"));
}

#[test]
fn who_comes_by_another_door_under_a_name_has_not_the_ident_of_who_had_it() {
    let server = server();
    let mut alice = IrcClient::named(&server, "alice");
    alice.ask("JOIN #a");
    let mut bob = registered(&server, "bob", "bob");
    bob.ask("JOIN #a");
    alice.wait_for(":bob!~bob@irc.roomd JOIN #a");
    assert_eq!(alice.ask("MONITOR + bob"), [":irc.roomd 730 alice :bob!~bob@irc.roomd"]);
    bob.say("QUIT");
    alice.wait_for(":bob!~bob@irc.roomd QUIT");
    // A room tells that its member leaves before the name is free.
    alice.wait_for(":irc.roomd 731 alice :bob");
    let mut page = WebSocketClient::open(&server, "/ws?format=json&room=a&user=bob");
    page.wait_for_type("joined");
    alice.wait_for(":bob!~u@irc.roomd JOIN #a");
}

#[test]
fn who_watches_closely_is_told_what_no_room_tells() {
    let server = server();
    let (mut alice, mut bob) = (
        IrcClient::capable(&server, "alice", "extended-monitor away-notify setname"),
        IrcClient::named(&server, "bob"),
    );
    let mut carl = IrcClient::capable(&server, "carl", "away-notify setname");
    for client in [&mut alice, &mut carl] {
        assert!(client.ask("MONITOR + bob")[0].ends_with(" :bob!~u@irc.roomd"));
    }
    bob.ask("AWAY :lunch");
    bob.ask("SETNAME :Bob of Kent");
    bob.ask("AWAY");
    assert_eq!(
        alice.settle(),
        [":bob!~u@irc.roomd AWAY :lunch", ":bob!~u@irc.roomd SETNAME :Bob of Kent", ":bob!~u@irc.roomd AWAY"]
    );
    // Only those who have asked for it, and nobody twice.
    assert!(carl.settle().is_empty());
    for client in [&mut alice, &mut bob] {
        client.ask("JOIN #a");
    }
    alice.settle();
    bob.ask("AWAY :tea");
    assert_eq!(alice.settle(), [":bob!~u@irc.roomd AWAY :tea"]);
    alice.ask("PART #a");
    alice.ask("MONITOR C");
    bob.ask("AWAY");
    assert!(alice.settle().is_empty());
}

#[test]
fn clients_that_are_registering_are_counted() {
    let server = server();
    let mut alice = IrcClient::named(&server, "alice");
    let unknown = |client: &mut IrcClient| client.ask("LUSERS")[2].clone();
    assert_eq!(unknown(&mut alice), ":irc.roomd 253 alice 0 :unknown connection(s)");
    let mut bob = IrcClient::connect(&server);
    bob.expect("PING x", &[":irc.roomd PONG irc.roomd :x"]);
    assert_eq!(unknown(&mut alice), ":irc.roomd 253 alice 1 :unknown connection(s)");
    bob.say("QUIT");
    bob.ending();
    assert_eq!(unknown(&mut alice), ":irc.roomd 253 alice 0 :unknown connection(s)");
}

#[test]
fn who_reads_the_first_line_of_the_welcome_is_found_by_others() {
    let server = server();
    let mut alice = IrcClient::named(&server, "alice");
    let mut others = Vec::new();
    for number in 2..40 {
        let mut other = IrcClient::connect(&server);
        other.say(&format!("NICK other{number}"));
        other.say("USER u 0 * :Somebody");
        other.wait_for(" 001 ");
        alice.expect(&format!("ISON other{number}"), &[&format!(":irc.roomd 303 alice :other{number}")]);
        let told = alice.ask("LUSERS");
        assert_eq!(told[0], format!(":irc.roomd 251 alice :There are {number} users and 0 invisible on 1 servers"));
        others.push(other);
    }
}
