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
