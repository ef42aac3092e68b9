//! Roles, bans, mutes, invitations: what rules over a room rules over its channel.

use std::time::SystemTime;

use roomd::chat::{Time, UserName};
use serde_json::json;

use crate::harness::{IrcClient, TestServer, WebSocketClient, issuer, until};

use super::server;

/// Ann, who has made the channel `#ops` by joining it, and Bob, who is in it as a guest.
fn ops(server: &TestServer) -> (IrcClient, IrcClient) {
    let mut ann = IrcClient::with_token(server, &issuer::claim(server, "Ann"));
    let mut bob = IrcClient::named(server, "bob");
    let joined = ann.ask("JOIN #ops");
    assert!(joined.contains(&":irc.roomd 353 Ann = #ops :~Ann".to_owned()), "{joined:?}");
    bob.ask("JOIN #ops");
    ann.settle();
    (ann, bob)
}

#[test]
fn who_makes_a_channel_rules_over_it() {
    let mut server = server();
    server.created = 0;
    let (mut ann, mut bob) = ops(&server);
    bob.expect("TOPIC #ops :mine", &[":irc.roomd 482 bob #ops :Only the moderators of this room may do that"]);
    bob.expect("KICK #ops Ann", &[":irc.roomd 482 bob #ops :Only the moderators of this room may do that"]);
    ann.expect("TOPIC #ops :Backups", &[":Ann!~u@irc.roomd TOPIC #ops :Backups"]);
    let told = bob.ask("TOPIC #ops");
    assert_eq!(told[..2], [":Ann!~u@irc.roomd TOPIC #ops :Backups", ":irc.roomd 332 bob #ops :Backups"]);
    let (set, at) = told[2].rsplit_once(' ').unwrap();
    assert_eq!((set, told.len()), (":irc.roomd 333 bob #ops Ann", 3), "{told:?}");
    let set_at: u64 = at.parse().unwrap();
    ann.expect("MODE #ops +m", &[":Ann!~u@irc.roomd MODE #ops +m"]);
    let told = ann.ask("MODE #ops");
    assert_eq!(told[0], ":irc.roomd 324 Ann #ops +mnt");
    let created_at: u64 = told[1].strip_prefix(":irc.roomd 329 Ann #ops ").unwrap().parse().unwrap();
    assert!(created_at > 1_700_000_000 && created_at <= set_at, "{created_at} {set_at}");
    bob.expect(
        "PRIVMSG #ops :hi",
        &[
            ":Ann!~u@irc.roomd MODE #ops +m",
            ":irc.roomd 404 bob #ops :Only moderators and users with a voice speak in this room",
        ],
    );
    ann.expect("MODE #ops -m", &[":Ann!~u@irc.roomd MODE #ops -m"]);
    ann.expect("KICK #ops bob :out", &[":Ann!~u@irc.roomd KICK #ops bob :out"]);
    bob.expect(
        "PRIVMSG #ops :hi",
        &[
            ":Ann!~u@irc.roomd MODE #ops -m",
            ":Ann!~u@irc.roomd KICK #ops bob :out",
            ":irc.roomd 404 bob #ops :Cannot send to channel: join it first",
        ],
    );
    ann.expect("KICK #ops bob", &[":irc.roomd 441 Ann bob #ops :They aren't on that channel"]);
    let joined = bob.ask("JOIN #ops");
    assert!(joined.contains(&":irc.roomd 332 bob #ops :Backups".to_owned()), "{joined:?}");
    assert!(joined.contains(&format!(":irc.roomd 333 bob #ops Ann {at}")), "{joined:?}");
    // A topic that is taken away has no author either.
    ann.ask("TOPIC #ops :");
    bob.settle();
    bob.expect("TOPIC #ops", &[":irc.roomd 331 bob #ops :No topic is set"]);
}

#[test]
fn what_a_user_with_an_account_does_has_its_tag() {
    let server = server();
    let (mut ann, mut bob) = ops(&server);
    let mut carl = IrcClient::capable(&server, "carl", "account-tag message-tags echo-message away-notify setname");
    carl.ask("JOIN #ops");
    ann.ask("PRIVMSG #ops :hi");
    bob.ask("PRIVMSG #ops :hi");
    // The guest's message has none, and the guest's own echo has none.
    let line = carl.wait_for("PRIVMSG #ops :hi");
    assert!(line.contains(";account=Ann ") && line.contains(":Ann!"), "{line}");
    let line = carl.wait_for("PRIVMSG #ops :hi");
    assert!(!line.contains("account") && line.contains(":bob!"), "{line}");
    let echo = carl.ask("PRIVMSG #ops :me");
    assert!(echo.len() == 1 && !echo[0].contains("account"), "{echo:?}");
    for (line, seen) in [
        ("TOPIC #ops :Backups", "TOPIC #ops :Backups"),
        ("MODE #ops +m", "MODE #ops +m"),
        ("AWAY :lunch", "AWAY :lunch"),
        ("SETNAME :Ann Other", "SETNAME :Ann Other"),
        ("PRIVMSG carl :psst", "PRIVMSG carl :psst"),
        ("KICK #ops bob :out", "KICK #ops bob :out"),
        ("PART #ops", "PART #ops"),
        ("JOIN #ops", "JOIN #ops"),
        ("QUIT :bye", "QUIT :Quit: bye"),
    ] {
        ann.say(line);
        let line = carl.wait_for(seen);
        assert!(line.starts_with('@') && line.contains("account=Ann") && line.contains(" :Ann!"), "{line}");
    }
}

