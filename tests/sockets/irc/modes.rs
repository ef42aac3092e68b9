//! MODE of a channel that guests have opened: limits, the topic, and what there is not.

use super::server;
use crate::harness::IrcClient;

#[test]
fn a_channel_is_limited_and_its_topic_opened() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.ask("JOIN #a");
    assert_eq!(alice.ask("MODE #a")[0], ":irc.roomd 324 alice #a +nt");
    alice.expect("MODE #a +l 1", &[":alice!~u@irc.roomd MODE #a +l 1"]);
    assert_eq!(alice.ask("MODE #a")[0], ":irc.roomd 324 alice #a +lnt 1");
    bob.expect("JOIN #a", &[":irc.roomd 471 bob #a :This room is limited to 1 users"]);
    // One change of the room, whatever the number of letters.
    alice.expect("MODE #a -l+m-t", &[":alice!~u@irc.roomd MODE #a -lt+m"]);
    alice.expect("MODE #a -lt+m", &[]);
    bob.ask("JOIN #a");
    alice.settle();
    // Who may not speak may not set it either.
    let refused = bob.ask("TOPIC #a :tea");
    assert!(refused[0].starts_with(":irc.roomd 482 bob #a :"), "{refused:?}");
    alice.expect("MODE #a -m", &[":alice!~u@irc.roomd MODE #a -m"]);
    bob.settle();
    bob.expect("TOPIC #a :tea", &[":bob!~u@irc.roomd TOPIC #a :tea"]);
    alice.expect("MODE #a +t", &[":bob!~u@irc.roomd TOPIC #a :tea", ":alice!~u@irc.roomd MODE #a +t"]);
    bob.settle();
    for line in ["TOPIC #a :coffee", "MODE #a +l 9", "MODE #a -t"] {
        let refused = bob.ask(line);
        assert!(refused.len() == 1 && refused[0].starts_with(":irc.roomd 482 bob #a :"), "{line}: {refused:?}");
    }
}

#[test]
fn a_mode_without_what_it_needs_is_refused() {
    let server = server();
    let mut alice = IrcClient::named(&server, "alice");
    alice.ask("JOIN #a");
    for (line, letter) in [
        ("MODE #a +l", 'l'),
        ("MODE #a +l 0", 'l'),
        ("MODE #a +l -1", 'l'),
        ("MODE #a +l 1000001", 'l'),
        ("MODE #a +k beer", 'k'),
        ("MODE #a -n", 'n'),
        ("MODE #a +i", 'i'),
    ] {
        let refused = alice.ask(line);
        assert!(
            refused.len() == 1 && refused[0].starts_with(&format!(":irc.roomd 696 alice #a {letter} * :")),
            "{line}: {refused:?}"
        );
    }
    assert_eq!(alice.ask("MODE #a")[0], ":irc.roomd 324 alice #a +nt");
}

#[test]
fn who_may_not_change_a_mode_is_told_so_whatever_it_would_change() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.ask("JOIN #a");
    bob.ask("JOIN #a");
    alice.settle();
    let refused = ":irc.roomd 482 bob #a :This room belongs to nobody: only its operators may do that, or an admin";
    for change in [
        "-v bob",
        "+v bob",
        "-v alice",
        "-o bob",
        "+o bob",
        "-o alice",
        "+v zz",
        "+o",
        "-b zz!*@*",
        "+b *",
        "-b m:zz!*@*",
        "-m",
        "+t",
        "-t",
        "-l",
        "+l",
        "+l x",
        "+n",
        "-n",
        "-i",
        "+s",
        "+k beer",
        "-k",
        "+b bob!*@*",
    ] {
        bob.expect(&format!("MODE #a {change}"), &[refused]);
    }
    let only_an_admin = ":irc.roomd 482 bob #a :This room belongs to nobody: only an admin may do that";
    bob.expect("MODE #a +q bob", &[only_an_admin]);
    // Each change that is refused has its answer, and a list is for everybody.
    bob.expect(
        "MODE #a -v+bx-vb bob zz!*@* bob",
        &[
            refused,
            refused,
            ":irc.roomd 472 bob x :is unknown mode char to me",
            refused,
            ":irc.roomd 368 bob #a :End of channel ban list",
        ],
    );
    assert_eq!(alice.settle(), [""; 0]);
}

