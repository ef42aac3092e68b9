//! Channels: joining, leaving, names, topics, lists, users.

use crate::harness::{IrcClient, LineClient, until};

use super::{server, server_with};

#[test]
fn a_channel_is_joined_and_left_and_others_are_told() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.expect(
        "join #a,#b key",
        &[
            ":alice!~u@irc.roomd JOIN #a",
            ":irc.roomd 353 alice = #a :@alice",
            ":irc.roomd 366 alice #a :End of /NAMES list",
            ":alice!~u@irc.roomd JOIN #b",
            ":irc.roomd 353 alice = #b :@alice",
            ":irc.roomd 366 alice #b :End of /NAMES list",
        ],
    );
    alice.expect("JOIN #A", &[]);
    bob.expect(
        "JOIN #A",
        &[
            ":bob!~u@irc.roomd JOIN #a",
            ":irc.roomd 353 bob = #a :@alice bob",
            ":irc.roomd 366 bob #a :End of /NAMES list",
        ],
    );
    assert_eq!(alice.settle(), [":bob!~u@irc.roomd JOIN #a"]);
    bob.expect("PART #a :bye", &[":bob!~u@irc.roomd PART #a :bye"]);
    alice.wait_for(":bob!~u@irc.roomd PART #a :bye");
    bob.expect("PART #a", &[":irc.roomd 442 bob #a :You're not on that channel"]);
    bob.expect("PART #zz", &[":irc.roomd 403 bob #zz :No such channel"]);
    alice.expect("JOIN 0", &[":alice!~u@irc.roomd PART #a", ":alice!~u@irc.roomd PART #b"]);
    for bad in ["a", "&a", "#", "##", "#a/b"] {
        bob.expect(&format!("JOIN {bad}"), &[&format!(":irc.roomd 403 bob {bad} :No such channel")]);
    }
    for command in ["JOIN", "PART", "JOIN :", "TOPIC", "KICK #a", "MODE", "ISON", "USERHOST", "INVITE a"] {
        let word = command.split(' ').next().unwrap();
        bob.expect(command, &[&format!(":irc.roomd 461 bob {word} :Not enough parameters")]);
    }
}

#[test]
fn a_user_who_quits_is_told_from_one_who_leaves_a_channel() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.ask("JOIN #a");
    bob.ask("JOIN #a");
    alice.wait_for("JOIN");
    bob.say("QUIT :so long");
    assert_eq!(bob.ending(), ["ERROR :Closing link: bob (Quit)"]);
    assert_eq!(alice.receive(), ":bob!~u@irc.roomd QUIT :Quit: so long");
    let mut bob = IrcClient::named(&server, "bob");
    bob.ask("JOIN #a");
    alice.wait_for("JOIN");
    drop(bob);
    assert_eq!(alice.receive(), ":bob!~u@irc.roomd QUIT :Connection closed");
    until("the name is free", || server.engine().directory.count() == 1);
}

#[test]
fn names_and_who_end_also_where_there_is_nothing() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.ask("JOIN #a");
    bob.ask("JOIN #a");
    bob.ask("AWAY :lunch");
    alice.settle();
    for (line, answers) in [
        ("NAMES #zz", &["366 alice #zz :End of /NAMES list"][..]),
        ("NAMES", &["353 alice = #a :@alice bob", "366 alice * :End of /NAMES list"]),
        ("NAMES #A,#zz", &["353 alice = #a :@alice bob", "366 alice #a,#zz :End of /NAMES list"]),
        ("NAMES #A", &["353 alice = #a :@alice bob", "366 alice #a :End of /NAMES list"]),
        ("WHO #zz", &["315 alice #zz :End of /WHO list"]),
        (
            "WHO #a",
            &[
                "352 alice #a ~u irc.roomd * alice H@ :0 Somebody",
                "352 alice #a ~u irc.roomd * bob G :0 Somebody",
                "315 alice #a :End of /WHO list",
            ],
        ),
        ("WHO BOB", &["352 alice * ~u irc.roomd * bob G :0 Somebody", "315 alice BOB :End of /WHO list"]),
        ("WHO b*", &["352 alice * ~u irc.roomd * bob G :0 Somebody", "315 alice b* :End of /WHO list"]),
        ("WHO * o", &["315 alice * :End of /WHO list"]),
        ("WHOIS", &["431 alice :No nickname given"]),
        ("WHOIS zz", &["401 alice zz :No such nick/channel", "318 alice zz :End of /WHOIS list"]),
        (
            "WHOIS irc.roomd bob",
            &[
                "311 alice bob ~u irc.roomd * :Somebody",
                "319 alice bob :#a",
                "312 alice bob irc.roomd :roomd",
                "301 alice bob :lunch",
                "318 alice bob :End of /WHOIS list",
            ],
        ),
        ("WHOWAS bob", &["406 alice bob :There was no such nickname", "369 alice bob :End of WHOWAS"]),
        ("ISON :bob zz ALICE", &["303 alice :bob alice"]),
        ("ISON zz", &["303 alice :"]),
        ("USERHOST bob alice", &["302 alice :bob=-~u@irc.roomd alice=+~u@irc.roomd"]),
    ] {
        let answers: Vec<_> = answers.iter().map(|answer| format!(":irc.roomd {answer}")).collect();
        assert_eq!(alice.ask(line), answers, "{line}");
    }
    bob.expect("AWAY", &[":irc.roomd 305 bob :You are no longer marked as being away"]);
}