#[test]
fn what_a_user_with_an_account_is_sent_back_has_its_tag() {
    let server = server();
    let token = issuer::claim(&server, "Ann");
    let mut ann = IrcClient::with_token(&server, &token);
    ann.expect(
        "CAP REQ :account-tag message-tags echo-message",
        &[":irc.roomd CAP Ann ACK :account-tag message-tags echo-message"],
    );
    let joined = ann.ask("JOIN #ops");
    assert_eq!(joined[0], "@account=Ann :Ann!~u@irc.roomd JOIN #ops");
    let echo = ann.ask("PRIVMSG #ops :hi");
    assert!(echo[0].starts_with("@account=Ann;msgid=1-"), "{echo:?}");
    ann.expect("PRIVMSG Ann :me", &["@account=Ann :Ann!~u@irc.roomd PRIVMSG Ann :me"; 2]);
    ann.expect("MODE Ann +i", &["@account=Ann :Ann!~u@irc.roomd MODE Ann :+i"]);
    // What was said before the name was registered is nobody's account's.
    let mut bob = IrcClient::named(&server, "bob");
    bob.ask("JOIN #ops");
    bob.ask("PRIVMSG #ops :early");
    ann.wait_for("early");
    drop(bob);
    ann.wait_for(" QUIT ");
    // The name is given back after the room was left.
    let bob = UserName::parse("bob").unwrap();
    until("nobody is bob", || !server.engine().directory.is_used(&bob));
    // Times have milliseconds: what was said in the one of the registration is the account's.
    let now = || Time::from(SystemTime::now());
    let said = now();
    until("the clock has gone on", || now() > said);
    _ = issuer::claim(&server, "bob");
    let history = ann.ask("CHATHISTORY LATEST #ops * 10");
    let of = |part: &str| history.iter().find(|line| line.ends_with(part)).unwrap();
    assert!(of(":hi").contains("account=Ann"), "{history:?}");
    assert!(!of(":early").contains("account"), "{history:?}");
    ann.expect("PART #ops", &["@account=Ann :Ann!~u@irc.roomd PART #ops"]);
}

#[test]
fn bans_and_mutes_are_entries_of_one_list() {
    let server = server();
    let (mut ann, mut bob) = ops(&server);
    ann.expect("MODE #ops +b m:bob!*@*", &[":Ann!~u@irc.roomd MODE #ops +b m:bob!*@*"]);
    bob.settle();
    bob.expect("PRIVMSG #ops :hi", &[":irc.roomd 404 bob #ops :You are muted in this room"]);
    ann.expect("MODE #ops -b m:bob", &[":Ann!~u@irc.roomd MODE #ops -b m:bob!*@*"]);
    ann.expect(
        "MODE #ops +b BOB",
        &[":Ann!~u@irc.roomd MODE #ops +b bob!*@*", ":Ann!~u@irc.roomd KICK #ops bob :Banned"],
    );
    bob.settle();
    bob.expect("JOIN #ops", &[":irc.roomd 474 bob #ops :You are banned from this room"]);
    ann.expect("MODE #ops b", &[":irc.roomd 367 Ann #ops bob!*@*", ":irc.roomd 368 Ann #ops :End of channel ban list"]);
    ann.expect("MODE #ops +b zed", &[":Ann!~u@irc.roomd MODE #ops +b zed!*@*"]);
    ann.expect(
        "MODE #ops -bb bob!*@* zed",
        &[":Ann!~u@irc.roomd MODE #ops -b bob!*@*", ":Ann!~u@irc.roomd MODE #ops -b zed!*@*"],
    );
    ann.expect(
        "MODE #ops +b *!*@*",
        &[":irc.roomd 696 Ann #ops b *!*@* :It names one user: nick!*@*, or m:nick!*@* for a mute"],
    );
    let joined = bob.ask("JOIN #ops");
    assert_eq!(joined[0], ":bob!~u@irc.roomd JOIN #ops");
}