#[test]
fn a_change_that_cannot_be_is_told_with_its_mode() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.ask("JOIN #a");
    bob.ask("JOIN #a");
    alice.settle();
    alice.expect("MODE #a -b zz!*@*", &[":irc.roomd 696 alice #a b zz!*@* :zz is not banned"]);
    alice.expect("MODE #a -b m:zz!*@*", &[":irc.roomd 696 alice #a b m:zz!*@* :zz is not muted"]);
    // A key that there is not takes no nick with it.
    let told = alice.ask("MODE #a +kv beer bob");
    assert!(told[0].starts_with(":irc.roomd 696 alice #a k * :"), "{told:?}");
    assert_eq!(told[1..], [":alice!~u@irc.roomd MODE #a +v bob"]);
    // The fifth is told as well.
    alice.expect(
        "MODE #a -v+v-v+v-v bob bob bob bob bob",
        &[
            ":alice!~u@irc.roomd MODE #a -v bob",
            ":alice!~u@irc.roomd MODE #a +v bob",
            ":alice!~u@irc.roomd MODE #a -v bob",
            ":alice!~u@irc.roomd MODE #a +v bob",
            ":irc.roomd 696 alice #a v bob :One MODE has 4 of these at most",
        ],
    );
    // A list is told once.
    alice.expect("MODE #a bbbb+b-b", &[":irc.roomd 368 alice #a :End of channel ban list"]);
    bob.settle();
}

#[test]
fn a_user_mode_has_the_sign_before_it() {
    let server = server();
    let mut alice = IrcClient::named(&server, "alice");
    let unknown = ":irc.roomd 501 alice :Unknown MODE flag";
    let no_operator = ":irc.roomd 481 alice :Permission Denied- OPER makes an operator";
    let mode = |modes: &str| format!(":alice!~u@irc.roomd MODE alice :{modes}");
    for (asked, answer, after) in [
        ("+iB", &[mode("+iB")][..], "+Bi"),
        ("-iB", &[mode("+i-B")], "+i"),
        ("B", &[mode("+B")], "+Bi"),
        ("+i-B", &[mode("+i-B")], "+i"),
        ("+B-B", &[mode("-B")], "+i"),
        ("-B+B", &[mode("+B")], "+Bi"),
        ("+xBy", &[unknown.to_owned(), mode("+B")], "+Bi"),
        ("+x", &[unknown.to_owned()], "+Bi"),
        ("+-", &[], "+Bi"),
        ("-o", &[mode("-o")], "+Bi"),
        ("+i -B", &[mode("+i-B")], "+i"),
        ("+o", &[no_operator.to_owned(), mode("-o")], "+i"),
    ] {
        let answer: Vec<_> = answer.iter().map(String::as_str).collect();
        alice.expect(&format!("MODE alice {asked}"), &answer);
        alice.expect("MODE alice", &[&format!(":irc.roomd 221 alice {after}")]);
    }
}