#[test]
fn names_have_as_many_lines_as_they_take() {
    let server = server();
    let mut many: Vec<_> =
        (0..30).map(|number| IrcClient::named(&server, &format!("a-rather-long-nickname-{number:02}"))).collect();
    for client in &mut many {
        client.ask("JOIN #crowd");
    }
    let lines = many[0].ask("NAMES #crowd");
    assert!(lines.iter().all(|line| line.len() <= 510), "{lines:?}");
    let names =
        lines.iter().filter(|line| line.contains(" 353 ")).flat_map(|line| line.rsplit(':').next().unwrap().split(' '));
    assert_eq!(names.count(), 30);
    assert_eq!(lines.last().unwrap(), ":irc.roomd 366 a-rather-long-nickname-00 #crowd :End of /NAMES list");
}

#[test]
fn channels_are_listed_with_their_members() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.ask("JOIN #a,#b");
    bob.ask("JOIN #a");
    let list = |lines: &[&str]| {
        let lines = lines.iter().map(|line| format!(":irc.roomd 322 alice {line}"));
        let head = std::iter::once(":irc.roomd 321 alice Channel :Users  Name".to_owned());
        head.chain(lines).chain([":irc.roomd 323 alice :End of /LIST".to_owned()]).collect::<Vec<_>>()
    };
    alice.settle();
    for (line, listed) in [
        ("LIST", &["#a 2 :", "#b 1 :"][..]),
        ("LIST #b", &["#b 1 :"]),
        ("LIST #B,#zz", &["#b 1 :"]),
        ("LIST *a", &["#a 2 :"]),
        ("LIST >1", &["#a 2 :"]),
        ("LIST <2", &["#b 1 :"]),
        ("LIST #zz", &[]),
    ] {
        assert_eq!(alice.ask(line), list(listed), "{line}");
    }
}

#[test]
fn a_room_of_another_door_is_a_channel_whatever_its_name() {
    let server = server_with(|_| ());
    let mut ann = LineClient::guest(&server);
    ann.say("/join a,b%2C");
    ann.receive();
    let mut alice = IrcClient::named(&server, "alice");
    let listed = alice.ask("LIST");
    assert!(listed.contains(&":irc.roomd 322 alice #a%2Cb%252C 1 :".to_owned()), "{listed:?}");
    let joined = alice.ask("JOIN #a%2Cb%252C");
    assert_eq!(joined[0], ":alice!~u@irc.roomd JOIN #a%2Cb%252C");
    ann.wait_for("alice joined the room");
}