#[test]
fn roles_are_prefixes() {
    let server = server();
    let (mut ann, mut bob) = ops(&server);
    let mut cleo = IrcClient::with_token(&server, &issuer::claim(&server, "Cleo"));
    cleo.ask("JOIN #ops");
    ann.settle();
    ann.expect(
        "MODE #ops +o bob",
        &[":irc.roomd 696 Ann #ops o bob :bob is a guest, who can have no role: the nick has to be registered"],
    );
    ann.expect("MODE #ops +o zz", &[":irc.roomd 401 Ann zz :No such nick/channel"]);
    ann.expect("MODE #ops +o cleo", &[":Ann!~u@irc.roomd MODE #ops +o Cleo"]);
    bob.wait_for("MODE #ops +o Cleo");
    bob.expect(
        "NAMES #ops",
        &[":irc.roomd 353 bob = #ops :~Ann @Cleo bob", ":irc.roomd 366 bob #ops :End of /NAMES list"],
    );
    let who = bob.ask("WHO #ops");
    assert!(who.contains(&":irc.roomd 352 bob #ops ~u irc.roomd * Cleo H@ :0 Somebody".to_owned()), "{who:?}");
    ann.expect("MODE #ops -o Cleo", &[":Ann!~u@irc.roomd MODE #ops -o Cleo"]);
    // Who hands a room over is a moderator from then on, and everybody's client knows.
    ann.expect("MODE #ops +q Cleo", &[":Ann!~u@irc.roomd MODE #ops -q+oq Ann Ann Cleo"]);
    bob.wait_for("MODE #ops -q+oq Ann Ann Cleo");
    bob.expect(
        "NAMES #ops",
        &[":irc.roomd 353 bob = #ops :@Ann ~Cleo bob", ":irc.roomd 366 bob #ops :End of /NAMES list"],
    );
}

#[test]
fn a_private_room_is_invisible_until_one_is_invited() {
    let server = server();
    let (ann, mut bob) = (issuer::claim(&server, "Ann"), IrcClient::named(&server, "bob"));
    let (mut page, _) = issuer::welcomed(&server, &ann);
    page.ask(json!({"type": "create", "room": "den", "private": true}));
    let mut ann = IrcClient::with_token(&server, &ann);
    let mut cleo = IrcClient::with_token(&server, &issuer::claim(&server, "Cleo"));
    let joined = ann.ask("JOIN #den");
    assert!(joined.contains(&":irc.roomd 353 Ann @ #den :~Ann".to_owned()), "{joined:?}");
    let told = ann.ask("MODE #den");
    assert_eq!(told[0], ":irc.roomd 324 Ann #den +inst");
    assert!(told[1].starts_with(":irc.roomd 329 Ann #den 1"), "{told:?}");
    for client in [&mut bob, &mut cleo] {
        for (line, number) in
            [("JOIN #den", " 473 "), ("TOPIC #den", " 403 "), ("MODE #den", " 403 "), ("NAMES #den", " 366 ")]
        {
            let answer = client.ask(line);
            assert!(answer.len() == 1 && answer[0].contains(number), "{line}: {answer:?}");
        }
        let listed = client.ask("LIST");
        assert_eq!(listed.len(), 2, "{listed:?}");
    }
    let refused = ann.ask("INVITE bob #den");
    assert!(refused[0].starts_with(":irc.roomd ") && !refused[0].contains(" 341 "), "{refused:?}");
    ann.expect("INVITE cleo #den", &[":irc.roomd 341 Ann Cleo #den"]);
    assert_eq!(cleo.settle(), [":Ann!~u@irc.roomd INVITE Cleo #den"]);
    let joined = cleo.ask("JOIN #den");
    assert_eq!(joined[0], ":Cleo!~u@irc.roomd JOIN #den");
}

#[test]
fn anybody_may_invite_to_a_channel_that_is_open() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.ask("JOIN #a");
    alice.expect("INVITE BOB #a", &[":irc.roomd 341 alice bob #a"]);
    assert_eq!(bob.settle(), [":alice!~u@irc.roomd INVITE bob #a"]);
}

#[test]
fn edits_and_deletions_of_other_doors_are_shown() {
    let server = server();
    let mut plain = IrcClient::named(&server, "plain");
    plain.ask("JOIN #a");
    let mut page = WebSocketClient::open(&server, "/ws?format=json&room=a&user=Pat");
    page.wait_for_type("joined");
    page.publish("a", "helo");
    page.ask(json!({"type": "edit", "room": "a", "seq": 1, "message": "hello"}));
    page.ask(json!({"type": "delete", "room": "a", "seq": 1}));
    plain.wait_for(":Pat!~u@irc.roomd PRIVMSG #a :helo");
    assert_eq!(plain.receive(), ":Pat!~u@irc.roomd PRIVMSG #a :(edited) hello");
    assert_eq!(plain.receive(), ":irc.roomd NOTICE #a :Pat deleted a message");
}