#[test]
fn a_voice_is_shown_before_the_nick_and_ends_with_its_own_mode() {
    let server = server();
    let (mut alice, mut bob) = (IrcClient::named(&server, "alice"), IrcClient::named(&server, "bob"));
    alice.ask("JOIN #a");
    bob.ask("JOIN #a");
    alice.ask("MODE #a +m");
    bob.settle();
    let refused = bob.ask("MODE #a +v bob");
    assert!(refused.len() == 1 && refused[0].starts_with(":irc.roomd 482 bob #a :"), "{refused:?}");
    alice.expect("MODE #a +v bob", &[":alice!~u@irc.roomd MODE #a +v bob"]);
    alice.expect("MODE #a +v bob", &[]);
    bob.expect("PRIVMSG #a :hi", &[":alice!~u@irc.roomd MODE #a +v bob"]);
    assert_eq!(alice.settle(), [":bob!~u@irc.roomd PRIVMSG #a :hi"]);
    let mut whole = IrcClient::capable(&server, "whole", "multi-prefix");
    assert!(whole.ask("JOIN #a").contains(&":irc.roomd 353 whole = #a :@+alice +bob whole".to_owned()));
    let who = whole.ask("WHO #a");
    assert!(who.iter().any(|line| line.ends_with(" alice H@+ :0 Somebody")), "{who:?}");
    assert!(who.iter().any(|line| line.ends_with(" bob H+ :0 Somebody")), "{who:?}");
    assert!(whole.ask("WHOIS bob").contains(&":irc.roomd 319 whole bob :+#a".to_owned()));
    alice.settle();
    // An operator has a voice already, and to take one role takes no other.
    for line in ["MODE #a +v alice", "MODE #a -v alice", "MODE #a -o bob"] {
        alice.expect(line, &[]);
    }
    alice.expect("MODE #a +o bob", &[":alice!~u@irc.roomd MODE #a +o bob"]);
    alice.expect("MODE #a -v bob", &[]);
    bob.settle();
    let names = |client: &mut IrcClient| client.ask("NAMES #a")[0].clone();
    assert_eq!(names(&mut bob), ":irc.roomd 353 bob = #a :@alice @bob whole");
    alice.expect("MODE #a -o+v bob bob", &[":alice!~u@irc.roomd MODE #a -o bob", ":alice!~u@irc.roomd MODE #a +v bob"]);
    alice.expect("MODE #a -v bob", &[":alice!~u@irc.roomd MODE #a -v bob"]);
    bob.settle();
    bob.expect("PRIVMSG #a :hi", &[":irc.roomd 404 bob #a :Only moderators and users with a voice speak in this room"]);
    for (line, why) in [("MODE #a +v", "696"), ("MODE #a +v zz", "401")] {
        let refused = alice.ask(line);
        assert!(refused.len() == 1 && refused[0].contains(why), "{line}: {refused:?}");
    }
}

#[test]
fn a_bot_says_that_it_is_one_and_others_see_it() {
    let server = server();
    let mut bot = IrcClient::named(&server, "beep");
    let mut tagged = IrcClient::capable(&server, "tagged", "message-tags");
    for client in [&mut bot, &mut tagged] {
        client.ask("JOIN #a");
    }
    bot.settle();
    bot.expect("MODE beep +B", &[":beep!~u@irc.roomd MODE beep :+B"]);
    bot.expect("MODE beep", &[":irc.roomd 221 beep +Bi"]);
    // It is one under another nick too.
    bot.ask("NICK boop");
    let tags_of = |client: &mut IrcClient, text: &str| {
        let line = client.wait_for(&format!("PRIVMSG #a :{text}"));
        line.split(' ').next().unwrap().to_owned()
    };
    bot.ask("PRIVMSG #a :one");
    assert!(tags_of(&mut tagged, "one").ends_with(";bot"));
    assert!(tagged.ask("WHOIS boop").contains(&":irc.roomd 335 tagged boop :is a bot".to_owned()));
    assert!(tagged.ask("WHO boop")[0].ends_with(" boop HB :0 Somebody"));
    bot.expect("MODE boop -B", &[":boop!~u@irc.roomd MODE boop :-B"]);
    bot.ask("PRIVMSG #a :two");
    assert!(!tags_of(&mut tagged, "two").ends_with("bot"));
    assert!(!tagged.ask("WHOIS boop").iter().any(|line| line.contains(" 335 ")));
}