#[test]
fn what_there_is_not_has_its_numeric() {
    let server = server();
    let mut alice = IrcClient::named(&server, "alice");
    alice.ask("JOIN #a");
    for (line, answer) in [
        ("FOO", "421 alice FOO :Unknown command"),
        ("foo\u{e9} x", "421 alice FOO\u{e9} :Unknown command"),
        ("OPER", "461 alice OPER :Not enough parameters"),
        ("OPER a b", "464 alice :Password incorrect"),
        ("KILL a b", "481 alice :Permission Denied: you are not an operator of the server"),
        ("MOTD other.server", "402 alice other.server :No such server"),
        ("MOTD", "422 alice :There is no message of the day"),
        ("ADMIN", "423 alice irc.roomd :No administrative info available"),
        ("USERS", "446 alice :USERS has been disabled"),
        ("SUMMON x", "445 alice :SUMMON has been disabled"),
        ("STATS u", "219 alice u :End of STATS report: the figures are at /metrics"),
        ("PING", "409 alice :No origin specified"),
        ("MODE alice", "221 alice +i"),
        ("MODE alice +x", "501 alice :Unknown MODE flag"),
        ("MODE zz", "401 alice zz :No such nick/channel"),
        ("MODE #zz", "403 alice #zz :No such channel"),
        ("MODE #a b", "368 alice #a :End of channel ban list"),
        ("MODE #a +x", "472 alice x :is unknown mode char to me"),
        ("MODE #a +o", "696 alice #a o * :It needs a nick"),
        ("MODE #a -n", "696 alice #a n * :This is decided when a room is made, and stays"),
        ("MODE #a +q alice", "482 alice #a :This room belongs to nobody: only an admin may do that"),
        ("JOIN ,,", "461 alice JOIN :Not enough parameters"),
        ("PART ,", "461 alice PART :Not enough parameters"),
        ("KICK #a ,", "461 alice KICK :Not enough parameters"),
        ("PRIVMSG , :x", "411 alice :No recipient given (PRIVMSG)"),
        ("NAMES ,", "366 alice * :End of /NAMES list"),
        ("REDACT alice x", "FAIL REDACT INVALID_TARGET alice :What one says to oneself is kept nowhere"),
        ("TOPIC #a", "331 alice #a :No topic is set"),
        ("TOPIC #zz", "403 alice #zz :No such channel"),
        ("KICK #a zz", "401 alice zz :No such nick/channel"),
        ("KICK #zz alice", "403 alice #zz :No such channel"),
        ("INVITE zz #a", "401 alice zz :No such nick/channel"),
        ("INVITE alice #a", "443 alice alice #a :is already on channel"),
        ("INVITE alice #zz", "403 alice #zz :No such channel"),
    ] {
        alice.expect(line, &[&format!(":irc.roomd {answer}")]);
    }
    // A room that was opened is as old as it is open.
    let told = alice.ask("MODE #a");
    assert_eq!(told[0], ":irc.roomd 324 alice #a +nt");
    assert!(told[1].strip_prefix(":irc.roomd 329 alice #a ").unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    alice.expect(&"x".repeat(511), &[":irc.roomd 417 alice :A line may have 512 bytes"]);
    alice.expect("MODE alice +i", &[":alice!~u@irc.roomd MODE alice :+i"]);
    for (line, command) in [("KICK #a v,w,x,y,z", "KICK"), ("NAMES #v,#w,#x,#y,z", "NAMES")] {
        let told = alice.ask(line);
        let beyond = format!(":irc.roomd 407 alice z :{command} takes 4 targets at most");
        assert_eq!(told.last(), Some(&beyond), "{line}");
    }
    for (line, end) in
        [("INFO", " 374 "), ("HELP", " 706 "), ("LINKS", " 365 "), ("LUSERS", " 266 "), ("TIME", " 391 ")]
    {
        let lines = alice.ask(line);
        assert!(lines.last().unwrap().contains(end), "{line}: {lines:?}");
    }
}

#[test]
fn each_nick_of_a_kick_may_have_a_channel_of_its_own() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.ask("JOIN #a,#b");
    bob.ask("JOIN #a,#b");
    alice.settle();
    alice.expect(
        "KICK #a,#b bob,bob :out",
        &[":alice!~u@irc.roomd KICK #a bob :out", ":alice!~u@irc.roomd KICK #b bob :out"],
    );
    alice.expect("KICK #a,#b bob", &[":irc.roomd 461 alice KICK :It needs one channel, or one for each nick"]);
}

#[test]
fn the_most_users_that_there_were_are_told() {
    let server = server();
    let mut alice = IrcClient::named(&server, "alice");
    let bob = IrcClient::named(&server, "bob");
    drop(bob);
    until("bob has gone", || server.engine().directory.count() == 1);
    let told = alice.ask("LUSERS");
    assert!(told.contains(&":irc.roomd 265 alice 1 2 :Current local users 1, max 2".to_owned()), "{told:?}");
}
